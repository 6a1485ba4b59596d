/** Turns an answer of the admin service into a line and an exit code. */
import { GrpcError, Status } from "@trunkline/grpc";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { type Attempt, routerFailure } from "../grpc-failure.js";

/** Returns the error for the user whose request to the admin service of a router has failed with `error`. */
export function adminFailure(error: unknown, attempt: Attempt): CommandError {
  const fail = (message: string, exitCode: ExitCode): CommandError =>
    new CommandError(message, exitCode, { cause: error });
  if (error instanceof RangeError) return fail(error.message, ExitCode.usage);
  if (error instanceof GrpcError && error.status === Status.NOT_FOUND)
    return fail(`${reasonOf(error)} at ${attempt.endpoint}`, ExitCode.unknownName);
  if (error instanceof GrpcError && error.status === Status.UNIMPLEMENTED)
    return fail(`the router at ${attempt.endpoint} has no admin service`, ExitCode.routerUnavailable);
  return routerFailure(error, attempt);
}
