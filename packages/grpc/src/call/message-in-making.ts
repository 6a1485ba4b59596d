/**
 * A message of which a part has come. Memory is taken as bytes come, never on the word of a length: at first they stand
 * in blocks, which are used again. Once a fifth of the message has come it gets the whole of its memory, so that few of
 * its bytes are copied twice. But all memory that waits to be filled is bounded in the process, and past that bound a
 * message stays in its blocks until it is whole. A thousand messages that are never finished thus take hardly more
 * memory than flow control has let through. One piece of memory that grew with its message would leave its smaller
 * pieces to V8, which collects memory outside of its heap late, when tens of megabytes have piled up.
 *
 * Where what was decoded may keep views, the memory is the message's own. Otherwise it is used again for later
 * messages.
 */
import { giveBackMemory, messageMemory } from "./message-memory.js";
import { ReceivedBytes } from "./received-bytes.js";

/**
 * A message gets its whole memory where that is at most so many times what has come: one of 64 KiB and some bytes more
 * with its first frame.
 */
const growth = 5;
/** The memory of a whole message, where it is used again, may be larger by this factor. */
const mostSpare = 1.25;
/** The memory of all messages of the process that may wait to be filled before they stay in their blocks. */
const mostUnfilledBytes = 8 * 2 ** 20;
/** The memory that waits to be filled, of all messages that are not whole. */
let unfilledBytes = 0;

export class MessageInMaking {
  /** The flags and the length in its prefix. */
  readonly flags: number;
  readonly length: number;
  readonly #keepsViews: boolean;
  /** The bytes that have come, until the message has its whole memory. */
  readonly #blocks: ReceivedBytes = new ReceivedBytes();
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

  /** The memory that the message takes now. */
  get memoryBytes(): number {
    return this.#filled + this.#unfilled;
  }

  /** Takes what belongs to this message of `data` from `offset` on. @returns the offset behind it */
  take(data: Uint8Array, offset: number): number {
    const end = Math.min(data.length, offset + this.missing);
    const filled = this.#filled + end - offset;
    const isFree = unfilledBytes < mostUnfilledBytes;
    if (this.#memory === nothing && (filled === this.length || (isFree && this.length <= growth * filled)))
      this.#takeMemory();
    const part = offset === 0 && end === data.length ? data : data.subarray(offset, end);
    if (this.#memory === nothing) this.#blocks.append(part, 0, !isFree);
    else this.#memory.set(part, this.#filled);
    this.#filled = filled;
    this.#countUnfilled(this.#memory === nothing ? this.#blocks.room : Math.max(0, this.#memory.length - filled));
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
    this.#blocks.clear();
    this.#countUnfilled(0);
    if (!(decoded && this.#keepsViews)) giveBackMemory(memory);
  }

  /** Takes memory for the whole message. */
  #takeMemory(): void {
    // Views may be kept of memory that is the message's to the byte.
    const most = this.#keepsViews ? this.length : Math.ceil(mostSpare * this.length);
    const memory = messageMemory(this.length, most);
    let at = 0;
    this.#blocks.drain(0, (part) => {
      memory.set(part, at);
      at += part.length;
    });
    this.#memory = memory;
  }

  #countUnfilled(bytes: number): void {
    unfilledBytes += bytes - this.#unfilled;
    this.#unfilled = bytes;
  }
}

const nothing = new Uint8Array(0);
