/** Reads how a call ended from its trailers, or from the reset of its stream. */
import { ErrorCode, errorCodeName, type HeaderField, type StreamReset } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import { GrpcError, receiveDetails } from "./errors.js";
import { isStatus, Status } from "./status.js";
import { statusDetailsName } from "./status-details.js";
import { decodeStatusMessage } from "./status-message.js";

/**
 * Returns the error that trailers stand for, or undefined for status OK. A header section that is also the trailers is
 * read the same way.
 */
export function errorOfTrailers(fields: readonly HeaderField[], metadata: () => Metadata): GrpcError | undefined {
  let value: string | undefined;
  let message = "";
  let details: string | undefined;
  for (const field of fields) {
    if (field.name === "grpc-status") value = field.value;
    else if (field.name === "grpc-message") message = field.value;
    else if (field.name === statusDetailsName) details ??= field.value;
  }
  if (value === "0") return undefined;
  const text = message === "" ? "" : decodeStatusMessage(message);
  if (value === undefined)
    return new GrpcError(Status.UNKNOWN, "the server ended the call without grpc-status", { metadata: metadata() });
  const status = /^[0-9]{1,3}$/.test(value) ? Number(value) : Number.NaN;
  if (isStatus(status) && status !== Status.OK) {
    const error = new GrpcError(status, text, { metadata: metadata() });
    if (details !== undefined) receiveDetails(error, details);
    return error;
  }
  // A status from a later version of gRPC, or a malformed one, must not look like OK.
  const unknown = `the server ended the call with the unknown grpc-status ${JSON.stringify(value)}`;
  return new GrpcError(Status.UNKNOWN, text === "" ? unknown : `${unknown}: ${text}`, { metadata: metadata() });
}

/** The statuses that the codes of RST_STREAM stand for (gRPC over HTTP/2, "Errors"). */
const statusOfReset: Readonly<Record<number, Exclude<Status, 0>>> = {
  [ErrorCode.REFUSED_STREAM]: Status.UNAVAILABLE,
  [ErrorCode.CANCEL]: Status.CANCELLED,
  [ErrorCode.ENHANCE_YOUR_CALM]: Status.RESOURCE_EXHAUSTED,
  [ErrorCode.INADEQUATE_SECURITY]: Status.PERMISSION_DENIED,
};

/**
 * Returns the error that a reset stream or a lost connection stands for. @param peer `"the server"` or `"the client"`
 */
export function errorOfReset(reset: StreamReset, peer: string): GrpcError {
  const { errorCode, scope, origin, unprocessed, cause } = reset;
  if (scope === "connection")
    return new GrpcError(Status.UNAVAILABLE, `the connection to ${peer} was lost: ${reset.message}`, { cause });
  const status = unprocessed ? Status.UNAVAILABLE : (statusOfReset[errorCode] ?? Status.INTERNAL);
  const who = origin === "remote" ? peer : "this side";
  return new GrpcError(status, `${who} reset the call with ${errorCodeName(errorCode)}: ${reset.message}`, { cause });
}
