/**
 * `StreamRequest` and `StreamResponse` of jumpstarter.v1, which are the same on the wire: bytes `payload` (1) and enum
 * `frame_type` (2). They are read and written by hand, since every byte that a router moves goes through here: a frame
 * is scanned, never rebuilt.
 */
import { Buffer } from "node:buffer";
import type { MessageCodec } from "@trunkline/grpc";

/**
 * The types of frames; the numbers mirror HTTP/2's. A peer may use others: a router passes them on, a receiver ignores
 * them.
 */
export const RouterFrameType = {
  DATA: 0x00,
  /** Metadata of the next DATA (`trunkline.v1.Fields`). */
  HEADERS: 0x01,
  /** The abort of the stream, in both directions (`trunkline.v1.Abort`). */
  RST_STREAM: 0x03,
  /** The position of a side of a session (`trunkline.v1.Hello`). */
  SETTINGS: 0x04,
  /** The question for a sign of life, or its answer (`trunkline.v1.Ping`). */
  PING: 0x06,
  /** The end of this direction, with its proof (`trunkline.v1.End`). */
  GOAWAY: 0x07,
  /** The count of what a side of a session has received, and its credit (`trunkline.v1.Ack`). */
  WINDOW_UPDATE: 0x08,
  /** The number of a session's next record (`trunkline.v1.Start`). */
  CONTINUATION: 0x09,
  /** The word of a session's router that it is about to close. It has no payload. */
  ALTSVC: 0x0a,
} as const;

/** One message of `RouterService.Stream`. */
export interface Frame {
  readonly payload: Uint8Array;
  /** The type: any int32, see `RouterFrameType`. */
  readonly frameType: number;
}

/** An error for bytes that cannot be read as a frame. */
export class FrameError extends Error {
  override name = "FrameError";
  readonly code = "MALFORMED_FRAME";
}

const noBytes: Uint8Array = new Uint8Array(0);

// Tags: field number << 3 | wire type.
const payloadTag = 0x0a;
const frameTypeTag = 0x10;

/**
 * Returns the frame as protobuf, with fields in order and defaults left out, as every encoder writes it.
 * @param allocate returns memory of so many bytes, of any content
 */
export function encodeFrame(
  { payload, frameType }: Frame,
  allocate: (bytes: number) => Uint8Array = inPool,
): Uint8Array {
  const { length } = payload;
  const payloadBytes = length === 0 ? 0 : 1 + varintBytes(length) + length;
  const bytes = allocate(payloadBytes + (frameType === 0 ? 0 : 1 + varintBytes(frameType)));
  if (length > 0) {
    bytes[0] = payloadTag;
    bytes.set(payload, writeVarint(bytes, 1, length));
  }
  if (frameType !== 0) {
    bytes[payloadBytes] = frameTypeTag;
    writeVarint(bytes, payloadBytes + 1, frameType);
  }
  return bytes;
}

function inPool(bytes: number): Uint8Array {
  return Buffer.allocUnsafe(bytes);
}

/** Reads a frame, whose payload may be a view of `bytes`. @throws FrameError */
export function decodeFrame(bytes: Uint8Array): Frame {
  const { payloadStart, payloadEnd, frameType } = scan(bytes);
  return { payload: payloadStart === payloadEnd ? noBytes : bytes.subarray(payloadStart, payloadEnd), frameType };
}

/** Returns true for the bytes of a frame that aborts its stream, written as every encoder writes it. */
export function isAbortFrame(bytes: Uint8Array): boolean {
  const { length } = bytes;
  // The type stands at the end; the end of a payload may look like it.
  const mayBe = bytes[length - 1] === RouterFrameType.RST_STREAM && bytes[length - 2] === frameTypeTag;
  return mayBe && scan(bytes).frameType === RouterFrameType.RST_STREAM;
}

/** The codec of peers, which look into frames. */
export const frameCodec: MessageCodec<Frame> = {
  encode: encodeFrame,
  decode: decodeFrame,
};

/**
 * The codec of routers, which pass frames on: it checks them and leaves them as they came. Only unknown fields are
 * taken out, as by any router that decodes and encodes.
 */
export const forwardedFrameCodec: MessageCodec<Uint8Array> = {
  // A router sends a frame once and looks at it no more.
  passesOn: true,
  encode: (bytes) => bytes,
  decode(bytes) {
    const { payloadStart, payloadEnd, frameType, hasUnknownFields } = scan(bytes);
    if (!hasUnknownFields) return bytes;
    return encodeFrame({ payload: bytes.subarray(payloadStart, payloadEnd), frameType });
  },
};

/** The codec of peers that send frames which they keep as messages, to send them again. */
export const keptFrameCodec: MessageCodec<Uint8Array> = { ...forwardedFrameCodec, passesOn: false };

interface Scan {
  payloadStart: number;
  payloadEnd: number;
  frameType: number;
  hasUnknownFields: boolean;
}

function scan(bytes: Uint8Array): Scan {
  const found: Scan = { payloadStart: 0, payloadEnd: 0, frameType: 0, hasUnknownFields: false };
  const { length } = bytes;
  let at = 0;
  while (at < length) {
    let tag = bytes[at] as number;
    let valueAt = at + 1;
    if (tag >= 0x80) {
      valueAt = afterVarint(bytes, at);
      tag = longTag(bytes, at, valueAt);
    }
    if (tag === payloadTag) {
      found.payloadStart = afterVarint(bytes, valueAt);
      found.payloadEnd = at = endOfLength(bytes, valueAt, found.payloadStart);
    } else if (tag === frameTypeTag) {
      found.frameType = int32(bytes, valueAt);
      at = afterVarint(bytes, valueAt);
    } else {
      found.hasUnknownFields = true;
      at = skipField(bytes, at);
    }
  }
  return found;
}

/** The deepest nesting of groups: protobuf's own limit for messages. */
const maxGroupDepth = 100;

/** Returns the offset behind the field at `start`, of whatever type. @throws FrameError */
function skipField(bytes: Uint8Array, start: number): number {
  const groups: number[] = [];
  let at = start;
  do {
    const tagAt = at;
    at = afterVarint(bytes, tagAt);
    const tag = longTag(bytes, tagAt, at);
    const field = tag >>> 3;
    if (field === 0) throw new FrameError(`field number 0 at byte ${at - 1}`);
    switch (tag & 7) {
      case 0:
        at = afterVarint(bytes, at);
        break;
      case 1:
        at = within(bytes, at + 8);
        break;
      case 2:
        at = endOfLength(bytes, at, afterVarint(bytes, at));
        break;
      case 3:
        if (groups.length === maxGroupDepth) throw new FrameError(`groups are nested more than ${maxGroupDepth} deep`);
        groups.push(field);
        break;
      case 4:
        if (groups.pop() !== field) throw new FrameError(`a group with field number ${field} ends that did not begin`);
        break;
      case 5:
        at = within(bytes, at + 4);
        break;
      default:
        throw new FrameError(`unknown wire type ${tag & 7} of field ${field}`);
    }
  } while (groups.length > 0);
  return at;
}

function within(bytes: Uint8Array, end: number): number {
  if (end > bytes.length) throw new FrameError(`truncated: a field ends at byte ${end} of ${bytes.length}`);
  return end;
}

/** Returns the offset behind the varint at `start`. @throws FrameError */
function afterVarint(bytes: Uint8Array, start: number): number {
  for (let at = start; at < start + 10; at++) {
    if (at >= bytes.length) throw new FrameError(`truncated: a number goes on after byte ${bytes.length}`);
    if ((bytes[at] as number) < 0x80) return at + 1;
  }
  throw new FrameError(`a number at byte ${start} is longer than 10 bytes`);
}

/** Returns the low 32 bits of the varint at `start`, which `afterVarint` checks. */
function int32(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) break;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) break;
  }
  return value;
}

/**
 * Returns the tag in the bytes from `start` to `end`. A tag may be written longer than it needs; past 32 bits there is
 * no field number.
 */
function longTag(bytes: Uint8Array, start: number, end: number): number {
  let tag = 0;
  for (let at = end - 1; at >= start; at--) tag = tag * 128 + ((bytes[at] as number) & 0x7f);
  if (tag > 0xffffffff) throw new FrameError(`the tag at byte ${start} is longer than 32 bits`);
  return tag;
}

/** Returns the end of the field whose length stands from `start` to `dataStart`. @throws FrameError */
function endOfLength(bytes: Uint8Array, start: number, dataStart: number): number {
  let length = 0;
  for (let at = dataStart - 1; at >= start; at--) length = length * 128 + ((bytes[at] as number) & 0x7f);
  return within(bytes, dataStart + length);
}

function varintBytes(value: number): number {
  if (value < 0) return 10;
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/**
 * Writes an int32; negative ones take 10 bytes, as the 64-bit numbers that they are on the wire. @returns the offset
 * behind it
 */
function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value >>> 0;
  if (value < 0) {
    for (; at < start + 4; at++, rest >>>= 7) bytes[at] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest | 0xf0;
    for (; at < start + 9; at++) bytes[at] = 0xff;
    bytes[at++] = 1;
    return at;
  }
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
  bytes[at++] = rest;
  return at;
}
