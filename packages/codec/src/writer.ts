/**
 * Writes a message backwards, from its last byte to its first, into a block shared by many messages. When the length of
 * a nested message is written, all that it counts has been written already, so nothing is measured beforehand and
 * nothing is moved afterwards.
 *
 * A message that outgrows the block moves to a larger one, so positions are only good as distances from `end`.
 */
import { SpareMemory } from "@trunkline/base";
import { giveUp } from "./give-up.js";
import type { CodecPlatform } from "./platform.js";

/**
 * The size of a shared block. A kept message pins its block, so it is not larger than what bulk transfers use anyway.
 */
const blockBytes = 16_384;
/**
 * The limits of the memory that is kept for later messages. A socket takes some dozens of large messages before it
 * tells that they are written.
 */
const mostSpares = 32;
const largestSpareBytes = 262_144;
/** Strings up to this length are tried as ASCII, character by character: a native call costs more. */
const shortText = 32;

const long = new BigInt64Array(1);
const longWords = new Int32Array(long.buffer);

/** The block that messages are written into, from its end to its beginning. */
export class BackwardWriter {
  readonly #platform: CodecPlatform;
  bytes: Uint8Array = new Uint8Array(blockBytes);
  #view: DataView = new DataView(this.bytes.buffer);
  /** The position of the byte that was written last; the next one goes before it. */
  at: number = blockBytes;
  /** The position behind the message that is being written. */
  end: number = blockBytes;
  #busy = false;
  /** The block of small messages, and the place in it, while a large one is written elsewhere. */
  #shared: { readonly bytes: Uint8Array; readonly view: DataView; readonly at: number } | undefined;
  /** The memory of large messages that nobody reads any more. A small message shares its block with others. */
  readonly #spares: SpareMemory = new SpareMemory({
    leastBytes: blockBytes + 1,
    mostBytes: largestSpareBytes,
    maxPieces: mostSpares,
  });

  constructor(platform: CodecPlatform) {
    this.#platform = platform;
  }

  /** Begins a message. Returns false while another one is being written, as when a getter of a message encodes. */
  begin(): boolean {
    if (this.#busy) return false;
    this.#busy = true;
    this.end = this.at;
    return true;
  }

  /** Ends the message and returns its bytes, which are never written to again, behind `headroom` zero bytes. */
  finish(headroom: number): Uint8Array {
    if (this.at < headroom) this.grow(headroom);
    this.at -= headroom;
    const { bytes, at } = this;
    bytes.fill(0, at, at + headroom);
    const message = bytes.subarray(at, this.end);
    this.#busy = false;
    // A large message has the block for itself; the next one begins a new block.
    if (bytes.length > blockBytes) this.#share();
    else if (at < 64) this.#take(blockBytes);
    return message;
  }

  /** Drops the message that is being written. */
  abandon(): void {
    this.at = this.end;
    this.#busy = false;
    if (this.bytes.length > blockBytes) this.#share();
  }

  /** Takes back the memory of a message whose bytes nobody reads any more. */
  reuse(message: Uint8Array): void {
    this.#spares.give(message);
  }

  /** Makes room for `need` more bytes in front of what is written of this message. */
  grow(need: number): void {
    const written = this.end - this.at;
    const old = this.bytes.subarray(this.at, this.end);
    const least = written + need;
    // Many small pieces double the block, so that each byte is moved a few times at most; one large piece fits exactly.
    const spare = need > written ? 64 : least;
    if (this.bytes.length === blockBytes) this.#shared = { bytes: this.bytes, view: this.#view, at: this.end };
    this.#take(least <= blockBytes / 2 ? blockBytes : Math.max(blockBytes, least + spare));
    this.at -= written;
    this.bytes.set(old, this.at);
  }

  /** Goes back to the block that small messages share, where there is room in it. */
  #share(): void {
    const shared = this.#shared;
    this.#shared = undefined;
    if (shared === undefined || shared.at < 64) {
      this.#take(blockBytes);
      return;
    }
    this.bytes = shared.bytes;
    this.#view = shared.view;
    this.at = shared.at;
    this.end = shared.at;
  }

  #take(length: number): void {
    // The messages of a bulk transfer are mostly of one size.
    this.bytes = this.#spares.take(length) ?? this.#platform.allocate(length);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, length);
    this.at = length;
    this.end = length;
  }

  /** Writes one byte. */
  byte(value: number): void {
    if (this.at < 1) this.grow(1);
    this.bytes[--this.at] = value;
  }

  /** Writes an unsigned varint of at most 32 bits. */
  varint(value: number): void {
    if (this.at < 5) this.grow(5);
    const { bytes } = this;
    if (value < 0x80) {
      bytes[--this.at] = value;
      return;
    }
    const length = value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
    this.at -= length;
    let at = this.at;
    let rest = value;
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at] = rest;
  }

  /** Writes a signed 32-bit varint; a negative one has ten bytes. */
  int32(value: number): void {
    if (value >= 0) this.varint(value);
    else this.#varint64(value, -1);
  }

  int64(value: unknown): void {
    const given = toBigInt(value);
    long[0] = given;
    if (long[0] !== given) throw giveUp;
    this.#varint64(longWords[0] as number, longWords[1] as number);
  }

  uint64(value: unknown): void {
    unsigned64(value);
    this.#varint64(longWords[0] as number, longWords[1] as number);
  }

  sint64(value: unknown): void {
    const given = toBigInt(value);
    long[0] = given;
    if (long[0] !== given) throw giveUp;
    const low = longWords[0] as number;
    const high = longWords[1] as number;
    const sign = high >> 31;
    this.#varint64((low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
  }

  sfixed64(value: unknown): void {
    const given = toBigInt(value);
    long[0] = given;
    if (long[0] !== given) throw giveUp;
    this.#words();
  }

  fixed64(value: unknown): void {
    unsigned64(value);
    this.#words();
  }

  fixed32(value: number): void {
    if (this.at < 4) this.grow(4);
    this.at -= 4;
    const { bytes, at } = this;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
  }

  double(value: number): void {
    if (this.at < 8) this.grow(8);
    this.at -= 8;
    this.#view.setFloat64(this.at, value, true);
  }

  float(value: number): void {
    // A finite number that a float cannot hold is an error.
    if (!Number.isFinite(Math.fround(value)) && Number.isFinite(value)) throw giveUp;
    if (this.at < 4) this.grow(4);
    this.at -= 4;
    this.#view.setFloat32(this.at, value, true);
  }

  /** Writes bytes as they are. */
  raw(value: Uint8Array): void {
    const { length } = value;
    if (this.at < length) this.grow(length);
    this.at -= length;
    this.bytes.set(value, this.at);
  }

  /** Writes a string and, before it, its length. */
  string(value: string): void {
    const { length } = value;
    if (length <= shortText) {
      if (this.at < length + 1) this.grow(length + 1);
      const { bytes } = this;
      let at = this.at;
      let index = length - 1;
      for (; index >= 0; index--) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[--at] = code;
      }
      if (index < 0) {
        bytes[--at] = length;
        this.at = at;
        return;
      }
    }
    const byteLength = this.#platform.byteLength(value);
    if (this.at < byteLength) this.grow(byteLength);
    this.at -= byteLength;
    this.#platform.write(value, this.bytes, this.at, byteLength);
    this.varint(byteLength);
  }

  #words(): void {
    this.fixed32(longWords[1] as number);
    this.fixed32(longWords[0] as number);
  }

  #varint64(low: number, high: number): void {
    if (this.at < 10) this.grow(10);
    const { bytes } = this;
    let length = 1;
    if (high === 0) {
      for (let rest = low >>> 7; rest !== 0; rest >>>= 7) length += 1;
    } else {
      // Four groups of seven bits lie in the low word; the fifth has four bits of it and three of the high word.
      length = 5;
      for (let rest = high >>> 3; rest !== 0; rest >>>= 7) length += 1;
    }
    this.at -= length;
    let at = this.at;
    let lowRest = low;
    let highRest = high;
    for (let left = length; left > 1; left--) {
      bytes[at++] = (lowRest & 0x7f) | 0x80;
      lowRest = (lowRest >>> 7) | (highRest << 25);
      highRest >>>= 7;
    }
    bytes[at] = lowRest & 0x7f;
  }
}

function toBigInt(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" || typeof value === "string") return BigInt(value);
  throw giveUp;
}

function unsigned64(value: unknown): void {
  const given = toBigInt(value);
  if (given < 0n || given > 0xffff_ffff_ffff_ffffn) throw giveUp;
  long[0] = given;
}
