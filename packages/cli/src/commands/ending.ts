/** How the commands that carry connections end. */
import type { Connections } from "../connections.js";
import type { Context } from "../context.js";
import { formatDuration } from "../format.js";
import { Interrupted } from "../interruption.js";

/** Lets the connections end for `graceMs`; says so if there are any. */
export async function endCarrying(
  connections: Connections,
  graceMs: number,
  { output, signal }: Context,
): Promise<void> {
  tellEnding({ output, signal }, connections.size, graceMs);
  await connections.end(graceMs);
}

/** An event always; a line only if there is something to wait for. */
export function tellEnding(
  { output, signal }: Pick<Context, "output" | "signal">,
  open: number,
  graceMs: number,
): void {
  const by = signal.reason instanceof Interrupted ? signal.reason.by : undefined;
  const waiting = open === 0 || graceMs === 0 ? "" : `; waiting up to ${formatDuration(graceMs)} for ${open} open`;
  output.note(
    waiting === "" ? "debug" : "info",
    { event: "ending", ...(by !== undefined && { by }), open },
    `ending${waiting} (again to end at once)`,
  );
}
