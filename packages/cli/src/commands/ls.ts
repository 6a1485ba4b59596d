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
  const width = names.reduce((widest, { name }) => Math.max(widest, printable(name).length), 0);
  for (const { name, since, metadata } of names) {
    // The clocks of two machines differ.
    const age = formatDuration(Math.max(0, nowMs - since.getTime()));
    const protocol = isUdp(metadata) ? { protocol: "udp" } : {};
    output.result(
      { event: "name", name, since: since.toISOString(), ...protocol },
      `${printable(name).padEnd(width)}  for ${age}${isUdp(metadata) ? "  udp" : ""}`,
    );
  }
  if (names.length === 0)
    output.note("info", { event: "no-names", endpoint: client.endpoint }, `nothing is exposed at ${client.endpoint}`);
}
