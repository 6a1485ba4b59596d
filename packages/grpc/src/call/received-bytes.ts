/**
 * The bytes that have come and were not asked for, copied together into blocks: each view would keep memory that is to
 * be used again.
 */

import { allocateOwnBytes } from "#platform";
import { lengthOf } from "../wire/message.js";
import type { MessageInMaking } from "./message-in-making.js";

/**
 * The least size of the blocks. The first block of a queue is only as large as needed, since most queues hold one
 * message.
 */
const blockBytes = 4_096;

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

  /** Takes over `data` from `offset` on. */
  append(data: Uint8Array, offset: number): void {
    this.length += data.length - offset;
    let at = offset;
    while (at < data.length) {
      let last = this.#last;
      if (last === undefined || last.end === last.bytes.length) {
        last = { bytes: new Uint8Array(this.#blockFor(data.length - at)), start: 0, end: 0, next: undefined };
        this.#add(last);
      }
      const count = Math.min(data.length - at, last.bytes.length - last.end);
      last.bytes.set(data.subarray(at, at + count), last.end);
      last.end += count;
      at += count;
    }
  }

  #blockFor(bytes: number): number {
    return bytes >= blockBytes || this.#last !== undefined
      ? Math.max(blockBytes, bytes)
      : Math.min(blockBytes, 2 * bytes);
  }

  /** Drops `skipped` bytes and moves all others, which belong to a message in the making, into that. */
  moveInto(message: MessageInMaking, skipped: number): void {
    this.#skip(skipped);
    for (let piece = this.#first; piece !== undefined; piece = piece.next)
      message.take(piece.bytes.subarray(piece.start, piece.end), 0);
    this.#first = undefined;
    this.#last = undefined;
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
   * bytes share, or a piece of its own.
   */
  take(skipped: number, bytes: number): { readonly bytes: Uint8Array; readonly own: boolean } {
    this.length -= skipped + bytes;
    this.#skip(skipped);
    const first = this.#first;
    if (first === undefined || bytes === 0) return { bytes: new Uint8Array(0), own: true };
    if (first.end - first.start >= bytes) {
      const view = first.bytes.subarray(first.start, first.start + bytes);
      this.#skip(bytes);
      return { bytes: view, own: false };
    }
    // Filled below: what came before in this memory is never seen.
    const joined = allocateOwnBytes(bytes);
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

  #skip(bytes: number): void {
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
      if (left === 0) return;
    }
  }
}
