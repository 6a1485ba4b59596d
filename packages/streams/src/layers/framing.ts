/** `lengthPrefixed` and `lines`: messages over a stream of bytes, by a length in front or by an end of line behind. */
import { checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { uninitialised } from "../bytes/memory.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream } from "../contract/stream.js";
import { FramedStream } from "./framed-stream.js";

/** Options of `lengthPrefixed`. */
export interface LengthPrefixOptions {
  /** The number of bytes of the length. Default 4. */
  readonly prefixBytes?: 1 | 2 | 4;
  /** The order of the bytes of the length. Default `"big"`, as on the internet. */
  readonly byteOrder?: "big" | "little";
  /**
   * The longest message, in either direction. Default 4 MiB, or the largest length that the prefix can hold if that is
   * less.
   */
  readonly maxMessageBytes?: number;
}

const lengthPrefixOptionNames = optionNames<LengthPrefixOptions>({
  prefixBytes: true,
  byteOrder: true,
  maxMessageBytes: true,
});

/**
 * Keeps the boundaries of messages over a stream of bytes: each goes as its length and its bytes. An empty message
 * counts as one, too.
 *
 * For a message that is longer than `maxMessageBytes`, `send` rejects with a RangeError, and `receive` with a
 * `BrokenStreamError` of code `MESSAGE_TOO_LARGE`. `receive` rejects with `TRUNCATED_INPUT` if the other side ends
 * within a message.
 * @throws RangeError when `prefixBytes` is not 1, 2 or 4, or `maxMessageBytes` not a whole number from 1 to the largest
 * length
 */
export function lengthPrefixed(
  stream: ObjectStream<Uint8Array>,
  options: LengthPrefixOptions = {},
): ObjectStream<Uint8Array> {
  checkOptionNames("lengthPrefixed", options, lengthPrefixOptionNames);
  return new LengthPrefixedStream(stream, options);
}

class LengthPrefixedStream extends FramedStream {
  readonly #prefixBytes: number;
  readonly #littleEndian: boolean;
  readonly #maxMessageBytes: number;

  constructor(stream: ObjectStream<Uint8Array>, options: LengthPrefixOptions) {
    super(stream);
    const { prefixBytes = 4, byteOrder = "big" } = options;
    if (![1, 2, 4].includes(prefixBytes)) throw new RangeError(`prefixBytes must be 1, 2 or 4, not ${prefixBytes}`);
    if (byteOrder !== "big" && byteOrder !== "little")
      throw new RangeError(`byteOrder must be "big" or "little", not ${JSON.stringify(byteOrder)}`);
    const largest = 2 ** (8 * prefixBytes) - 1;
    this.#prefixBytes = prefixBytes;
    this.#littleEndian = byteOrder === "little";
    const maxMessageBytes = options.maxMessageBytes ?? Math.min(4 * 1024 * 1024, largest);
    this.#maxMessageBytes = wholeNumber("maxMessageBytes", maxMessageBytes, 1, largest);
  }

  protected encode(message: Uint8Array): Uint8Array {
    checkLength(message.length, this.#maxMessageBytes);
    const frame = uninitialised(this.#prefixBytes + message.length);
    const last = this.#prefixBytes - 1;
    let rest = message.length;
    for (let weight = 0; weight <= last; weight++, rest >>>= 8)
      frame[this.#littleEndian ? weight : last - weight] = rest;
    frame.set(message, this.#prefixBytes);
    return frame;
  }

  protected decode(bytes: ByteQueue): Uint8Array | undefined {
    const prefixBytes = this.#prefixBytes;
    if (bytes.length < prefixBytes) return undefined;
    const length = bytes.readUint(prefixBytes, this.#littleEndian);
    if (length > this.#maxMessageBytes) {
      throw new BrokenStreamError(tooLarge(length, this.#maxMessageBytes), { code: "MESSAGE_TOO_LARGE" });
    }
    if (bytes.length < prefixBytes + length) return undefined;
    return bytes.takeBehind(prefixBytes, length);
  }
}

/** Options of `lines`. */
export interface LinesOptions {
  /** The longest line in bytes, without its end. Default 64 KiB. */
  readonly maxLineBytes?: number;
  /** The end of line that is sent. Default `"\n"`. */
  readonly newline?: "\n" | "\r\n";
}

const linesOptionNames = optionNames<LinesOptions>({ maxLineBytes: true, newline: true });

/**
 * Makes each line a message: it is sent with an end of line, and received without it, whether that was `\n` or `\r\n`.
 * Bytes that the other side sends last without an end of line are a line, too.
 *
 * `send` rejects with a RangeError for a line that is too long or has an end of line in it. `receive` rejects with a
 * `BrokenStreamError` of code `MESSAGE_TOO_LARGE` for a line that is too long.
 * @throws RangeError when `maxLineBytes` is not a whole number from 1 on, or `newline` is neither `"\n"` nor `"\r\n"`
 */
export function lines(stream: ObjectStream<Uint8Array>, options: LinesOptions = {}): ObjectStream<Uint8Array> {
  checkOptionNames("lines", options, linesOptionNames);
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
    const { maxLineBytes = 64 * 1024, newline = "\n" } = options;
    this.#maxLineBytes = wholeNumber("maxLineBytes", maxLineBytes, 1);
    if (newline !== "\n" && newline !== "\r\n")
      throw new RangeError(`newline must be "\\n" or "\\r\\n", not ${JSON.stringify(newline)}`);
    this.#newline = newline === "\r\n" ? Uint8Array.of(carriageReturn, lineFeed) : endOfLine;
  }

  protected encode(line: Uint8Array): Uint8Array {
    checkLength(line.length, this.#maxLineBytes, "line", "maxLineBytes");
    const at = line.indexOf(lineFeed);
    if (at !== -1) throw new RangeError(`line has an end of line within it, at byte ${at}`);
    if (line.at(-1) === carriageReturn)
      throw new RangeError("line ends in a carriage return, which the receiver would take as part of its end");
    const bytes = uninitialised(line.length + this.#newline.length);
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
    bytes.skip(1);
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
