/**
 * Bytes waiting to be sent on one stream: the chunks as the user gave them, kept by reference until they are
 * written, so the user must not change them. Counts run along; nothing is summed up.
 */
import { Fifo } from "@trunkline/base";
import type { ByteWriter } from "./byte-writer.js";

interface Mark {
  readonly bytes: number;
  readonly onWritten: () => void;
}

export class ByteQueue {
  /** Bytes waiting. */
  length = 0;
  #chunks: Uint8Array[] = [];
  /** The first chunk that still has bytes, and how many of its bytes are gone. */
  #head = 0;
  #headOffset = 0;
  /** The number of bytes that have left. */
  #moved = 0;
  /** The callbacks for memory that may be used again, each with the number of bytes that have to be written before. */
  #marks: Fifo<Mark> | undefined = undefined;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Calls back once all bytes that are here now were written to the transport. */
  afterWrite(onWritten: () => void): void {
    this.#marks ??= new Fifo();
    this.#marks.push({ bytes: this.#moved + this.length, onWritten });
  }

  /** Moves the first `bytes` (at most `length`) into `writer`. */
  moveTo(writer: ByteWriter, bytes: number): void {
    this.length -= bytes;
    this.#moved += bytes;
    this.#move(writer, bytes);
    const marks = this.#marks;
    if (marks === undefined) return;
    for (let first = marks.at(0); first !== undefined && first.bytes <= this.#moved; first = marks.at(0)) {
      writer.afterWrite(first.onWritten);
      marks.shift();
    }
  }

  #move(writer: ByteWriter, bytes: number): void {
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
