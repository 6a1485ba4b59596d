/**
 * Bytes waiting to be sent on one stream: the chunks as the user gave them, kept by reference until they are
 * written, so the user must not change them. Counts run along; nothing is summed up.
 */
import type { ByteWriter } from "./byte-writer.js";

export class ByteQueue {
  /** Bytes waiting. */
  length = 0;
  #chunks: Uint8Array[] = [];
  /** The first chunk that still has bytes, and how many of its bytes are gone. */
  #head = 0;
  #headOffset = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Moves the first `bytes` (at most `length`) into `writer`. */
  moveTo(writer: ByteWriter, bytes: number): void {
    this.length -= bytes;
    let left = bytes;
    while (left > 0) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const available = chunk.length - this.#headOffset;
      if (available > left) {
        writer.writePayload(chunk.subarray(this.#headOffset, this.#headOffset + left));
        this.#headOffset += left;
        return;
      }
      writer.writePayload(this.#headOffset === 0 ? chunk : chunk.subarray(this.#headOffset));
      left -= available;
      this.#dropHead();
    }
  }

  clear(): void {
    this.length = 0;
    this.#chunks = [];
    this.#head = 0;
    this.#headOffset = 0;
  }

  #dropHead(): void {
    this.#headOffset = 0;
    this.#head += 1;
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#chunks.length) {
      // Written chunks are let go of in large steps: shifting one by one would cost the length of the queue each time.
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
