/** Reading bytes in other pieces than they come in. */
import { brandClass } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { BusyStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/** What was asked for is not there. The stream goes on, and the bytes that are there are still to be read. */
export class ReadError extends Error {
  static {
    brandClass(ReadError, "ReadError");
  }

  override name = "ReadError";
  /** `"INCOMPLETE_READ"`: the other side ended first. `"DELIMITER_NOT_FOUND"`: not within `maxBytes`. */
  readonly code: "INCOMPLETE_READ" | "DELIMITER_NOT_FOUND";

  constructor(message: string, code: ReadError["code"]) {
    super(message);
    this.code = code;
  }
}

const lineFeed = Uint8Array.of(0x0a);
const carriageReturn = 0x0d;

/** How long a line may be unless told otherwise. */
const defaultMaxLineBytes = 64 * 1024;

/**
 * Adds reading by number and by delimiter to a stream of bytes. What a read leaves stays for the next one, whichever it is; a read that is
 * cancelled leaves everything. One read or `receive` at a time (`BusyStreamError`).
 *
 * Metadata of messages is given by `receiveWithMetadata` while no read has left a part of a message; the reads drop it.
 */
export class BufferedStream extends WrappedStream<Uint8Array> {
  readonly #bytes: ByteQueue = new ByteQueue();
  #reading = false;
  #ended = false;

  /** Bytes that are here already. */
  get bufferedBytes(): number {
    return this.#bytes.length;
  }

  /** Puts bytes back, or in front, to be read first. */
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
   * Exactly `length` bytes; `undefined` when the other side has ended before the first of them.
   * @throws ReadError `INCOMPLETE_READ` when it has ended after some of them, RangeError for a length that is no whole number from 0
   */
  readExactly(length: number, options?: WaitOptions): Promise<Uint8Array | undefined> {
    if (!Number.isSafeInteger(length) || length < 0) {
      return Promise.reject(new RangeError(`length must be a whole number from 0, but is ${length}`));
    }
    return this.#alone(async () => {
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
   * The bytes up to `delimiter`, which is taken too but not given; `undefined` when the other side has ended before any byte.
   * @throws ReadError `DELIMITER_NOT_FOUND` when more than `maxBytes` come without it, `INCOMPLETE_READ` when the other side ends
   * without it, RangeError for an empty delimiter
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
   * The next line without its end, which is `\n` or `\r\n`; the last one need not have it. `undefined` at the end.
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

  /** Iterates over `readLine` to the end; leaving early leaves the stream open. */
  async *lines(maxBytes: number = defaultMaxLineBytes): AsyncIterableIterator<Uint8Array, undefined> {
    for (let line = await this.readLine(maxBytes); line !== undefined; line = await this.readLine(maxBytes)) yield line;
    return undefined;
  }

  /** Where the delimiter is; -1 when the other side has ended without it. */
  async #find(delimiter: Uint8Array, maxBytes: number, options: WaitOptions | undefined): Promise<number> {
    for (;;) {
      const found = this.#bytes.indexOf(delimiter);
      const clear = found === -1 ? this.#bytes.length - delimiter.length + 1 : found;
      if (clear > maxBytes) {
        throw new ReadError(
          `no delimiter within maxBytes (${maxBytes}), and ${this.#bytes.length} bytes are here`,
          "DELIMITER_NOT_FOUND",
        );
      }
      if (found !== -1) return found;
      if (!(await this.#more(options))) {
        if (this.#bytes.length > maxBytes) {
          throw new ReadError(
            `no delimiter within maxBytes (${maxBytes}), and ${this.#bytes.length} bytes are here`,
            "DELIMITER_NOT_FOUND",
          );
        }
        return -1;
      }
    }
  }

  /** False at the end. */
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

/** @see BufferedStream */
export function buffered(stream: ObjectStream<Uint8Array>): BufferedStream {
  return new BufferedStream(stream);
}
