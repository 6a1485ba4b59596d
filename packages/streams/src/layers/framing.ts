/** Messages over a stream of bytes: by a length in front, or by an end of line behind. */
import type { ByteQueue } from "../bytes/byte-queue.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream } from "../contract/stream.js";
import { FramedStream } from "./framed-stream.js";

export interface LengthPrefixOptions {
  /** How many bytes the length takes. Default 4. */
  readonly prefixBytes?: 1 | 2 | 4;
  /** Default `"big"`, as on the internet. */
  readonly byteOrder?: "big" | "little";
  /** The longest message, in either direction. Default 4 MiB, or what the prefix can say if that is less. */
  readonly maxMessageBytes?: number;
}

/**
 * Keeps the boundaries of messages over a stream of bytes: each goes as its length and its bytes. An empty message is one.
 *
 * `send` rejects with a RangeError, and `receive` with a `BrokenStreamError` of code `MESSAGE_TOO_LARGE`, for a message that is longer
 * than `maxMessageBytes`; with `TRUNCATED_INPUT` if the other side ends within one.
 * @throws RangeError when `maxMessageBytes` is not a whole number from 1 to what the prefix can say
 */
export function lengthPrefixed(
  stream: ObjectStream<Uint8Array>,
  options: LengthPrefixOptions = {},
): ObjectStream<Uint8Array> {
  return new LengthPrefixedStream(stream, options);
}

class LengthPrefixedStream extends FramedStream {
  readonly #prefixBytes: number;
  readonly #littleEndian: boolean;
  readonly #maxMessageBytes: number;

  constructor(stream: ObjectStream<Uint8Array>, options: LengthPrefixOptions) {
    super(stream);
    const { prefixBytes = 4, byteOrder = "big" } = options;
    const largest = 2 ** (8 * prefixBytes) - 1;
    this.#prefixBytes = prefixBytes;
    this.#littleEndian = byteOrder === "little";
    this.#maxMessageBytes = wholeLimit(
      "maxMessageBytes",
      options.maxMessageBytes ?? Math.min(4 * 1024 * 1024, largest),
      largest,
    );
  }

  protected encode(message: Uint8Array): Uint8Array {
    checkLength(message.length, this.#maxMessageBytes);
    const frame = new Uint8Array(this.#prefixBytes + message.length);
    for (let index = 0; index < this.#prefixBytes; index++)
      frame[this.#position(index)] = message.length >>> (8 * index);
    frame.set(message, this.#prefixBytes);
    return frame;
  }

  protected decode(bytes: ByteQueue): Uint8Array | undefined {
    if (bytes.length < this.#prefixBytes) return undefined;
    const prefix = bytes.peek(this.#prefixBytes);
    let length = 0;
    for (let index = 0; index < this.#prefixBytes; index++)
      length += (prefix[this.#position(index)] as number) * 2 ** (8 * index);
    if (length > this.#maxMessageBytes) {
      throw new BrokenStreamError(tooLarge(length, this.#maxMessageBytes), { code: "MESSAGE_TOO_LARGE" });
    }
    if (bytes.length < this.#prefixBytes + length) return undefined;
    bytes.take(this.#prefixBytes);
    return bytes.take(length);
  }

  /** Where the byte with this weight stands. */
  #position(weight: number): number {
    return this.#littleEndian ? weight : this.#prefixBytes - 1 - weight;
  }
}

export interface LinesOptions {
  /** The longest line, without its end. Default 64 KiB. */
  readonly maxLineBytes?: number;
  /** What is sent after each line. Default `"\n"`. */
  readonly newline?: "\n" | "\r\n";
}

/**
 * Messages are lines: sent with an end of line, received without it, whether that was `\n` or `\r\n`. What the other side sent last
 * without an end of line is a line too.
 *
 * `send` rejects with a RangeError for a line that is too long or has an end of line in it; `receive` with a `BrokenStreamError` of code
 * `MESSAGE_TOO_LARGE` for one that is too long.
 * @throws RangeError when `maxLineBytes` is not a whole number from 1
 */
export function lines(stream: ObjectStream<Uint8Array>, options: LinesOptions = {}): ObjectStream<Uint8Array> {
  return new LinesStream(stream, options);
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const endOfLine = Uint8Array.of(lineFeed);

class LinesStream extends FramedStream {
  readonly #maxLineBytes: number;
  readonly #newline: Uint8Array;

  constructor(stream: ObjectStream<Uint8Array>, options: LinesOptions) {
    super(stream);
    this.#maxLineBytes = wholeLimit("maxLineBytes", options.maxLineBytes ?? 64 * 1024, Number.MAX_SAFE_INTEGER);
    this.#newline = options.newline === "\r\n" ? Uint8Array.of(carriageReturn, lineFeed) : endOfLine;
  }

  protected encode(line: Uint8Array): Uint8Array {
    checkLength(line.length, this.#maxLineBytes, "line", "maxLineBytes");
    const at = line.indexOf(lineFeed);
    if (at !== -1) throw new RangeError(`line has an end of line within it, at byte ${at}`);
    if (line.at(-1) === carriageReturn)
      throw new RangeError("line ends in a carriage return, which would be taken for part of its end");
    const bytes = new Uint8Array(line.length + this.#newline.length);
    bytes.set(line);
    bytes.set(this.#newline, line.length);
    return bytes;
  }

  protected decode(bytes: ByteQueue): Uint8Array | undefined {
    const length = bytes.indexOf(endOfLine);
    if (length === -1) {
      this.#check(bytes.length - 1); // the last byte may be the carriage return of an end of line
      return undefined;
    }
    const line = bytes.take(length);
    bytes.take(1);
    return this.#checked(line.at(-1) === carriageReturn ? line.subarray(0, -1) : line);
  }

  protected override decodeLast(bytes: ByteQueue): Uint8Array | undefined {
    return bytes.length === 0 ? undefined : this.#checked(bytes.take(bytes.length));
  }

  #checked(line: Uint8Array): Uint8Array {
    this.#check(line.length);
    return line;
  }

  #check(length: number): void {
    if (length <= this.#maxLineBytes) return;
    const message = `line of at least ${length} bytes is larger than maxLineBytes (${this.#maxLineBytes})`;
    throw new BrokenStreamError(message, { code: "MESSAGE_TOO_LARGE" });
  }
}

function checkLength(length: number, limit: number, thing: string = "message", name: string = "maxMessageBytes"): void {
  if (length > limit) throw new RangeError(tooLarge(length, limit, thing, name));
}

function tooLarge(length: number, limit: number, thing: string = "message", name: string = "maxMessageBytes"): string {
  return `${thing} of ${length} bytes is larger than ${name} (${limit})`;
}

function wholeLimit(name: string, value: number, largest: number): number {
  if (!Number.isInteger(value) || value < 1 || value > largest) {
    throw new RangeError(`${name} must be a whole number from 1 to ${largest}, but is ${value}`);
  }
  return value;
}
