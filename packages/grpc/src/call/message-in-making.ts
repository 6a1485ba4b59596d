/**
 * A message of which a part has come, in memory of its own: what is decoded of it may keep views, and nothing is joined
 * at the end. Memory is taken as bytes come, never on the word of a length: at most four times what has come.
 */
import { allocateOwnBytes } from "#platform";

/** The least memory of a message that is longer. */
const leastBytes = 4_096;
/** How many times what has come the memory is. */
const growth = 4;

export class MessageInMaking {
  /** The flags and the length in its prefix. */
  readonly flags: number;
  readonly length: number;
  #bytes: Uint8Array = nothing;
  #filled = 0;

  constructor(flags: number, length: number) {
    this.flags = flags;
    this.length = length;
  }

  /** The number of bytes that are still to come. */
  get missing(): number {
    return this.length - this.#filled;
  }

  /** Takes what belongs to this message of `data` from `offset` on. @returns the offset behind it */
  take(data: Uint8Array, offset: number): number {
    const end = Math.min(data.length, offset + this.missing);
    const filled = this.#filled + end - offset;
    if (filled > this.#bytes.length) this.#grow(filled);
    this.#bytes.set(offset === 0 && end === data.length ? data : data.subarray(offset, end), this.#filled);
    this.#filled = filled;
    return end;
  }

  /** The message, once nothing is missing. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  #grow(needed: number): void {
    const grown = allocateOwnBytes(Math.min(this.length, Math.max(leastBytes, growth * needed)));
    grown.set(this.#bytes.subarray(0, this.#filled));
    this.#bytes = grown;
  }
}

const nothing = new Uint8Array(0);
