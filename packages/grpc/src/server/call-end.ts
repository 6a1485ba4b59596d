/** The end of a call at a server, as its client and its interceptors are told of it. */
import type { CallEnd } from "../hooks/interceptor.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import type { StatusToSend } from "./status-fields.js";

/**
 * Returns what the client is told of an error that an interceptor threw: an error that is no `GrpcError` loses its
 * text.
 */
export function errorForClient(thrown: unknown): GrpcError {
  return thrown instanceof GrpcError
    ? thrown
    : new GrpcError(Status.UNKNOWN, "an interceptor failed", { cause: thrown });
}

/**
 * Returns the end of a call as interceptors are told of it. `sent` is the status that the client was sent, if one was.
 */
export function endOf(
  sent: StatusToSend | undefined,
  error: Error | undefined,
  requestMessages: number,
  responseMessages: number,
): CallEnd {
  const failed = error instanceof GrpcError ? error.status : Status.CANCELLED;
  const { status, message } = sent ?? { status: failed, message: error?.message ?? "" };
  return { status, message, requestMessages, responseMessages, error };
}
