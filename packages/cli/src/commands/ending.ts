/** The end of the commands that carry connections. */
import { formatBytes } from "@trunkline/base";
import type { Connections } from "../connections.js";
import type { Context } from "../context.js";
import { formatDuration } from "../format.js";
import { Interrupted } from "../interruption.js";

/** Lets the connections end for `graceMs`, and writes their totals. */
export async function endCarrying(
  connections: Connections,
  graceMs: number,
  { output, signal }: Context,
): Promise<void> {
  tellEnding({ output, signal }, connections.size, graceMs);
  await connections.end(graceMs);
  const { counts } = connections;
  const { broken, refused, bytesToTarget, bytesFromTarget, droppedDatagrams } = counts;
  const limits = refused === 0 ? "" : `, ${refused} more were refused because a limit was met`;
  const dropped = droppedDatagrams === 0 ? "" : `; ${droppedDatagrams} datagrams were dropped`;
  const moved = `${formatBytes(bytesToTarget)} to the target and ${formatBytes(bytesFromTarget)} from it`;
  output.note(
    counts.connections + refused === 0 ? "debug" : "info",
    { event: "summary", ...counts },
    `carried ${counts.connections} connections with ${moved}; ${broken} broke${limits}${dropped}`,
  );
}

/** Writes an event that the command ends, and a line if it waits for open connections. */
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
