/** Puts into words why the system could not connect. */
import type { TransportErrorCode } from "./transport-error.js";

/** Returns the code and the text for the errors of all attempts, in the order in which they came. */
export function systemFailure(
  errors: readonly (Error & { readonly code?: string })[],
): readonly [code: TransportErrorCode, text: string] {
  if (errors.length === 0) return ["CONNECTION_FAILED", "the name has no address"];
  const code = decisive(errors)?.code === "ECONNREFUSED" ? "CONNECTION_REFUSED" : "CONNECTION_FAILED";
  return [code, errors.map(({ message }) => message).join("; ")];
}

/** Returns the error that says the most: a refusal says more than that the other family of addresses has no route. */
export function decisive<E extends Error & { readonly code?: string }>(errors: readonly E[]): E | undefined {
  return errors.find(({ code }) => code === "ECONNREFUSED") ?? errors.at(-1);
}
