/**
 * `SpareMemory`: memory of bytes that is used again. V8 collects memory outside of its heap late, when tens of
 * megabytes have piled up, and goes through its whole heap each time.
 *
 * A user writes all of the memory that it takes before anything reads it, so that nothing of an earlier use is seen.
 */

/** The limits of a `SpareMemory`. */
export interface SpareMemoryLimits {
  /** The least size of a piece: to look for a smaller one costs more than to allocate it. */
  readonly leastBytes: number;
  /** The largest size of a piece. */
  readonly mostBytes: number;
  /** The most pieces that are kept. */
  readonly maxPieces: number;
  /** The most bytes that are kept. Default: as many as the pieces have. */
  readonly maxBytes?: number;
}

export class SpareMemory {
  readonly #leastBytes: number;
  readonly #mostBytes: number;
  readonly #maxPieces: number;
  readonly #maxBytes: number;
  /** The pieces, the one that was given first in front. */
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor({ leastBytes, mostBytes, maxPieces, maxBytes = Number.POSITIVE_INFINITY }: SpareMemoryLimits) {
    this.#leastBytes = leastBytes;
    this.#mostBytes = mostBytes;
    this.#maxPieces = maxPieces;
    this.#maxBytes = maxBytes;
  }

  /** Returns a piece of `least` to `most` bytes, the one that was given last; undefined where there is none. */
  take(least: number, most: number = least): Uint8Array | undefined {
    if (most < this.#leastBytes) return undefined;
    const pieces = this.#pieces;
    for (let index = pieces.length - 1; index >= 0; index--) {
      const piece = pieces[index] as Uint8Array;
      if (piece.length < least || piece.length > most) continue;
      if (index === pieces.length - 1) pieces.pop();
      else pieces.splice(index, 1);
      this.#bytes -= piece.length;
      return piece;
    }
    return undefined;
  }

  /**
   * Takes the whole memory behind a view that nobody reads any more. Where there is no room, the pieces that were given
   * first are let go: those of the work that goes on now are worth more.
   */
  give(view: Uint8Array): void {
    const { buffer } = view;
    const { byteLength } = buffer;
    if (byteLength < this.#leastBytes || byteLength > this.#mostBytes) return;
    const isWhole = view.length === byteLength && view.constructor === Uint8Array;
    this.#pieces.push(isWhole ? view : new Uint8Array(buffer));
    this.#bytes += byteLength;
    while (this.#pieces.length > this.#maxPieces || this.#bytes > this.#maxBytes)
      this.#bytes -= (this.#pieces.shift() as Uint8Array).length;
  }

  /** Lets all pieces go. */
  clear(): void {
    this.#pieces.length = 0;
    this.#bytes = 0;
  }
}
