/**
 * The details of errors that google.rpc describes. An entry of its own: their descriptors take two milliseconds to
 * load, which a program that uses none need not wait for. Importing it makes these types known to `GrpcError`.
 */
import type { Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type BadRequest,
  BadRequestSchema,
  type DebugInfo,
  DebugInfoSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type Help,
  HelpSchema,
  type LocalizedMessage,
  LocalizedMessageSchema,
  type PreconditionFailure,
  PreconditionFailureSchema,
  type QuotaFailure,
  QuotaFailureSchema,
  type RequestInfo,
  RequestInfoSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";
import type { GrpcError } from "../wire/errors.js";
import { registerDetails, unpackKnownDetail } from "../wire/status-details.js";

export * from "../gen/google/rpc/error_details_pb.js";
export { type Status as RpcStatus, StatusSchema as RpcStatusSchema } from "../gen/google/rpc/status_pb.js";
export { type Detail, detail, registerDetails } from "../wire/status-details.js";

registerDetails(
  BadRequestSchema,
  DebugInfoSchema,
  ErrorInfoSchema,
  HelpSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
);

/** A detail of google.rpc; `$typeName` tells which. */
export type GoogleDetail =
  | BadRequest
  | DebugInfo
  | ErrorInfo
  | Help
  | LocalizedMessage
  | PreconditionFailure
  | QuotaFailure
  | RequestInfo
  | ResourceInfo
  | RetryInfo;

/**
 * All details of an error, unpacked where their type is one of google.rpc or was registered; others, and malformed
 * ones, stay as the `Any` they came as. One type is had more simply by `error.detail(schema)`.
 */
export function unpackDetails(error: GrpcError): (GoogleDetail | Any | Message)[] {
  return error.details.map((packed) => unpackKnownDetail(packed) ?? packed);
}
