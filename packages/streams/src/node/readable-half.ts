/**
 * The reading of a Node readable (or the readable side of a duplex) into a queue, with a limit on the bytes that lie
 * unread.
 */
import type { Readable } from "node:stream";
import { numberInRange } from "@trunkline/base";
import type { WaitOptions } from "../contract/stream.js";
import { ReceiveQueue } from "../kit/receive-queue.js";

/**
 * The default limit: two of the largest chunks that Node reads from a socket, so that one can be read while the other
 * is taken.
 */
export const defaultMaxBufferedBytes: number = 128 * 1024;

/**
 * Checks that a readable is a stream of bytes.
 * @throws TypeError for a stream of objects or of decoded text, RangeError for `maxBufferedBytes` below 1
 */
export function checkReadable(readable: Readable, maxBufferedBytes: number): void {
  if (readable.readableObjectMode) throw new TypeError("a Node stream in object mode is not a stream of bytes");
  if (readable.readableEncoding !== null) {
    throw new TypeError(`a Node stream that decodes ${readable.readableEncoding} is not a stream of bytes`);
  }
  numberInRange("maxBufferedBytes", maxBufferedBytes, 1, Number.POSITIVE_INFINITY);
}

/**
 * The receiving half over a readable, which is paused while too much lies unread. Its owner reports ends and errors.
 */
export class ReadableHalf {
  readonly queue: ReceiveQueue<Uint8Array> = new ReceiveQueue((chunk) => this.#onTaken(chunk));
  readonly #readable: Readable;
  readonly #maxBufferedBytes: number;
  #unreadBytes = 0;
  #paused = false;

  constructor(readable: Readable, maxBufferedBytes: number) {
    this.#readable = readable;
    this.#maxBufferedBytes = maxBufferedBytes;
  }

  /** Begins to read, also from a readable that was paused before. */
  start(): void {
    this.#readable.on("data", this.#onData);
    if (this.#readable.readableEnded) this.queue.end();
    else this.#readable.resume();
  }

  /** Takes the listener off; later chunks go to other listeners. */
  stop(): void {
    this.#readable.off("data", this.#onData);
  }

  take(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.queue.take(options);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#unreadBytes += cost(chunk);
    // A plain view, since `slice` of a Buffer does not copy, unlike that of a Uint8Array.
    this.queue.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (this.#unreadBytes >= this.#maxBufferedBytes && !this.#paused) {
      this.#paused = true;
      this.#readable.pause();
    }
  };

  #onTaken(chunk: Uint8Array): void {
    this.#unreadBytes -= cost(chunk);
    // It resumes only when half is free: stopping and starting costs more than a large gap.
    if (this.#paused && this.#unreadBytes * 2 <= this.#maxBufferedBytes) {
      this.#paused = false;
      this.#readable.resume();
    }
  }
}

/** Returns the bytes that a chunk counts as: 1 KiB at least, which it costs however small it is. */
function cost(chunk: Uint8Array): number {
  return Math.max(chunk.length, 1_024);
}
