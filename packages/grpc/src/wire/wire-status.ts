/**
 * How a call ended, read from what HTTP/2 says: trailers with `grpc-status`, an HTTP status without one, or a reset stream.
 */
import { ErrorCode, errorCodeName, type HeaderField, type StreamReset } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import { GrpcError, receiveDetails } from "./errors.js";
import { isStatus, Status } from "./status.js";
import { statusDetailsName } from "./status-details.js";
import { decodeStatusMessage } from "./status-message.js";

/** https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
const statusOfHttp: Readonly<Record<string, Status>> = {
  "400": Status.INTERNAL,
  "401": Status.UNAUTHENTICATED,
  "403": Status.PERMISSION_DENIED,
  "404": Status.UNIMPLEMENTED,
  "429": Status.UNAVAILABLE,
  "502": Status.UNAVAILABLE,
  "503": Status.UNAVAILABLE,
  "504": Status.UNAVAILABLE,
};

/** The status of an answer that is not gRPC's: of a proxy, or of a server of something else. */
export function errorOfHttp(httpStatus: string, contentType: string | undefined): GrpcError {
  if (httpStatus !== "200")
    return new GrpcError(
      statusOfHttp[httpStatus] ?? Status.UNKNOWN,
      `the server answered with HTTP status ${httpStatus}`,
    );
  const what = contentType === undefined ? "no content-type" : `content-type ${JSON.stringify(contentType)}`;
  return new GrpcError(Status.UNKNOWN, `the server's answer is not gRPC: ${what}`);
}

/** What trailers (or a header section that is also the trailers) say: undefined for OK. */
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
  // A status of a later time, or nonsense: neither may look like OK.
  const unknown = `the server ended the call with the unknown grpc-status ${JSON.stringify(value)}`;
  return new GrpcError(Status.UNKNOWN, text === "" ? unknown : `${unknown}: ${text}`, { metadata: metadata() });
}

/** gRPC over HTTP/2, "Errors": what the code of RST_STREAM means. */
const statusOfReset: Readonly<Record<number, Exclude<Status, 0>>> = {
  [ErrorCode.REFUSED_STREAM]: Status.UNAVAILABLE,
  [ErrorCode.CANCEL]: Status.CANCELLED,
  [ErrorCode.ENHANCE_YOUR_CALM]: Status.RESOURCE_EXHAUSTED,
  [ErrorCode.INADEQUATE_SECURITY]: Status.PERMISSION_DENIED,
};

/** @param peer who is named: `"the server"`, `"the client"` */
export function errorOfReset(reset: StreamReset, peer: string): GrpcError {
  const { errorCode, scope, origin, unprocessed, cause } = reset;
  if (scope === "connection")
    return new GrpcError(Status.UNAVAILABLE, `the connection to ${peer} was lost: ${reset.message}`, { cause });
  const status = unprocessed ? Status.UNAVAILABLE : (statusOfReset[errorCode] ?? Status.INTERNAL);
  const who = origin === "remote" ? peer : "this side";
  return new GrpcError(status, `${who} reset the call with ${errorCodeName(errorCode)}: ${reset.message}`, { cause });
}
