/** `trunkline ls`: the names that are exposed at a router. */
import type { ListedName } from "@trunkline/router";
import type { Context } from "../context.js";
import { formatDuration, printable } from "../format.js";
import { routerFailure } from "../grpc-failure.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { isUdp } from "../udp/agreement.js";

/** Prints one line for each name. @throws CommandError */
export async function ls(options: AccessOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  await using access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
  const client = await access.client();
  let names: readonly ListedName[];
  try {
    names = await client.list({ signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : routerFailure(error, client);
  }
  const nowMs = Date.now();
  const rows = names.map((listed) => ({ listed, shown: printable(listed.name), detail: detailOf(listed, nowMs) }));
  // A name is never cut, since it is there to be copied. One that is too long for a line does not widen the others.
  const fitting = rows.filter(({ shown, detail }) => shown.length + detail.length + gap.length <= output.columns);
  const width = fitting.reduce((widest, { shown }) => Math.max(widest, shown.length), 0);
  for (const { listed, shown, detail } of rows) {
    const { name, since, metadata } = listed;
    const protocol = isUdp(metadata) ? { protocol: "udp" } : {};
    const event = { event: "name", name, since: since.toISOString(), ...protocol };
    output.result(
      event,
      `${shown.padEnd(Math.min(width, output.columns - gap.length - detail.length))}${gap}${detail}`,
    );
  }
  if (names.length === 0)
    output.note("info", { event: "no-names", endpoint: client.endpoint }, `nothing is exposed at ${client.endpoint}`);
}

const gap = "  ";

function detailOf({ since, metadata }: ListedName, nowMs: number): string {
  // The clocks of two machines differ.
  return `for ${formatDuration(Math.max(0, nowMs - since.getTime()))}${isUdp(metadata) ? "  udp" : ""}`;
}
