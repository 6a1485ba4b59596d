/**
 * A decoder of one bzip2 stream. It is a generator that rests where the input ends. A block is decoded at once, and its
 * output is given in pieces.
 */
import type { CompressionCoder } from "../codec.js";
import { combineCrc, updateBlockCrc } from "./crc.js";
import { type DecodingTable, decodingTable, maxCodeBits } from "./huffman.js";

const pieceBytes = 64 * 1024;
const groupSymbols = 50;
const blockMagic = [0x314159, 0x265359] as const;
const endMagic = [0x177245, 0x385090] as const;
const needsInput = Symbol("needsInput");

type Step<T> = Generator<typeof needsInput | Uint8Array, T, void>;

/** Decodes one bzip2 stream. */
export class Bzip2Decoder implements CompressionCoder {
  #input: Uint8Array = new Uint8Array(0);
  #offset = 0;
  #bits = 0;
  #bitCount = 0;
  #steps: Step<void> | undefined = this.#stream();
  #ended = false;
  #inputEnded = false;
  #table: Uint32Array = new Uint32Array(0);

  write(chunk: Uint8Array): void {
    this.#input = chunk;
    this.#offset = 0;
  }

  flush(): void {}

  end(): void {
    this.#inputEnded = true;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#steps === undefined || this.#ended) return undefined;
    const { done, value } = this.#steps.next();
    if (done) {
      this.#ended = true;
    } else if (value !== needsInput) {
      return value;
    } else if (this.#inputEnded) {
      throw new Error("unexpected end of the data");
    }
    return undefined;
  }

  get unusedBytes(): number | undefined {
    return this.#ended ? this.#input.length - this.#offset : undefined;
  }

  destroy(): void {
    this.#steps = undefined;
    this.#table = new Uint32Array(0);
    this.#input = new Uint8Array(0);
  }

  *#stream(): Step<void> {
    for (const letter of "BZh")
      if ((yield* this.#take(8)) !== letter.charCodeAt(0)) throw new Error("it does not begin with BZh");
    const level = (yield* this.#take(8)) - 0x30;
    if (level < 1 || level > 9) throw new Error("its block size is none from 1 to 9");
    this.#table = new Uint32Array(level * 100_000);
    let streamCrc = 0;
    for (;;) {
      const magic = [yield* this.#take(24), yield* this.#take(24)];
      const crc = ((yield* this.#take(16)) << 16) | (yield* this.#take(16));
      if (magic[0] === endMagic[0] && magic[1] === endMagic[1]) {
        if (crc !== streamCrc) throw new Error("the checksum of the whole is wrong");
        this.#bitCount = 0; // drops the padding up to a byte; whole bytes are not read ahead
        return;
      }
      if (magic[0] !== blockMagic[0] || magic[1] !== blockMagic[1])
        throw new Error("there is no block where one should begin");
      const found = yield* this.#block();
      if (found !== crc) throw new Error("the checksum of a block is wrong");
      streamCrc = combineCrc(streamCrc, crc);
    }
  }

  /** Yields the bytes of a block and returns their CRC. */
  *#block(): Step<number> {
    if ((yield* this.#take(1)) !== 0)
      throw new Error("randomised blocks, which only bzip2 before 0.9.5 wrote, are not supported");
    const origin = yield* this.#take(24);
    const used = yield* this.#usedBytes();
    const symbolCount = used.length + 2;
    const tableCount = yield* this.#take(3);
    if (tableCount < 2 || tableCount > 6)
      throw new Error(`a block has ${tableCount} Huffman codes, and must have 2 to 6`);
    const selectors = yield* this.#selectors(tableCount);
    const tables: DecodingTable[] = [];
    for (let index = 0; index < tableCount; index++) tables.push(decodingTable(yield* this.#codeLengths(symbolCount)));
    const length = yield* this.#symbols(used, selectors, tables);
    if (origin >= length) throw new Error("a block begins outside of itself");
    return yield* this.#expand(length, origin);
  }

  *#usedBytes(): Step<Uint8Array> {
    const rows = yield* this.#take(16);
    const used: number[] = [];
    for (let row = 0; row < 16; row++) {
      if ((rows & (0x8000 >>> row)) === 0) continue;
      const columns = yield* this.#take(16);
      for (let column = 0; column < 16; column++)
        if ((columns & (0x8000 >>> column)) !== 0) used.push(row * 16 + column);
    }
    if (used.length === 0) throw new Error("a block uses no byte at all");
    return Uint8Array.from(used);
  }

  *#selectors(tableCount: number): Step<Uint8Array> {
    const count = yield* this.#take(15);
    if (count === 0) throw new Error("a block has no groups");
    const order = Uint8Array.from({ length: tableCount }, (_, index) => index);
    const selectors = new Uint8Array(count);
    for (let index = 0; index < count; index++) {
      let position = 0;
      while ((yield* this.#take(1)) === 1)
        if (++position >= tableCount) throw new Error("a group uses a Huffman code that is not there");
      selectors[index] = moveToFront(order, position);
    }
    return selectors;
  }

  *#codeLengths(symbolCount: number): Step<Uint8Array> {
    const lengths = new Uint8Array(symbolCount);
    let length = yield* this.#take(5);
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      while ((yield* this.#take(1)) === 1) {
        length += (yield* this.#take(1)) === 0 ? 1 : -1;
        if (length < 1 || length > maxCodeBits) break;
      }
      if (length < 1 || length > maxCodeBits)
        throw new Error(`a Huffman code has ${length} bits, and must have 1 to ${maxCodeBits}`);
      lengths[symbol] = length;
    }
    return lengths;
  }

  /** Decodes the symbols into the low bytes of the table and returns their number. */
  *#symbols(used: Uint8Array, selectors: Uint8Array, tables: readonly DecodingTable[]): Step<number> {
    const table = this.#table;
    const order = used.slice();
    const endOfBlock = used.length + 1;
    let length = 0;
    let run = 0;
    let runWeight = 1;
    let group = 0;
    let left = 0;
    let decoding = tables[0] as DecodingTable;
    for (;;) {
      if (left === 0) {
        if (group === selectors.length) throw new Error("a block has more symbols than groups");
        decoding = tables[selectors[group++] as number] as DecodingTable;
        left = groupSymbols;
      }
      left--;
      let bits = decoding.minBits;
      while (this.#bitCount < bits) if (!this.#fill()) yield needsInput;
      let code = this.#bits >>> (this.#bitCount - bits);
      while (code > (decoding.limits[bits] as number)) {
        if (++bits > decoding.maxBits) throw new Error("there is no such Huffman code");
        while (this.#bitCount < bits) if (!this.#fill()) yield needsInput;
        code = this.#bits >>> (this.#bitCount - bits);
      }
      this.#bitCount -= bits;
      this.#bits &= (1 << this.#bitCount) - 1;
      const symbol = decoding.symbols[code - (decoding.bases[bits] as number)] as number;
      if (symbol <= 1) {
        // The length of a run of the front byte is a number in the digits 1 and 2, the lowest digit first.
        run += runWeight << symbol;
        runWeight *= 2;
        if (run > table.length - length) throw new Error("a block is longer than its stream allows");
        continue;
      }
      if (run > 0) {
        table.fill(order[0] as number, length, length + run);
        length += run;
        run = 0;
        runWeight = 1;
      }
      if (symbol === endOfBlock) return length;
      if (length === table.length) throw new Error("a block is longer than its stream allows");
      table[length++] = moveToFront(order, symbol - 1);
    }
  }

  /**
   * Undoes the sorting and the first run-length coding, in which four equal bytes are followed by the number of further
   * ones.
   */
  *#expand(length: number, origin: number): Step<number> {
    const table = this.#table;
    const starts = new Uint32Array(257);
    for (let index = 0; index < length; index++) {
      const slot = ((table[index] as number) & 0xff) + 1;
      starts[slot] = (starts[slot] as number) + 1;
    }
    for (let byte = 1; byte <= 256; byte++) starts[byte] = (starts[byte] as number) + (starts[byte - 1] as number);
    for (let index = 0; index < length; index++) {
      const byte = (table[index] as number) & 0xff;
      const place = starts[byte] as number;
      starts[byte] = place + 1;
      table[place] = (table[place] as number) | (index << 8);
    }
    let crc = -1;
    let piece = new Uint8Array(pieceBytes);
    let filled = 0;
    let equal = 0;
    let previous = -1;
    let position = (table[origin] as number) >>> 8;
    for (let index = 0; index < length; index++) {
      const entry = table[position] as number;
      const byte = entry & 0xff;
      position = entry >>> 8;
      if (equal === 4) {
        equal = 0;
        if (filled + byte > pieceBytes) {
          crc = updateBlockCrc(crc, piece.subarray(0, filled));
          yield piece.subarray(0, filled);
          piece = new Uint8Array(pieceBytes);
          filled = 0;
        }
        piece.fill(previous, filled, filled + byte);
        filled += byte;
        continue;
      }
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
      if (filled === pieceBytes) {
        crc = updateBlockCrc(crc, piece);
        yield piece;
        piece = new Uint8Array(pieceBytes);
        filled = 0;
      }
      piece[filled++] = byte;
    }
    crc = updateBlockCrc(crc, piece.subarray(0, filled));
    if (filled > 0) yield piece.subarray(0, filled);
    return ~crc;
  }

  *#take(bits: number): Step<number> {
    while (this.#bitCount < bits) if (!this.#fill()) yield needsInput;
    this.#bitCount -= bits;
    const value = this.#bits >>> this.#bitCount;
    this.#bits &= (1 << this.#bitCount) - 1;
    return value;
  }

  /**
   * Reads one byte more. It never reads ahead, so that the bytes after the end stay untouched. At most 31 bits are
   * held.
   */
  #fill(): boolean {
    if (this.#offset === this.#input.length) return false;
    this.#bits = (this.#bits << 8) | (this.#input[this.#offset++] as number);
    this.#bitCount += 8;
    return true;
  }
}

function moveToFront(order: Uint8Array, position: number): number {
  const value = order[position] as number;
  order.copyWithin(1, 0, position);
  order[0] = value;
  return value;
}
