/**
 * Length-prefixed messages (gRPC over HTTP/2, `Length-Prefixed-Message`): one byte of flags, four bytes of length, the
 * message.
 */
import { allocateBytes } from "#platform";

/** The number of bytes before each message. */
export const prefixBytes = 5;

/** The largest length that a prefix can announce. */
export const largestMessageBytes: number = 2 ** 32 - 1;

/**
 * A message as it goes out: its prefix and its body, in one piece or in two. Nobody changes these bytes.
 */
export type FramedMessage = readonly Uint8Array[] & {
  /** The length of the body before it was compressed; undefined for one that is not compressed. */
  readonly uncompressedLength?: number;
  /** The callback for the time when nothing reads these bytes any more; undefined where nobody waits for it. */
  readonly onWritten?: () => void;
};

/** Returns the lengths of a message's body: as it is sent, and before compression. */
export function messageSizes(framed: FramedMessage): { readonly wireBytes: number; readonly bytes: number } {
  let wireBytes = -prefixBytes;
  for (const piece of framed) wireBytes += piece.length;
  return { wireBytes, bytes: framed.uncompressedLength ?? wireBytes };
}

/** A body up to this length is copied behind its prefix: one small piece costs less than two. */
const joinedBytes = 256;
/** A body up to this length is copied octet by octet: the call of `set` costs more. */
const looseBytes = 32;

/** Returns a message with its prefix. @param flags 1 if `body` is compressed */
export function frameMessage(body: Uint8Array, flags: 0 | 1 = 0): FramedMessage {
  const { length } = body;
  const joined = length <= joinedBytes;
  const prefix = allocateBytes(joined ? prefixBytes + length : prefixBytes);
  writePrefix(prefix, length, flags);
  if (!joined) return [prefix, body];
  if (length > looseBytes) prefix.set(body, prefixBytes);
  else for (let index = 0; index < length; index++) prefix[prefixBytes + index] = body[index] as number;
  return [prefix];
}

/** Returns a message that was encoded behind room for its prefix, with its prefix. */
export function frameInPlace(whole: Uint8Array): FramedMessage {
  writePrefix(whole, whole.length - prefixBytes, 0);
  return [whole];
}

function writePrefix(bytes: Uint8Array, length: number, flags: 0 | 1): void {
  bytes[0] = flags;
  bytes[1] = length >>> 24;
  bytes[2] = length >>> 16;
  bytes[3] = length >>> 8;
  bytes[4] = length;
}

/** Returns the length that the four octets of a prefix stand for. */
export function lengthOf(first: number, second: number, third: number, fourth: number): number {
  return first * 0x1000000 + ((second << 16) | (third << 8) | fourth);
}

/** Returns the length in the prefix that begins at `offset`. */
export function messageLength(bytes: Uint8Array, offset: number): number {
  return lengthOf(
    bytes[offset + 1] as number,
    bytes[offset + 2] as number,
    bytes[offset + 3] as number,
    bytes[offset + 4] as number,
  );
}

/** The check that each message passes as soon as its prefix has come. */
export interface MessageSizeLimit {
  /** Checks the announced length of a message. It throws if the message is not wanted. */
  checkLength(length: number): void;
}

/**
 * Goes through messages as their bytes come, from prefix to prefix. It knows how many messages there are, how long they
 * are, and whether the last one is complete; it looks at nothing else.
 */
export class MessageWalk {
  /** The number of messages whose prefixes have come. */
  count = 0;
  /** The offset in the bytes of the last `push` at which the last complete message ended. */
  boundary = 0;
  /** The number of bytes of the present message that are still to come. */
  #missing = 0;
  /** The number of bytes that have come of a prefix that is not complete, and the length in it so far. */
  #prefixFilled = 0;
  #prefixLength = 0;

  /** True if the bytes so far are complete messages. */
  get complete(): boolean {
    return this.#missing === 0 && this.#prefixFilled === 0;
  }

  /** Goes through more bytes. `limit` hears of every length, and may throw. */
  push(data: Uint8Array, limit: MessageSizeLimit): void {
    let offset = 0;
    this.boundary = 0;
    while (offset < data.length) {
      if (this.#missing > 0) {
        const bytes = Math.min(this.#missing, data.length - offset);
        this.#missing -= bytes;
        offset += bytes;
        if (this.#missing > 0) return;
        this.boundary = offset;
        continue;
      }
      if (this.#prefixFilled === 0 && data.length - offset >= prefixBytes) {
        this.#begin(messageLength(data, offset), limit);
        offset += prefixBytes;
      } else {
        const octet = data[offset++] as number;
        // The first octet holds the flags.
        if (this.#prefixFilled > 0) this.#prefixLength = this.#prefixLength * 256 + octet;
        this.#prefixFilled += 1;
        if (this.#prefixFilled < prefixBytes) continue;
        const length = this.#prefixLength;
        this.#prefixFilled = 0;
        this.#prefixLength = 0;
        this.#begin(length, limit);
      }
      if (this.#missing === 0) this.boundary = offset;
    }
  }

  #begin(length: number, limit: MessageSizeLimit): void {
    this.count += 1;
    limit.checkLength(length);
    this.#missing = length;
  }
}
