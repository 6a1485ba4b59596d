/**
 * The payloads of the frames that keep a session: hello, start and acknowledgement (trunkline/v1/frames.proto). Every
 * stream sends some of them, so they are written by hand; what comes from the other side is read by compiled code.
 */
import { Buffer } from "node:buffer";
import { reasonText } from "@trunkline/base";
import { protobufCodec } from "@trunkline/grpc";
import { AckSchema, HelloSchema, StartSchema } from "../gen/trunkline/v1/frames_pb.js";

const helloCodec = protobufCodec(HelloSchema);
const startCodec = protobufCodec(StartSchema);
const ackCodec = protobufCodec(AckSchema);

// Tags: field number << 3 | wire type.
const helloTags = {
  session: 0x0a,
  dialler: 0x10,
  attempt: 0x18,
  received: 0x20,
  receivedCrc32: 0x2d,
  replayBytes: 0x30,
  credit: 0x38,
} as const;
const startTag = 0x08;
const ackTags = { records: 0x08, credit: 0x10 } as const;

/** The most bytes of a field that is a number: a tag, and 10 of the number. */
const mostFieldBytes = 11;

/** The place where payloads are written, before they are copied out in their own size. */
const scratch = new Uint8Array(256);

/** The position of one side of a session. */
export interface Hello {
  /** The name of the session. */
  readonly session: string;
  /** True from the side that dialled. */
  readonly dialler: boolean;
  /** The number that this side gives to the attachment. */
  readonly attempt: number;
  /** The number of records that this side has, and the CRC-32 over them. */
  readonly received: number;
  readonly receivedCrc32: number;
  /** The size of this side's replay buffer in bytes. */
  readonly replayBytes: number;
  /** The cost of records, in bytes, that this side takes in all. */
  readonly credit: number;
}

/** The records that one side has received by now, and the cost of those that it takes in all. */
export interface Ack {
  readonly records: number;
  readonly credit: number;
}

/** An error for a frame of the other side that breaks an attachment. Its message is for logs. */
export class AttachmentError extends Error {
  override name = "AttachmentError";
  readonly code = "ATTACHMENT_BROKEN";
}

/** Returns the hello as protobuf. Each stream begins with one, so nothing is made but the bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  const { session, dialler, attempt, received, receivedCrc32, replayBytes, credit } = hello;
  const name = Buffer.from(session, "utf8");
  const mostBytes = name.length + 7 * mostFieldBytes;
  const bytes = mostBytes <= scratch.length ? scratch : new Uint8Array(mostBytes);
  let at = 0;
  if (name.length > 0) {
    at = writeNumber(bytes, at, helloTags.session, name.length);
    bytes.set(name, at);
    at += name.length;
  }
  at = writeNumber(bytes, at, helloTags.dialler, dialler ? 1 : 0);
  at = writeNumber(bytes, at, helloTags.attempt, attempt);
  at = writeNumber(bytes, at, helloTags.received, received);
  if (receivedCrc32 !== 0) {
    bytes[at++] = helloTags.receivedCrc32;
    for (let shift = 0; shift < 32; shift += 8) bytes[at++] = receivedCrc32 >>> shift;
  }
  at = writeNumber(bytes, at, helloTags.replayBytes, replayBytes);
  at = writeNumber(bytes, at, helloTags.credit, credit);
  return bytes.slice(0, at);
}

/** @throws AttachmentError */
export function decodeHello(bytes: Uint8Array): Hello {
  const { session, dialler, attempt, received, receivedCrc32, replayBytes, credit } = read("hello", helloCodec, bytes);
  return {
    session,
    dialler,
    attempt,
    received: count("received", received),
    receivedCrc32: receivedCrc32 >>> 0,
    replayBytes: count("replay_bytes", replayBytes),
    credit: count("credit", credit),
  };
}

export function encodeStart(from: number): Uint8Array {
  return scratch.slice(0, writeNumber(scratch, 0, startTag, from));
}

/** Returns the number of the next record. @throws AttachmentError */
export function decodeStart(bytes: Uint8Array): number {
  return count("from", read("start", startCodec, bytes).from);
}

export function encodeAck({ records, credit }: Ack): Uint8Array {
  const at = writeNumber(scratch, 0, ackTags.records, records);
  return scratch.slice(0, writeNumber(scratch, at, ackTags.credit, credit));
}

/** @throws AttachmentError */
export function decodeAck(bytes: Uint8Array): Ack {
  const { records, credit } = read("acknowledgement", ackCodec, bytes);
  return { records: count("records", records), credit: count("credit", credit) };
}

/** Writes a field with a whole number up to 2^53 - 1; 0 is the default, and left out. Returns the offset behind it. */
function writeNumber(bytes: Uint8Array, start: number, tag: number, value: number): number {
  if (value === 0) return start;
  bytes[start] = tag;
  let at = start + 1;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

function read<Message>(what: string, codec: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message {
  try {
    return codec.decode(bytes);
  } catch (error) {
    throw new AttachmentError(`the other side sent a ${what} that cannot be read: ${reasonText(error)}`);
  }
}

/** Returns a counter of the wire as a number. @throws AttachmentError beyond 2^53 - 1, which no session reaches */
function count(name: string, value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
  throw new AttachmentError(`the other side sent ${name} ${value}, more than ${Number.MAX_SAFE_INTEGER}`);
}
