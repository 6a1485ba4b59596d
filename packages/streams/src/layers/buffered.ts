/** `buffered`: reads bytes in other pieces than those in which they arrive. */
import { brandClass, wholeNumber } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { BusyStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/**
 * The error of a read whose bytes are not there. The stream is not broken, and the bytes that have arrived can still be
 * read.
 */
export class ReadError extends Error {
  static {
    brandClass(ReadError, "ReadError");
  }

  override name = "ReadError";
  /**
   * `"INCOMPLETE_READ"`: the other side ended first. `"DELIMITER_NOT_FOUND"`: the delimiter is not within `maxBytes`.
   */
  readonly code: "INCOMPLETE_READ" | "DELIMITER_NOT_FOUND";

  constructor(message: string, code: ReadError["code"]) {
    super(message);
    this.code = code;
  }
}

const lineFeed = Uint8Array.of(0x0a);
const carriageReturn = 0x0d;

/** The longest line unless the caller gives another limit. */
const defaultMaxLineBytes = 64 * 1024;

/**
 * A stream of bytes with reads by length, by delimiter and by line. The bytes that a read leaves stay for the next read
 * of any kind; a read that is cancelled or fails leaves everything. One read or `receive` may wait at a time
 * (`BusyStreamError`).
 *
 * `receiveWithMetadata` returns the metadata of messages while no read has left a part of a message; the reads drop it.
 */
export class BufferedStream extends WrappedStream<Uint8Array> {
  readonly #bytes: ByteQueue = new ByteQueue();
  #reading = false;
  #ended = false;

  /** The number of bytes that have arrived and were not read yet. */
  get bufferedBytes(): number {
    return this.#bytes.length;
  }

  /** Puts bytes in front of all others, to be read first. */
  feed(bytes: Uint8Array): void {
    this.#bytes.unshift(bytes);
  }

  override async receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    return (await this.receiveWithMetadata(options))?.data;
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<Uint8Array> | undefined> {
    return this.#alone(() => {
      if (this.#bytes.length > 0) return Promise.resolve(this.#buffered());
      return this.#ended ? Promise.resolve(undefined) : super.receiveWithMetadata(options);
    });
  }

  /**
   * Reads exactly `length` bytes; returns `undefined` when the other side has ended before the first of them.
   * @throws ReadError `INCOMPLETE_READ` when it has ended after some of them, RangeError for a length that is no whole
   * number from 0
   */
  readExactly(length: number, options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#alone(async () => {
      wholeNumber("length", length, 0);
      while (this.#bytes.length < length) {
        if (await this.#more(options)) continue;
        const { length: here } = this.#bytes;
        if (here === 0) return undefined;
        throw new ReadError(`the other side ended after ${here} of ${length} bytes`, "INCOMPLETE_READ");
      }
      return this.#bytes.take(length);
    });
  }

  /**
   * Reads up to `delimiter` and returns the bytes before it; `undefined` when the other side has ended before any byte.
   * @throws ReadError `DELIMITER_NOT_FOUND` when more than `maxBytes` come without it, `INCOMPLETE_READ` when the other
   * side ends without it, RangeError for an empty delimiter
   */
  readUntil(delimiter: Uint8Array, maxBytes: number, options?: WaitOptions): Promise<Uint8Array | undefined> {
    if (delimiter.length === 0) return Promise.reject(new RangeError("delimiter must not be empty"));
    return this.#alone(async () => {
      const found = await this.#find(delimiter, maxBytes, options);
      if (found === -1) {
        const { length } = this.#bytes;
        if (length === 0) return undefined;
        throw new ReadError(`the other side ended after ${length} bytes without the delimiter`, "INCOMPLETE_READ");
      }
      const bytes = this.#bytes.take(found);
      this.#bytes.take(delimiter.length);
      return bytes;
    });
  }

  /**
   * Reads the next line and returns it without its end, which is `\n` or `\r\n`; the last line need not have one.
   * Returns `undefined` at the end.
   * @throws ReadError `DELIMITER_NOT_FOUND` for a line longer than `maxBytes` (64 KiB by default)
   */
  readLine(maxBytes: number = defaultMaxLineBytes, options?: WaitOptions): Promise<Uint8Array | undefined> {
    return this.#alone(async () => {
      const found = await this.#find(lineFeed, maxBytes, options);
      if (found === -1) return this.#bytes.length === 0 ? undefined : this.#bytes.take(this.#bytes.length);
      const line = this.#bytes.take(found);
      this.#bytes.take(1);
      return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
    });
  }

  /** Iterates over the lines to the end. Leaving the iteration early leaves the stream open. */
  async *lines(maxBytes: number = defaultMaxLineBytes): AsyncIterableIterator<Uint8Array, undefined> {
    for (let line = await this.readLine(maxBytes); line !== undefined; line = await this.readLine(maxBytes)) yield line;
    return undefined;
  }

  /** Returns the index of the delimiter; -1 when the other side has ended without it. */
  async #find(delimiter: Uint8Array, maxBytes: number, options: WaitOptions | undefined): Promise<number> {
    for (;;) {
      const found = this.#bytes.indexOf(delimiter);
      const clear = found === -1 ? this.#bytes.length - delimiter.length + 1 : found;
      if (clear > maxBytes) {
        throw this.#notFound(maxBytes);
      }
      if (found !== -1) return found;
      if (!(await this.#more(options))) {
        if (this.#bytes.length > maxBytes) throw this.#notFound(maxBytes);
        return -1;
      }
    }
  }

  #notFound(maxBytes: number): ReadError {
    const message = `no delimiter within maxBytes (${maxBytes}), and ${this.#bytes.length} bytes are here`;
    return new ReadError(message, "DELIMITER_NOT_FOUND");
  }

  /** Receives more bytes from the stream below. Returns false at the end. */
  async #more(options: WaitOptions | undefined): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = await this.inner.receive(options);
    if (chunk === undefined) this.#ended = true;
    else this.#bytes.push(chunk);
    return chunk !== undefined;
  }

  #buffered(): ReceivedMessage<Uint8Array> {
    return { data: this.#bytes.takeChunk(), metadata: Metadata.empty };
  }

  async #alone<T>(read: () => Promise<T>): Promise<T> {
    if (this.#reading) throw new BusyStreamError("another read or receive is waiting on this stream");
    this.#reading = true;
    try {
      return await read();
    } finally {
      this.#reading = false;
    }
  }
}

/** Adds reads by length, by delimiter and by line to a stream of bytes; see `BufferedStream`. */
export function buffered(stream: ObjectStream<Uint8Array>): BufferedStream {
  return new BufferedStream(stream);
}
