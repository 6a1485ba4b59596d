/**
 * A queue of bytes that arrive in chunks and are taken in other pieces. It never copies bytes that can be given as they
 * lie.
 */

import { uninitialised } from "./memory.js";

const noBytes: Uint8Array = new Uint8Array(0);

/**
 * A chunk below this size is copied next to the one before: as an object of its own, a single byte takes a hundred
 * times its size.
 */
const smallBytes = 512;
const blockBytes = 4_096;

export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #head = 0;
  #length = 0;
  /** The block that ends with the last chunk and belongs to this queue, and the number of its bytes that are filled. */
  #block: Uint8Array | undefined;
  #blockFilled = 0;
  /** The number of bytes that are known not to hold the delimiter that was searched for last. */
  #searched = 0;
  #searchedFor: Uint8Array = noBytes;

  /** The number of bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a chunk, which may be kept as it is and must not change afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    if (chunk.length >= smallBytes) {
      this.#chunks.push(chunk);
      this.#block = undefined;
    } else {
      this.#append(chunk);
    }
  }

  /** Puts bytes in front of all others, such as those that were taken. */
  unshift(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (this.#head > 0) {
      this.#chunks[--this.#head] = chunk;
    } else {
      if (this.#chunks.length === 0) this.#block = undefined;
      this.#chunks.unshift(chunk);
    }
    this.#length += chunk.length;
    this.#searched = 0;
  }

  /** Takes the rest of the first chunk; it is empty when there is none. */
  takeChunk(): Uint8Array {
    return this.take(this.#chunks[this.#head]?.length ?? 0);
  }

  /**
   * Takes exactly `length` bytes: a view if they lie in one chunk, else a copy.
   * @throws RangeError when there are not so many
   */
  take(length: number): Uint8Array {
    if (length > this.#length) throw new RangeError(`${length} bytes are not there, only ${this.#length} are`);
    if (length === 0) return noBytes;
    this.#length -= length;
    this.#searched = 0;
    const first = this.#chunks[this.#head] as Uint8Array;
    if (length <= first.length) {
      this.#advance(first, length);
      return first.length === length ? first : first.subarray(0, length);
    }
    const joined = uninitialised(length);
    for (let filled = 0; filled < length; ) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const part = chunk.length <= length - filled ? chunk : chunk.subarray(0, length - filled);
      joined.set(part, filled);
      filled += part.length;
      this.#advance(chunk, part.length);
    }
    return joined;
  }

  /** Drops the first `skipped` bytes and takes the next `length`, of which there must be as many. */
  takeBehind(skipped: number, length: number): Uint8Array {
    const whole = skipped + length;
    const first = this.#chunks[this.#head] as Uint8Array;
    if (length === 0 || whole >= first.length) {
      this.skip(skipped);
      return this.take(length);
    }
    this.#length -= whole;
    this.#searched = 0;
    this.#chunks[this.#head] = first.subarray(whole);
    return first.subarray(skipped, whole);
  }

  /** Returns the byte at an index, which must be below `length`. It does not take it. */
  byteAt(index: number): number {
    let chunkIndex = this.#head;
    let rest = index;
    for (;;) {
      const chunk = this.#chunks[chunkIndex++] as Uint8Array;
      if (rest < chunk.length) return chunk[rest] as number;
      rest -= chunk.length;
    }
  }

  /** Returns the number that the first bytes are, of which there must be at least `count`. It does not take them. */
  readUint(count: number, littleEndian: boolean): number {
    const first = this.#chunks[this.#head] as Uint8Array;
    const isWhole = first.length >= count;
    let value = 0;
    for (let step = 0; step < count; step++) {
      const index = littleEndian ? count - 1 - step : step;
      value = value * 256 + (isWhole ? (first[index] as number) : this.byteAt(index));
    }
    return value;
  }

  /** Drops the first bytes, of which there must be at least `length`. */
  skip(length: number): void {
    this.#length -= length;
    this.#searched = 0;
    for (let rest = length; rest > 0; ) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const part = Math.min(rest, chunk.length);
      this.#advance(chunk, part);
      rest -= part;
    }
  }

  /** Returns the first bytes, at most `length`, without taking them. */
  peek(length: number): Uint8Array {
    const bytes = this.take(Math.min(length, this.#length));
    this.unshift(bytes);
    return bytes;
  }

  /**
   * Returns the index at which `delimiter` begins, or -1. While bytes are only added and the delimiter stays the same,
   * those that were searched are not searched again, so that a delimiter that never comes costs no more than the bytes
   * themselves.
   */
  indexOf(delimiter: Uint8Array): number {
    if (!equalBytes(delimiter, this.#searchedFor)) {
      this.#searched = 0;
      this.#searchedFor = delimiter.slice();
    }
    const first = delimiter[0] as number;
    let chunkStart = 0;
    for (let index = this.#head; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as Uint8Array;
      let from = Math.max(0, this.#searched - chunkStart);
      while (from < chunk.length) {
        const at = chunk.indexOf(first, from);
        if (at === -1) break;
        if (chunkStart + at + delimiter.length > this.#length) {
          this.#searched = chunkStart + at;
          return -1;
        }
        if (this.#matches(delimiter, index, at)) return chunkStart + at;
        from = at + 1;
      }
      chunkStart += chunk.length;
    }
    this.#searched = this.#length;
    return -1;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#block = undefined;
    this.#head = 0;
    this.#length = 0;
    this.#searched = 0;
  }

  #append(chunk: Uint8Array): void {
    const block = this.#block;
    if (block === undefined || this.#blockFilled + chunk.length > block.length) {
      this.#block = new Uint8Array(blockBytes);
      this.#block.set(chunk);
      this.#blockFilled = chunk.length;
      this.#chunks.push(this.#block.subarray(0, chunk.length));
      return;
    }
    block.set(chunk, this.#blockFilled);
    const last = this.#chunks.at(-1) as Uint8Array; // it ends where the filled part of the block ends
    this.#blockFilled += chunk.length;
    this.#chunks[this.#chunks.length - 1] = block.subarray(last.byteOffset, this.#blockFilled);
  }

  #matches(delimiter: Uint8Array, index: number, at: number): boolean {
    let chunk = this.#chunks[index] as Uint8Array;
    for (const byte of delimiter) {
      while (at === chunk.length) {
        chunk = this.#chunks[++index] as Uint8Array;
        at = 0;
      }
      if (chunk[at++] !== byte) return false;
    }
    return true;
  }

  #advance(chunk: Uint8Array, length: number): void {
    if (length < chunk.length) {
      this.#chunks[this.#head] = chunk.subarray(length);
      return;
    }
    this.#chunks[this.#head++] = noBytes;
    if (this.#head === this.#chunks.length) this.#block = undefined; // the bytes that were taken belong to the caller
    // At most one move a chunk, since at least half of the array goes away each time.
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
