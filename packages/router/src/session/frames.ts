/** The payloads of the frames that keep a session: hello, start and acknowledgement (trunkline/v1/frames.proto). */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { reasonText } from "@trunkline/base";
import { AckSchema, HelloSchema, StartSchema } from "../gen/trunkline/v1/frames_pb.js";

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

export function encodeHello({ receivedCrc32, received, replayBytes, credit, ...rest }: Hello): Uint8Array {
  return toBinary(
    HelloSchema,
    create(HelloSchema, {
      ...rest,
      received: BigInt(received),
      receivedCrc32,
      replayBytes: BigInt(replayBytes),
      credit: BigInt(credit),
    }),
  );
}

/** @throws AttachmentError */
export function decodeHello(bytes: Uint8Array): Hello {
  const { session, dialler, attempt, received, receivedCrc32, replayBytes, credit } = read("hello", () =>
    fromBinary(HelloSchema, bytes),
  );
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
  return toBinary(StartSchema, create(StartSchema, { from: BigInt(from) }));
}

/** Returns the number of the next record. @throws AttachmentError */
export function decodeStart(bytes: Uint8Array): number {
  return count("from", read("start", () => fromBinary(StartSchema, bytes)).from);
}

export function encodeAck({ records, credit }: Ack): Uint8Array {
  return toBinary(AckSchema, create(AckSchema, { records: BigInt(records), credit: BigInt(credit) }));
}

/** @throws AttachmentError */
export function decodeAck(bytes: Uint8Array): Ack {
  const { records, credit } = read("acknowledgement", () => fromBinary(AckSchema, bytes));
  return { records: count("records", records), credit: count("credit", credit) };
}

function read<Message>(what: string, decode: () => Message): Message {
  try {
    return decode();
  } catch (error) {
    throw new AttachmentError(`the other side sent a ${what} that cannot be read: ${reasonText(error)}`);
  }
}

/** Returns a counter of the wire as a number. @throws AttachmentError beyond 2^53 - 1, which no session reaches */
function count(name: string, value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return Number(value);
  throw new AttachmentError(`the other side sent ${name} ${value}, more than ${Number.MAX_SAFE_INTEGER}`);
}
