/** Puts into words why the system could not connect. */
import type { TransportErrorCode } from "./transport-error.js";

/** An error of Node's, with the system's code, and the name that was looked up where that has failed. */
type SystemError = Error & { readonly code?: string; readonly hostname?: string };

/** Returns the code and the text for the errors of all attempts, in the order in which they came. */
export function systemFailure(errors: readonly SystemError[]): readonly [code: TransportErrorCode, text: string] {
  if (errors.length === 0) return ["CONNECTION_FAILED", "the name has no address"];
  const code = decisive(errors)?.code === "ECONNREFUSED" ? "CONNECTION_REFUSED" : "CONNECTION_FAILED";
  return [code, errors.map(textOf).join("; ")];
}

/** Says of a name that cannot be looked up which one it is: Node's message has the words of the C library. */
function textOf({ code, hostname, message }: SystemError): string {
  if (hostname === undefined) return message;
  if (code === "ENOTFOUND") return `there is no machine of the name ${JSON.stringify(hostname)} (${code})`;
  return code === "EAI_AGAIN" ? `the name ${JSON.stringify(hostname)} cannot be looked up now (${code})` : message;
}

/** Returns the error that says the most: a refusal says more than that the other family of addresses has no route. */
export function decisive<E extends Error & { readonly code?: string }>(errors: readonly E[]): E | undefined {
  return errors.find(({ code }) => code === "ECONNREFUSED") ?? errors.at(-1);
}
