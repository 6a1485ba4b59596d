import { ErrorCode } from "../error-code.js";
import { H2Error } from "../errors.js";

/** Returns the error for an option or a call that is wrong by itself, whatever the peer does. */
export function usageError(message: string): H2Error {
  return new H2Error(message, { errorCode: ErrorCode.INTERNAL_ERROR, scope: "usage", origin: "local" });
}
