/**
 * Reads the parts of a message that the compiled decoders do not read inline. It reads only what is well-formed and
 * within the message; at anything else it gives up, and protobuf-es says what is wrong.
 */
import { giveUp } from "./give-up.js";
import { rememberedKey, rememberKey } from "./key-cache.js";
import type { CodecPlatform } from "./platform.js";
import { longestShortAscii, shortAscii } from "./short-ascii.js";

const long = new BigInt64Array(1);
const unsignedLong = new BigUint64Array(long.buffer);
const longWords = new Int32Array(long.buffer);

/** A position in the bytes of one message. */
export class Reader {
  readonly #platform: CodecPlatform;
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  /** The view of the bytes by which floats are read; made for messages that have some. */
  #view: DataView | undefined;
  #low = 0;
  #high = 0;

  constructor(platform: CodecPlatform) {
    this.#platform = platform;
  }

  begin(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.at = 0;
    this.#view = undefined;
  }

  /** Lets go of the bytes, so that they can be collected. */
  end(): void {
    this.begin(nothing);
  }

  /** Returns a varint of at most 32 bits. One of more than five bytes has the bits that do not fit cut off. */
  varint(): number {
    const { bytes } = this;
    let at = this.at;
    let byte = this.#byte(at++);
    let result = byte & 0x7f;
    for (let shift = 7; byte > 0x7f && shift < 35; shift += 7) {
      byte = this.#byte(at++);
      result |= (byte & 0x7f) << shift;
    }
    // Ten bytes are what a negative int32 has.
    for (let left = 5; byte > 0x7f; left--) {
      if (left === 0 || at >= bytes.length) throw giveUp;
      byte = bytes[at++] as number;
    }
    this.at = at;
    return result >>> 0;
  }

  /** Returns a tag. */
  tag(): number {
    const start = this.at;
    const tag = this.varint();
    const length = this.at - start;
    if (length > 5 || (length === 5 && (this.bytes[this.at - 1] as number) > 0x0f)) throw giveUp;
    return tag;
  }

  /** Returns the length that comes next, within the bytes. */
  length(): number {
    const length = this.varint();
    if (length > this.bytes.length - this.at) throw giveUp;
    return length;
  }

  bool(): boolean {
    this.#varint64();
    return this.#low !== 0 || this.#high !== 0;
  }

  int64(): bigint {
    this.#varint64();
    return signed(this.#low, this.#high);
  }

  uint64(): bigint {
    this.#varint64();
    return unsigned(this.#low, this.#high);
  }

  sint64(): bigint {
    this.#varint64();
    const sign = -(this.#low & 1);
    return signed(((this.#low >>> 1) | (this.#high << 31)) ^ sign, (this.#high >>> 1) ^ sign);
  }

  sint32(): number {
    const coded = this.varint();
    return (coded >>> 1) ^ -(coded & 1);
  }

  fixed32(): number {
    return this.sfixed32() >>> 0;
  }

  sfixed32(): number {
    const { bytes, at } = this;
    if (at + 4 > bytes.length) throw giveUp;
    this.at = at + 4;
    return (
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    );
  }

  fixed64(): bigint {
    const low = this.sfixed32();
    return unsigned(low, this.sfixed32());
  }

  sfixed64(): bigint {
    const low = this.sfixed32();
    return signed(low, this.sfixed32());
  }

  double(): number {
    const { at } = this;
    if (at + 8 > this.bytes.length) throw giveUp;
    this.at = at + 8;
    return this.#floats().getFloat64(at, true);
  }

  float(): number {
    const { at } = this;
    if (at + 4 > this.bytes.length) throw giveUp;
    this.at = at + 4;
    return this.#floats().getFloat32(at, true);
  }

  /** Returns a view of the bytes that come next, behind their length. */
  view(): Uint8Array {
    const length = this.length();
    const start = this.at;
    this.at = start + length;
    return this.bytes.subarray(start, start + length);
  }

  string(): string {
    const length = this.length();
    const start = this.at;
    const end = start + length;
    this.at = end;
    if (length <= longestShortAscii) {
      const text = shortAscii(this.bytes, start, length);
      if (text !== undefined) return text;
    }
    const text = this.#platform.decode(this.bytes, start, end);
    // Either invalid UTF-8 or a real U+FFFD: protobuf-es can tell.
    if (text.includes("\ufffd")) throw giveUp;
    return text;
  }

  /** Returns a string that is the key of a map. */
  key(): string {
    const start = this.at;
    const length = this.length();
    const { bytes, at } = this;
    const known = rememberedKey(bytes, at, length);
    if (known !== undefined) {
      this.at = at + length;
      return known;
    }
    this.at = start;
    const key = this.string();
    rememberKey(key, bytes, at, length);
    return key;
  }

  /** Skips the value of an unknown field and returns a copy of it. */
  skip(wireType: number): Uint8Array {
    const start = this.at;
    if (wireType === 0) {
      let at = start;
      while (this.#byte(at++) > 0x7f);
      this.at = at;
    } else if (wireType === 1) this.at = start + 8;
    else if (wireType === 5) this.at = start + 4;
    else if (wireType === 2) {
      const length = this.length();
      this.at += length;
    } else throw giveUp;
    if (this.at > this.bytes.length) throw giveUp;
    return new Uint8Array(this.bytes.subarray(start, this.at));
  }

  /** Returns a view that keeps every bit of a NaN, as a typed array need not. */
  #floats(): DataView {
    const { bytes } = this;
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#view;
  }

  #byte(at: number): number {
    if (at >= this.bytes.length) throw giveUp;
    return this.bytes[at] as number;
  }

  #varint64(): void {
    let at = this.at;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(at++);
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte <= 0x7f) {
        this.at = at;
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw giveUp;
  }
}

const nothing = new Uint8Array(0);

function signed(low: number, high: number): bigint {
  longWords[0] = low;
  longWords[1] = high;
  return long[0] as bigint;
}

function unsigned(low: number, high: number): bigint {
  longWords[0] = low;
  longWords[1] = high;
  return unsignedLong[0] as bigint;
}
