/** One request of a command to the admin service of a router. */
import type { RouterAdmin } from "@trunkline/router";
import type { Context } from "../context.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { adminFailure } from "./admin-failure.js";

/** Runs `work` with the view of the router that the options name. @throws CommandError, the reason of the signal */
export async function withAdmin<Result>(
  options: AccessOptions,
  context: Context,
  work: (admin: RouterAdmin, endpoint: string) => Promise<Result>,
): Promise<Result> {
  const { signal } = context;
  await using access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
  const { admin, endpoint } = await access.client();
  try {
    return await work(admin, endpoint);
  } catch (error) {
    throw signal.aborted ? signal.reason : adminFailure(error, { endpoint });
  }
}
