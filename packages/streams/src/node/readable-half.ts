/** Reading a Node readable (or the readable side of a duplex) into a queue, with a limit on what lies unread. */
import type { Readable } from "node:stream";
import type { WaitOptions } from "../contract/stream.js";
import { ReceiveQueue } from "../kit/receive-queue.js";

/** 128 KiB: two of the largest chunks that Node reads from a socket, so that one can be read while the other is being taken. */
export const defaultMaxBufferedBytes: number = 128 * 1024;

/** @throws TypeError for a stream of objects or of decoded text, RangeError for `maxBufferedBytes` below 1 */
export function checkReadable(readable: Readable, maxBufferedBytes: number): void {
  if (readable.readableObjectMode) throw new TypeError("a Node stream in object mode is not a stream of bytes");
  if (readable.readableEncoding !== null) {
    throw new TypeError(`a Node stream that decodes ${readable.readableEncoding} is not a stream of bytes`);
  }
  if (!(maxBufferedBytes >= 1)) throw new RangeError(`maxBufferedBytes must be at least 1, but is ${maxBufferedBytes}`);
}

/** Chunks as they come; the source is paused while too much of them lies unread. Ends and errors are its owner's to tell. */
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

  /** Reads from now on; also what was paused before. */
  start(): void {
    this.#readable.on("data", this.#onData);
    if (this.#readable.readableEnded) this.queue.end();
    else this.#readable.resume();
  }

  /** Takes its listener off; what comes is for others. */
  stop(): void {
    this.#readable.off("data", this.#onData);
  }

  take(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.queue.take(options);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#unreadBytes += cost(chunk);
    // A plain view: `slice` of a Buffer does not copy, unlike that of the Uint8Array that is promised.
    this.queue.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (this.#unreadBytes >= this.#maxBufferedBytes && !this.#paused) {
      this.#paused = true;
      this.#readable.pause();
    }
  };

  #onTaken(chunk: Uint8Array): void {
    this.#unreadBytes -= cost(chunk);
    // Not before half is free: stopping and starting costs more than a large gap.
    if (this.#paused && this.#unreadBytes * 2 <= this.#maxBufferedBytes) {
      this.#paused = false;
      this.#readable.resume();
    }
  }
}

/** A chunk costs 1 KiB at least, however small it is. */
function cost(chunk: Uint8Array): number {
  return Math.max(chunk.length, 1_024);
}
