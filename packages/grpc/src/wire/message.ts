/** Length-prefixed messages (gRPC over HTTP/2, `Length-Prefixed-Message`): one byte of flags, four bytes of length, the message. */
import { allocateBytes } from "#platform";

export const prefixBytes = 5;

/** A message as it goes out: its prefix and, if it is not empty, its body. The one logical write that they are; nobody changes it. */
export type FramedMessage = readonly Uint8Array[];

/** `flags`: 1 where `body` is compressed. */
export function frameMessage(body: Uint8Array, flags: 0 | 1 = 0): FramedMessage {
  const prefix = allocateBytes(prefixBytes);
  const { length } = body;
  prefix[0] = flags;
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
  return length === 0 ? [prefix] : [prefix, body];
}

/** The length in a prefix, of its four octets. */
export function lengthOf(first: number, second: number, third: number, fourth: number): number {
  return first * 0x1000000 + ((second << 16) | (third << 8) | fourth);
}

/** The length in the prefix at `offset`. */
export function messageLength(bytes: Uint8Array, offset: number): number {
  return lengthOf(
    bytes[offset + 1] as number,
    bytes[offset + 2] as number,
    bytes[offset + 3] as number,
    bytes[offset + 4] as number,
  );
}

export interface LengthJudge {
  /** Throws where a message of that length is not wanted. */
  checkLength(length: number): void;
}

/**
 * Goes through messages as their bytes come, from prefix to prefix, and looks at nothing else: how many there are, how long they say they are, and whether
 * the last one is whole.
 */
export class MessageWalk {
  /** Messages whose prefixes have come. */
  count = 0;
  /** In the bytes of the last `push`: where the last whole message ended. */
  boundary = 0;
  /** Bytes of the present message that are still to come. */
  #missing = 0;
  /** How much of a prefix that was cut has come, and the length in it so far. */
  #prefixFilled = 0;
  #prefixLength = 0;

  /** Everything that has come is whole messages. */
  get complete(): boolean {
    return this.#missing === 0 && this.#prefixFilled === 0;
  }

  /** `judge` hears of every length, and may throw. */
  push(data: Uint8Array, judge: LengthJudge): void {
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
        this.#begin(messageLength(data, offset), judge);
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
        this.#begin(length, judge);
      }
      if (this.#missing === 0) this.boundary = offset;
    }
  }

  #begin(length: number, judge: LengthJudge): void {
    this.count += 1;
    judge.checkLength(length);
    this.#missing = length;
  }
}
