/** `trunkline kill ID…`: ends streams at a router for good. */
import type { RouterAdmin } from "@trunkline/router";
import { adminFailure } from "../admin/admin-failure.js";
import { withAdmin } from "../admin/with-admin.js";
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import type { AccessOptions } from "../router-access.js";

/** Options of `trunkline kill`. */
export interface KillOptions extends AccessOptions {
  readonly reason?: string;
}

/** The most streams among which the beginning of an id is looked for. */
const maxStreams = 20_000;

/** Ends each stream; one that cannot be ended does not keep the others. @throws CommandError of the first failure */
export async function kill(ids: readonly string[], options: KillOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  await withAdmin(options, context, async (admin, endpoint) => {
    const failures: CommandError[] = [];
    for (const given of new Set(ids)) {
      try {
        const id = await wholeId(admin, given, signal);
        await admin.killStream(id, options.reason, { signal });
        output.result({ event: "killed", id }, `ended the stream ${printable(id)}`);
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(adminFailure(error, { endpoint }));
      }
    }
    const [first, ...others] = failures;
    if (first === undefined) return;
    const more = others.length === 0 ? "" : ` (and ${others.length} more could not be ended)`;
    throw new CommandError(`${first.message}${more}`, first.exitCode, { cause: first });
  });
}

/** Returns the id that a text is, or is the beginning of. @throws CommandError where several begin so */
async function wholeId(admin: RouterAdmin, given: string, signal: AbortSignal): Promise<string> {
  if (given === "") throw new CommandError("the id of a stream must not be empty", ExitCode.usage);
  const { streams } = await admin.snapshot({ filter: given.slice(0, 255), maxStreams, signal });
  const beginning = streams.map(({ id }) => id).filter((id) => id.startsWith(given));
  if (beginning.includes(given) || beginning.length === 0) return given;
  const [only, ...others] = beginning;
  if (others.length === 0) return only as string;
  throw new CommandError(`${beginning.length} streams have ids that begin with ${printable(given)}`, ExitCode.usage);
}
