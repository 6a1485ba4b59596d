/** `trunkline drain`: ends a router in order, as SIGTERM does. */
import { withAdmin } from "../admin/with-admin.js";
import { type Context, maxGraceMs } from "../context.js";
import { parseDuration } from "../duration.js";
import { formatDuration } from "../format.js";
import type { AccessOptions } from "../router-access.js";

/** Options of `trunkline drain`. */
export interface DrainOptions extends AccessOptions {
  readonly deadline?: string;
}

/** Asks the router to drain; it does so after the answer. @throws CommandError */
export async function drain(options: DrainOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  // 0 would be the router's own time.
  const deadlineMs =
    options.deadline === undefined ? undefined : Math.max(1, parseDuration(options.deadline, "--deadline", maxGraceMs));
  const endpoint = await withAdmin(options, context, async (admin, endpoint) => {
    await admin.drain({ deadlineMs, signal });
    return endpoint;
  });
  const time = deadlineMs === undefined ? "its --grace" : formatDuration(deadlineMs);
  output.result(
    { event: "draining", endpoint, ...(deadlineMs !== undefined && { deadlineMs }) },
    `the router at ${endpoint} drains: streams that cannot move have ${time}, and then it ends`,
  );
}
