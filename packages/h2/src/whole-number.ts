import { ErrorCode } from "./error-code.js";
import { H2Error } from "./errors.js";

/** The value of an option, or its default. @throws H2Error (scope `usage`) naming the option, the value and its range */
export function wholeNumber(
  name: string,
  value: number | undefined,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw usageError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}

/** An option or a call that is wrong by itself, whatever the peer does. */
export function usageError(message: string): H2Error {
  return new H2Error(message, { errorCode: ErrorCode.INTERNAL_ERROR, scope: "usage", origin: "local" });
}
