/** The one line of a transfer that has broken, at either side. */
import { GrpcError, Status } from "@trunkline/grpc";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** Returns the error of a transfer that is incomplete; `reason` is a text, or what the stream has thrown. */
export function incomplete(reason: unknown): CommandError {
  const text = isLost(reason) ? "the other side is gone, or there is no way to it any more" : reasonOf(reason);
  const message = `the transfer is incomplete: ${text}; start both sides again to go on where it stopped`;
  return new CommandError(message, ExitCode.broken, { cause: reason });
}

/** Returns true for a stream whose way was lost: the counts of its attempts are for the log at its finest. */
function isLost(reason: unknown): boolean {
  return reason instanceof GrpcError && reason.status === Status.UNAVAILABLE;
}
