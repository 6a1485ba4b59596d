/** The header fields of a call that belong to gRPC. They are written once for many calls, and read in one pass. */
import type { HeaderField } from "@trunkline/h2";
import { Metadata, reservedKeyReason } from "@trunkline/metadata";
import type { Compression } from "./compression.js";
import { GrpcError } from "./errors.js";
import { Status } from "./status.js";
import { encodeStatusMessage } from "./status-message.js";
import { decodeTimeout, encodeTimeout } from "./timeout.js";

const plainContentType = "application/grpc";
const jsonContentType = "application/grpc+json";

function field(name: string, value: string): HeaderField {
  return Object.freeze({ name, value });
}

/** The header fields that all requests of one method share, made once. `grpc-timeout` goes between the two parts. */
export interface RequestHead {
  readonly pseudo: readonly HeaderField[];
  readonly rest: readonly HeaderField[];
  /** Both parts together, for calls that have no fields of their own. */
  readonly all: readonly HeaderField[];
}

/** The parts of a request that are the same for all calls of a client. */
export interface RequestOrigin {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly userAgent: string;
}

/**
 * Makes the fields that all requests of a method share. @param json true if its messages go in the JSON form of
 * protobuf
 */
export function requestHead(origin: RequestOrigin, path: string, acceptEncoding: string, json: boolean): RequestHead {
  const { scheme, authority, userAgent } = origin;
  const pseudo = [
    field(":method", "POST"),
    field(":scheme", scheme),
    field(":path", path),
    field(":authority", authority),
  ];
  const rest = [
    field("te", "trailers"),
    field("content-type", json ? jsonContentType : plainContentType),
    field("user-agent", userAgent),
    acceptEncodingField(acceptEncoding),
  ];
  return { pseudo, rest, all: [...pseudo, ...rest] };
}

/**
 * Returns the fields of one request. The timeout is never indexed: it changes with every call, and would only drive
 * other fields out of the compression table.
 */
export function requestFields(
  head: RequestHead,
  remainingMs: number | undefined,
  metadata: readonly HeaderField[],
  compression: Compression | undefined,
): readonly HeaderField[] {
  if (compression !== undefined)
    return requestFields(head, remainingMs, [encodingField(compression), ...metadata], undefined);
  if (remainingMs === undefined) return metadata.length === 0 ? head.all : [...head.all, ...metadata];
  const timeout = { name: "grpc-timeout", value: encodeTimeout(remainingMs), neverIndexed: true };
  return [...head.pseudo, timeout, ...head.rest, ...metadata];
}

const previousAttemptsName = "grpc-previous-rpc-attempts";

/** Returns the field that tells the server how many attempts of a call have failed before. */
export function previousAttemptsField(attempts: number): HeaderField {
  return { name: previousAttemptsName, value: String(attempts) };
}

/** Returns the number of attempts that have failed before, as a client has told it; 0 where it has not. */
export function readPreviousAttempts(fields: readonly HeaderField[]): number {
  const value = fields.find(({ name }) => name === previousAttemptsName)?.value ?? "";
  return /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

const retryPushbackName = "grpc-retry-pushback-ms";
const noFields: readonly HeaderField[] = [];

/** Returns the field that tells a client when to try again, where there is something to tell. */
export function retryPushbackFields(ms: number | undefined): readonly HeaderField[] {
  return ms === undefined ? noFields : [{ name: retryPushbackName, value: String(ms) }];
}

/** The status and the pushback of response headers that are the trailers, too. */
export interface FailedAnswer {
  readonly status: number;
  /** The server's `grpc-retry-pushback-ms`. */
  readonly pushback: string | undefined;
}

/** Reads what a retry depends on; undefined where the status is not gRPC's. */
export function readFailedAnswer(fields: readonly HeaderField[]): FailedAnswer | undefined {
  const status = fields.find(({ name }) => name === "grpc-status")?.value ?? "";
  if (!/^\d{1,2}$/.test(status)) return undefined;
  return { status: Number(status), pushback: fields.find(({ name }) => name === retryPushbackName)?.value };
}

/** The fields of a request that a server reads. */
export interface RequestHeaders {
  method: string;
  path: string;
  contentType: string | undefined;
  userAgent: string | undefined;
  encoding: string | undefined;
  acceptEncoding: string | undefined;
  /** The shortest of all `grpc-timeout` fields; NaN if one is malformed. */
  timeoutMs: number | undefined;
}

/** Reads the fields of a request in one pass. */
export function readRequest(fields: readonly HeaderField[]): RequestHeaders {
  const request: RequestHeaders = {
    method: "",
    path: "",
    contentType: undefined,
    userAgent: undefined,
    encoding: undefined,
    acceptEncoding: undefined,
    timeoutMs: undefined,
  };
  for (const { name, value } of fields) {
    switch (name) {
      case ":method":
        request.method = value;
        break;
      case ":path":
        request.path = value;
        break;
      case "content-type":
        request.contentType = value;
        break;
      case "user-agent":
        request.userAgent = value;
        break;
      case "grpc-encoding":
        request.encoding = value;
        break;
      case "grpc-accept-encoding":
        request.acceptEncoding = request.acceptEncoding === undefined ? value : `${request.acceptEncoding},${value}`;
        break;
      case "grpc-timeout": {
        const timeoutMs = decodeTimeout(value) ?? Number.NaN;
        request.timeoutMs = request.timeoutMs === undefined ? timeoutMs : Math.min(request.timeoutMs, timeoutMs);
        break;
      }
    }
  }
  return request;
}

/** The fields that a client reads in the first header section of an answer. */
export interface ResponseHeaders {
  httpStatus: string;
  contentType: string | undefined;
  /** The HTTP compression of the whole answer, which a server of gRPC does not use. */
  contentEncoding: string | undefined;
  /** The compression of messages, `grpc-encoding`. */
  encoding: string | undefined;
}

/** Reads the fields of an answer in one pass. */
export function readResponse(fields: readonly HeaderField[]): ResponseHeaders {
  const response: ResponseHeaders = {
    httpStatus: "",
    contentType: undefined,
    contentEncoding: undefined,
    encoding: undefined,
  };
  for (const { name, value } of fields) {
    if (name === ":status") response.httpStatus = value;
    else if (name === "content-type") response.contentType = value;
    else if (name === "grpc-encoding") response.encoding = value;
    else if (name === "content-encoding") response.contentEncoding = value;
  }
  return response;
}

/** Returns true for `application/grpc` and `application/grpc+proto`, and false for other formats such as `+json`. */
export function isGrpcContentType(contentType: string | undefined): boolean {
  if (contentType === plainContentType || contentType === "application/grpc+proto") return true;
  return contentType !== undefined && /^application\/grpc(\+proto)?[ \t]*(;|$)/i.test(contentType);
}

/** Returns true for protobuf in its JSON form. */
export function isGrpcJsonContentType(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc\+json[ \t]*(;|$)/i.test(contentType);
}

/** The beginning of an answer. It repeats the content-type of the request, for peers that compare the two. */
const plainResponse: readonly HeaderField[] = [field(":status", "200"), field("content-type", plainContentType)];
const protoResponse: readonly HeaderField[] = [
  field(":status", "200"),
  field("content-type", "application/grpc+proto"),
];
const jsonResponse: readonly HeaderField[] = [field(":status", "200"), field("content-type", jsonContentType)];

/** Returns the fields that an answer begins with. */
export function responseHead(requestContentType: string | undefined): readonly HeaderField[] {
  if (requestContentType === plainContentType) return plainResponse;
  if (isGrpcJsonContentType(requestContentType)) return jsonResponse;
  return requestContentType?.includes("+proto") ? protoResponse : plainResponse;
}

const okTrailers: readonly HeaderField[] = [field("grpc-status", "0")];

/** Returns the trailers of a call, without details. */
export function trailerFields(
  status: number,
  message: string,
  metadata: readonly HeaderField[],
): readonly HeaderField[] {
  if (status === 0 && message === "" && metadata.length === 0) return okTrailers;
  const fields = [field("grpc-status", String(status))];
  if (message !== "") fields.push(field("grpc-message", encodeStatusMessage(message)));
  return metadata.length === 0 ? fields : [...fields, ...metadata];
}

/** Returns the field that names the compression of the messages. */
export function encodingField({ name }: Compression): HeaderField {
  return field("grpc-encoding", name);
}

/**
 * Returns the field that lists the known encodings, for all requests and for the answer to a request in an unknown one.
 */
export function acceptEncodingField(acceptEncoding: string): HeaderField {
  return field("grpc-accept-encoding", acceptEncoding);
}

/** Returns the size of a header section as RFC 9113 §6.5.2 counts it: 32 bytes a field beside its text. */
export function listBytes(fields: readonly HeaderField[]): number {
  let bytes = 0;
  for (const { name, value } of fields) bytes += name.length + value.length + 32;
  return bytes;
}

/**
 * Returns the error for a header section that is larger than the peer takes, or undefined for one that is not. A peer
 * that gets more than it announced ends the stream, or even the connection with all its calls.
 */
export function oversize(what: string, fields: readonly HeaderField[], maxBytes: number): GrpcError | undefined {
  const bytes = maxBytes === Number.POSITIVE_INFINITY ? 0 : listBytes(fields);
  if (bytes <= maxBytes) return undefined;
  return new GrpcError(
    Status.RESOURCE_EXHAUSTED,
    `${what} of ${bytes} bytes are larger than the peer takes (${maxBytes})`,
  );
}

/** Returns the metadata in a header section: the fields that do not belong to HTTP/2 or gRPC. */
export function metadataOf(fields: readonly HeaderField[]): Metadata {
  const own = fields.filter(({ name }) => reservedKeyReason(name) === undefined);
  return own.length === 0 ? Metadata.empty : Metadata.fromWire(own);
}
