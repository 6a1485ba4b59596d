/** The text of anything that was thrown, for messages. */
import { isError } from "./kind-of.js";

/** Returns the text of `reason`, for the message of an error that keeps `reason` as its `cause`. */
export function reasonText(reason: unknown): string {
  if (isError(reason)) return reason.message;
  return typeof reason === "string" ? reason : String(reason);
}
