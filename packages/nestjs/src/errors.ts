/** Errors on their way between Nest and the wire. */
import { GrpcError, isStatus, Status, statusName } from "@trunkline/grpc";
import { GrpcMetadata, toMetadata } from "./metadata.js";

/**
 * The error of a call at its client, with the fields that Nest's users know of grpc-js: `code` is the number of the
 * status, `details` its text. `cause` is the `GrpcError`.
 */
export class GrpcServiceError extends Error {
  override name = "GrpcServiceError";
  readonly code: Status;
  readonly details: string;
  readonly metadata: GrpcMetadata;

  constructor(error: GrpcError) {
    super(`${error.status} ${statusName(error.status)}: ${error.message}`, { cause: error });
    this.code = error.status;
    this.details = error.message;
    this.metadata = new GrpcMetadata(error.metadata);
  }
}

/** Returns the error that a client's observable gives on. */
export function toServiceError(error: unknown): unknown {
  return error instanceof GrpcError ? new GrpcServiceError(error) : error;
}

/**
 * Returns the status for what a handler has thrown or a filter has made of it. An object with a `code` from 1 to 16,
 * such as `new RpcException({ code, message })` has, gives that status; anything else is UNKNOWN with its text.
 */
export function toGrpcError(thrown: unknown): GrpcError {
  if (thrown instanceof GrpcError) return thrown;
  const given = Object(hasError(thrown) ? thrown.getError() : thrown) as {
    code?: unknown;
    details?: unknown;
    message?: unknown;
    metadata?: unknown;
  };
  const { code, details, message } = given;
  const text = [details, message, thrown].find((each) => typeof each === "string") ?? "";
  const status = isStatus(code as number) && code !== Status.OK ? (code as Status) : Status.UNKNOWN;
  try {
    return new GrpcError(status, text as string, { metadata: toMetadata(given.metadata), cause: thrown });
  } catch (cause) {
    // Its metadata cannot be sent.
    return new GrpcError(Status.INTERNAL, "the error of the handler has metadata that cannot be sent", { cause });
  }
}

/** Recognises an `RpcException` that no filter has taken apart. */
function hasError(thrown: unknown): thrown is { getError(): unknown } {
  return typeof (Object(thrown) as { getError?: unknown }).getError === "function";
}
