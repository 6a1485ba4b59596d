/** `trunkline evict NAME`: takes a name from its listeners. */
import { withAdmin } from "../admin/with-admin.js";
import type { Context } from "../context.js";
import { checkExposedName } from "../exposed-name.js";
import { printable } from "../format.js";
import type { AccessOptions } from "../router-access.js";

/** Options of `trunkline evict`. */
export interface EvictOptions extends AccessOptions {
  readonly listener?: string;
  readonly reason?: string;
  readonly killStreams?: boolean;
}

/** Ends the listeners of the name. @throws CommandError */
export async function evict(name: string, options: EvictOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  checkExposedName(name);
  const { listener: listenerId, reason, killStreams = false } = options;
  const { listeners, streams } = await withAdmin(options, context, (admin) =>
    admin.evictName({ name, listenerId, reason, killStreams }, { signal }),
  );
  const ended = killStreams ? `, and ended ${streams} streams` : "; their streams go on";
  output.result(
    { event: "evicted", name, listeners, streams },
    `took ${printable(name)} from ${listeners} ${listeners === 1 ? "listener" : "listeners"}${ended}`,
  );
}
