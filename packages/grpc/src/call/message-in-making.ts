/**
 * A message of which a part has come, in one piece of memory: nothing is joined at the end. Memory is taken as bytes
 * come, never on the word of a length. A message may have four times what has come of it, so that its bytes are hardly
 * ever copied again; but all such memory that waits to be filled is bounded in the process, and past that bound a
 * message has a quarter more than what has come. A thousand messages that are never finished thus take hardly more
 * memory than flow control has let through.
 *
 * Where what was decoded may keep views, the memory is the message's own. Otherwise it is used again for later
 * messages: V8 collects memory outside of its heap late, when tens of megabytes have piled up.
 */
import { allocateOwnBytes } from "#platform";
import { giveBackMemory, spareMemory } from "./message-memory.js";

/** The least memory of a message that is longer. */
const leastBytes = 4_096;
/** The memory of a message grows to so many times what has come, and to less where much memory waits to be filled. */
const growth = 4;
const smallestGrowth = 1.25;
/** The memory of all messages of the process that may wait to be filled before they grow by less. */
const mostUnfilledBytes = 8 * 2 ** 20;
/** The memory that waits to be filled, of all messages that are not whole. */
let unfilledBytes = 0;

export class MessageInMaking {
  /** The flags and the length in its prefix. */
  readonly flags: number;
  readonly length: number;
  readonly #keepsViews: boolean;
  #memory: Uint8Array = nothing;
  #filled = 0;
  /** The part of `unfilledBytes` that is this message's. */
  #unfilled = 0;

  /** `keepsViews`: what is decoded of the message may keep views of it. */
  constructor(flags: number, length: number, keepsViews: boolean) {
    this.flags = flags;
    this.length = length;
    this.#keepsViews = keepsViews;
  }

  /** The number of bytes that are still to come. */
  get missing(): number {
    return this.length - this.#filled;
  }

  /** Takes what belongs to this message of `data` from `offset` on. @returns the offset behind it */
  take(data: Uint8Array, offset: number): number {
    const end = Math.min(data.length, offset + this.missing);
    const filled = this.#filled + end - offset;
    if (filled > this.#memory.length) this.#grow(filled);
    this.#memory.set(offset === 0 && end === data.length ? data : data.subarray(offset, end), this.#filled);
    this.#filled = filled;
    this.#countUnfilled(filled === this.length ? 0 : this.#memory.length - filled);
    return end;
  }

  /** The message, once nothing is missing. */
  get bytes(): Uint8Array {
    return this.#memory.length === this.length ? this.#memory : this.#memory.subarray(0, this.length);
  }

  /** Gives the memory back, unless views of it may be kept because the message was decoded. */
  release(decoded: boolean): void {
    const memory = this.#memory;
    this.#memory = nothing;
    this.#countUnfilled(0);
    if (!(decoded && this.#keepsViews)) giveBackMemory(memory);
  }

  #grow(needed: number): void {
    const grown = this.#more(needed);
    grown.set(this.#memory.subarray(0, this.#filled));
    this.release(false);
    this.#memory = grown;
  }

  #more(needed: number): Uint8Array {
    const isFree = unfilledBytes < mostUnfilledBytes;
    const bytes = Math.max(leastBytes, Math.ceil((isFree ? growth : smallestGrowth) * needed));
    // A little more for the whole message is less than another piece of memory and another copy.
    if (isFree ? this.length - bytes > bytes / 4 : bytes < this.length)
      return spareMemory(needed, bytes) ?? allocateOwnBytes(bytes);
    // Views may be kept of memory that is the message's to the byte.
    const most = this.#keepsViews ? this.length : Math.ceil(smallestGrowth * this.length);
    return spareMemory(this.length, most) ?? allocateOwnBytes(this.length);
  }

  #countUnfilled(bytes: number): void {
    unfilledBytes += bytes - this.#unfilled;
    this.#unfilled = bytes;
  }
}

const nothing = new Uint8Array(0);
