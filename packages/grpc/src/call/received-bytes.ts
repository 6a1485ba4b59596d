/**
 * The bytes that have come and were not asked for, copied together into blocks: each view would keep memory that is to
 * be used again. Large blocks are used again, too: a reader that is always one message behind would leave one to be
 * collected for each frame.
 */
import { SpareMemory } from "@trunkline/base";
import { allocateOwnBytes } from "#platform";
import { lengthOf } from "../wire/message.js";
import { messageMemory } from "./message-memory.js";

/**
 * The least size of the blocks. The first block of a queue is only as large as needed, since most queues hold one
 * message.
 */
const blockBytes = 4_096;
/** The size of the blocks for much data: that of a DATA frame by default. */
const largeBlockBytes = 16_384;
/** The large blocks that are kept for later, in the process: 8 MiB, two messages of the default limit. */
const spares = new SpareMemory({ leastBytes: largeBlockBytes, mostBytes: largeBlockBytes, maxPieces: 512 });

interface Piece {
  readonly bytes: Uint8Array;
  /** The offset of the first byte that was not taken. */
  start: number;
  /** The offset behind the last byte, where the next small view goes if there is room. */
  end: number;
  next: Piece | undefined;
}

export class ReceivedBytes {
  length = 0;
  #first: Piece | undefined = undefined;
  #last: Piece | undefined = undefined;
  /** A large block of which a view was given last: it is used again once that was decoded. */
  #lent: Uint8Array | undefined = undefined;

  /** The bytes that the last block has room for. */
  get room(): number {
    return this.#last === undefined ? 0 : this.#last.bytes.length - this.#last.end;
  }

  /** Takes over `data` from `offset` on. `tight`: with little room for what comes next. */
  append(data: Uint8Array, offset: number, tight = false): void {
    this.length += data.length - offset;
    let at = offset;
    while (at < data.length) {
      let last = this.#last;
      if (last === undefined || last.end === last.bytes.length) {
        last = { bytes: this.#blockFor(data.length - at, tight), start: 0, end: 0, next: undefined };
        this.#add(last);
      }
      const count = Math.min(data.length - at, last.bytes.length - last.end);
      last.bytes.set(data.subarray(at, at + count), last.end);
      last.end += count;
      at += count;
    }
  }

  #blockFor(bytes: number, tight: boolean): Uint8Array {
    // Filled from its start: what came before in the memory of a block is never seen.
    if (bytes >= (tight ? largeBlockBytes - blockBytes : blockBytes))
      return spares.take(largeBlockBytes) ?? allocateOwnBytes(largeBlockBytes);
    return allocateOwnBytes(this.#last === undefined ? Math.min(blockBytes, 2 * bytes) : blockBytes);
  }

  /** Drops `skipped` bytes and gives all others to `take`, a block at a time, which is used again afterwards. */
  drain(skipped: number, take: (part: Uint8Array) => void): void {
    this.#skip(skipped);
    for (let piece = this.#first; piece !== undefined; piece = this.#first) {
      take(piece.bytes.subarray(piece.start, piece.end));
      this.#skip(piece.end - piece.start);
    }
    this.length = 0;
  }

  /** Drops all bytes. */
  clear(): void {
    if (this.length > 0) this.#skip(this.length);
    this.length = 0;
  }

  /** The byte `index` places behind the first. */
  at(index: number): number {
    let piece = this.#first;
    let place = index;
    while (piece !== undefined && place >= piece.end - piece.start) {
      place -= piece.end - piece.start;
      piece = piece.next;
    }
    return piece?.bytes[piece.start + place] ?? 0;
  }

  /** Returns the length in a message's prefix, of the four bytes from `index` on. */
  lengthAt(index: number): number {
    return lengthOf(this.at(index), this.at(index + 1), this.at(index + 2), this.at(index + 3));
  }

  /**
   * Drops `skipped` bytes and gives the next `bytes`, which must be there, in one piece: a view of memory that other
   * bytes share, and which is good until the next call, or a piece of its own.
   */
  take(skipped: number, bytes: number): { readonly bytes: Uint8Array; readonly own: boolean } {
    this.length -= skipped + bytes;
    this.#skip(skipped);
    const first = this.#first;
    if (first === undefined || bytes === 0) return { bytes: new Uint8Array(0), own: true };
    if (first.end - first.start >= bytes) {
      const view = first.bytes.subarray(first.start, first.start + bytes);
      this.#skip(bytes, true);
      return { bytes: view, own: false };
    }
    const joined = messageMemory(bytes);
    let filled = 0;
    for (let piece = this.#first; piece !== undefined && filled < bytes; piece = this.#first) {
      const count = Math.min(bytes - filled, piece.end - piece.start);
      joined.set(piece.bytes.subarray(piece.start, piece.start + count), filled);
      filled += count;
      this.#skip(count);
    }
    return { bytes: joined, own: true };
  }

  #add(piece: Piece): void {
    if (this.#last === undefined) this.#first = piece;
    else this.#last.next = piece;
    this.#last = piece;
  }

  /** Drops bytes. `lends`: a view of the first piece is given out. */
  #skip(bytes: number, lends = false): void {
    if (this.#lent !== undefined) {
      spares.give(this.#lent);
      this.#lent = undefined;
    }
    let left = bytes;
    for (let piece = this.#first; piece !== undefined; piece = this.#first) {
      const here = piece.end - piece.start;
      if (left < here) {
        piece.start += left;
        return;
      }
      left -= here;
      const { next } = piece;
      // A piece that has grown old would go on holding every later one, until the next full collection.
      piece.next = undefined;
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      if (lends) this.#lent = piece.bytes;
      else spares.give(piece.bytes);
      if (left === 0) return;
    }
  }
}
