/** The parts of `send` and `recv` around a transfer. */
import { formatBytes } from "@trunkline/base";
import type { ListedName, RouterStream } from "@trunkline/router";
import type { Context } from "../context.js";
import { formatDuration, formatRate } from "../format.js";
import type { Totals } from "./sender.js";

/** The metadata of a name under which `recv` waits for a transfer. */
export const transferMetadata: Readonly<Record<"trunkline-transfer", string>> = { "trunkline-transfer": "1" };

/** Returns true for a name under which `recv` waits. */
export function receivesTransfers({ metadata }: ListedName): boolean {
  return metadata.get("trunkline-transfer") === transferMetadata["trunkline-transfer"];
}

/** The time for the last bytes to leave, and for the other side to end. */
export const closeTimeoutMs = 5_000;

/** Does the work on a stream, which it closes in order or aborts. The command's signal ends it. */
export async function whileOpen<T>(stream: RouterStream, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const onAbort = (): void => stream.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await work();
    await stream.close({ closeTimeoutMs });
    return result;
  } catch (error) {
    await stream.close({ closeTimeoutMs }).catch(() => {});
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Writes the last line of a transfer. */
export function reportTotals(
  what: "sent" | "received",
  totals: Totals,
  name: string,
  ms: number,
  { output }: Context,
): void {
  const { entries, bytes, resumedBytes } = totals;
  const resumed = resumedBytes === 0 ? "" : `, ${formatBytes(resumedBytes)} of them before`;
  const rate = formatRate(bytes - resumedBytes, ms);
  const count = entries === 1 ? "1 entry" : `${entries} entries`;
  output.result(
    { event: what, name, entries, bytes, resumedBytes, durationMs: Math.round(ms) },
    `${what} ${count}, ${formatBytes(bytes)}${resumed}, in ${formatDuration(ms)} (${rate})`,
  );
}
