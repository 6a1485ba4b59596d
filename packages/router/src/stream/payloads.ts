/**
 * The payloads of frames other than DATA (trunkline/v1/frames.proto). Most are rare; the end, which each stream has in
 * both directions, is read and written by compiled code.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { reasonText } from "@trunkline/base";
import { GrpcError, isStatus, protobufCodec, Status } from "@trunkline/grpc";
import type { Metadata } from "@trunkline/metadata";
import type { BrokenStreamError } from "@trunkline/streams";
import {
  AbortSchema,
  type End,
  EndSchema,
  FieldsSchema,
  type Ping,
  PingSchema,
} from "../gen/trunkline/v1/frames_pb.js";
import { fieldsToMetadata, metadataToFields } from "./fields.js";
import type { Proof } from "./proof.js";

const endCodec = protobufCodec(EndSchema);

export function encodeEnd({ payloadBytes, dataFrames, crc32 }: Proof): Uint8Array {
  return endCodec.encode({ payloadBytes: BigInt(payloadBytes), dataFrames: BigInt(dataFrames), crc32 });
}

/**
 * Reads an end. Returns undefined for bytes that are not an `End`, as those that another kind of peer may put there.
 */
export function decodeEnd(bytes: Uint8Array): End | undefined {
  try {
    const end = endCodec.decode(bytes);
    return end.$unknown === undefined ? end : undefined;
  } catch {
    return undefined;
  }
}

/** The longest reason of an abort: a few lines of text, which the metadata of a status has to hold. */
const maxReasonChars = 1_024;

/** Returns the error that tells the other side of an abort: a `GrpcError` as it is, ABORTED for any other reason. */
export function abortError(reason: unknown): GrpcError {
  if (reason instanceof GrpcError) return reason;
  const text = reason === undefined ? "the stream was aborted" : reasonText(reason);
  return new GrpcError(Status.ABORTED, text.slice(0, maxReasonChars), { cause: reason });
}

export function encodeAbort({ status, message }: GrpcError): Uint8Array {
  return toBinary(AbortSchema, create(AbortSchema, { code: status, message: message.slice(0, maxReasonChars) }));
}

/** Returns the error that a received abort is on this side, whatever its bytes are. */
export function decodeAbort(bytes: Uint8Array): BrokenStreamError {
  try {
    const { code, message } = fromBinary(AbortSchema, bytes);
    return peerAbort(code, message);
  } catch {
    return peerAbort(Status.ABORTED, "");
  }
}

/** Returns the error that an abort of the other side is on this side. */
export function peerAbort(code: number, message: string): GrpcError {
  const status = isStatus(code) && code !== Status.OK ? code : Status.ABORTED;
  const reason = message === "" ? "" : `: ${message.slice(0, maxReasonChars)}`;
  return new GrpcError(status, `the other side aborted the stream${reason}`);
}

export function encodeFields(metadata: Metadata): Uint8Array {
  return toBinary(FieldsSchema, create(FieldsSchema, metadataToFields(metadata)));
}

/** Reads metadata. @throws Error for bytes that are not `Fields`, or fields that metadata cannot hold */
export function decodeFields(bytes: Uint8Array): Metadata {
  return fieldsToMetadata(fromBinary(FieldsSchema, bytes));
}

export function encodePing(ping: Pick<Ping, "id" | "answer">): Uint8Array {
  return toBinary(PingSchema, create(PingSchema, ping));
}

/** Reads a ping. Returns undefined for bytes that are not a `Ping`. */
export function decodePing(bytes: Uint8Array): Ping | undefined {
  try {
    return fromBinary(PingSchema, bytes);
  } catch {
    return undefined;
  }
}
