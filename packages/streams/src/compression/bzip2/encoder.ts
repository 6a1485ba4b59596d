/**
 * An encoder of one bzip2 stream. A block is sorted and coded at once when it is full, which takes some hundred
 * milliseconds for 900 kB.
 */
import type { CompressionCoder } from "../codec.js";
import { burrowsWheeler } from "./bwt.js";
import { combineCrc, updateBlockCrc } from "./crc.js";
import { canonicalCodes, codeLengths } from "./huffman.js";

const groupSymbols = 50;
const maxRun = 255;

/** Encodes one bzip2 stream. */
export class Bzip2Encoder implements CompressionCoder {
  readonly unusedBytes = undefined;
  readonly #out = new BitWriter();
  #block: Uint8Array;
  #length = 0;
  #crc = -1;
  #streamCrc = 0;
  /** The byte and the length of the run at the end of the block. */
  #runByte = -1;
  #run = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #ending = false;

  constructor(level: number) {
    this.#block = new Uint8Array(level * 100_000 - 19); // bzip2 does the same: some decoders need a few bytes more
    for (const letter of "BZh") this.#out.write(8, letter.charCodeAt(0));
    this.#out.write(8, 0x30 + level);
  }

  write(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  flush(): void {}

  end(): void {
    this.#ending = true;
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunk.length > 0) {
      const taken = this.#take(this.#chunk);
      this.#crc = updateBlockCrc(this.#crc, this.#chunk.subarray(0, taken));
      this.#chunk = this.#chunk.subarray(taken);
      if (this.#chunk.length > 0) {
        this.#endBlock();
        return this.#out.takeBytes();
      }
    }
    if (this.#ending) {
      this.#ending = false;
      this.#endBlock();
      this.#out.write(24, 0x177245);
      this.#out.write(24, 0x385090);
      this.#out.write(16, this.#streamCrc >>> 16);
      this.#out.write(16, this.#streamCrc & 0xffff);
      this.#out.align();
      return this.#out.takeBytes();
    }
    return undefined;
  }

  destroy(): void {
    this.#block = new Uint8Array(0);
    this.#chunk = new Uint8Array(0);
  }

  /**
   * Adds bytes to the block by the first run-length coding: four bytes of a run stay, and the number of further ones.
   * Returns the number of bytes taken.
   */
  #take(chunk: Uint8Array): number {
    const block = this.#block;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (byte === this.#runByte && this.#run < maxRun) {
        if (this.#run < 4 && this.#length >= block.length - 1) return index; // the count of a run of four must fit
        this.#run++;
        if (this.#run <= 4) block[this.#length++] = byte;
        if (this.#run === 4) block[this.#length++] = 0;
        else if (this.#run > 4) block[this.#length - 1] = this.#run - 4;
      } else {
        if (this.#length >= block.length - 1) return index;
        this.#runByte = byte;
        this.#run = 1;
        block[this.#length++] = byte;
      }
    }
    return chunk.length;
  }

  #endBlock(): void {
    if (this.#length === 0) return;
    const crc = ~this.#crc;
    this.#streamCrc = combineCrc(this.#streamCrc, crc);
    const out = this.#out;
    out.write(24, 0x314159);
    out.write(24, 0x265359);
    out.write(16, crc >>> 16);
    out.write(16, crc & 0xffff);
    out.write(1, 0);
    const sorted = new Uint8Array(this.#length);
    out.write(24, burrowsWheeler(this.#block.subarray(0, this.#length), sorted));
    writeUsed(sorted, out);
    writeSymbols(symbolsOf(sorted), out);
    this.#length = 0;
    this.#crc = -1;
    this.#runByte = -1;
    this.#run = 0;
  }
}

function usedBytes(bytes: Uint8Array): Uint8Array {
  const used = new Uint8Array(256);
  for (const byte of bytes) used[byte] = 1;
  return used;
}

function writeUsed(bytes: Uint8Array, out: BitWriter): void {
  const used = usedBytes(bytes);
  const rows = Array.from({ length: 16 }, (_, row) => used.subarray(row * 16, row * 16 + 16));
  for (const row of rows) out.write(1, row.includes(1) ? 1 : 0);
  for (const row of rows) if (row.includes(1)) for (const bit of row) out.write(1, bit);
}

interface Symbols {
  readonly values: Uint16Array;
  /** The number of different symbols. */
  readonly count: number;
}

/**
 * Codes each byte by its place among those used last; runs of the first place become numbers in the digits 0 and 1 (for
 * 1 and 2).
 */
function symbolsOf(bytes: Uint8Array): Symbols {
  const used = usedBytes(bytes);
  const order = Uint8Array.from(Array.from(used.keys()).filter((byte) => used[byte] === 1));
  const values = new Uint16Array(bytes.length + 1);
  let length = 0;
  let run = 0;
  const endRun = (): void => {
    for (; run > 0; run = (run - 1) >>> 1) values[length++] = run & 1 ? 0 : 1;
  };
  for (const byte of bytes) {
    const position = order.indexOf(byte);
    if (position === 0) {
      run++;
      continue;
    }
    endRun();
    values[length++] = position + 1;
    order.copyWithin(1, 0, position);
    order[0] = byte;
  }
  endRun();
  values[length++] = order.length + 1;
  return { values: values.subarray(0, length), count: order.length + 2 };
}

/** Returns the number of Huffman codes that pay off for so many symbols, as in the reference. */
function tableCountFor(symbols: number): number {
  if (symbols < 200) return 2;
  if (symbols < 600) return 3;
  if (symbols < 1_200) return 4;
  return symbols < 2_400 ? 5 : 6;
}

function writeSymbols({ values, count }: Symbols, out: BitWriter): void {
  const { tables, selectors } = chooseTables(values, count);
  out.write(3, tables.length);
  out.write(15, selectors.length);
  const order = tables.map((_, index) => index);
  for (const selector of selectors) {
    const position = order.indexOf(selector);
    for (let index = 0; index < position; index++) out.write(1, 1);
    out.write(1, 0);
    order.splice(position, 1);
    order.unshift(selector);
  }
  for (const lengths of tables) writeLengths(lengths, out);
  const codes = tables.map(canonicalCodes);
  for (let index = 0; index < values.length; index++) {
    const selector = selectors[Math.floor(index / groupSymbols)] as number;
    const symbol = values[index] as number;
    out.write(tables[selector]?.[symbol] as number, codes[selector]?.[symbol] as number);
  }
}

/**
 * Returns the codes, and for each group of symbols the index of its code. It begins with codes that each favour a range
 * of symbols, gives each group the code that suits it best, makes new codes of the groups, and repeats that four times.
 */
function chooseTables(values: Uint16Array, count: number): { tables: Uint8Array[]; selectors: Uint8Array } {
  const tableCount = tableCountFor(values.length);
  const selectors = new Uint8Array(Math.ceil(values.length / groupSymbols));
  let tables = seedTables(values, count, tableCount);
  for (let round = 0; round < 4; round++) {
    const frequencies = tables.map(() => new Uint32Array(count));
    for (let group = 0; group < selectors.length; group++) {
      const part = values.subarray(group * groupSymbols, (group + 1) * groupSymbols);
      let best = 0;
      let bestBits = Number.POSITIVE_INFINITY;
      for (let table = 0; table < tableCount; table++) {
        const lengths = tables[table] as Uint8Array;
        let bits = 0;
        for (const symbol of part) bits += lengths[symbol] as number;
        if (bits < bestBits) {
          best = table;
          bestBits = bits;
        }
      }
      selectors[group] = best;
      const counts = frequencies[best] as Uint32Array;
      for (const symbol of part) counts[symbol] = (counts[symbol] as number) + 1;
    }
    tables = frequencies.map(codeLengths);
  }
  return { tables, selectors };
}

/**
 * Returns the first codes: each favours a range of symbols with about an equal share of all occurrences, as the
 * reference chooses them. A range by symbol numbers would favour symbols that do not occur: most occurrences are of the
 * lowest numbers.
 */
function seedTables(values: Uint16Array, count: number, tableCount: number): Uint8Array[] {
  const frequencies = new Uint32Array(count);
  for (const value of values) frequencies[value] = (frequencies[value] as number) + 1;
  const tables: Uint8Array[] = [];
  let restSymbols = values.length;
  let start = 0;
  for (let rest = tableCount; rest > 0; rest--) {
    const share = restSymbols / rest;
    let end = start;
    let sum = 0;
    while (sum < share && end < count) sum += frequencies[end++] as number;
    // Every second range gives its last symbol to the next one, so that frequent symbols do not always end a range.
    const made = tableCount - rest;
    if (end - start > 1 && rest !== tableCount && rest !== 1 && made % 2 === 1) sum -= frequencies[--end] as number;
    tables.push(Uint8Array.from({ length: count }, (_, symbol) => (symbol >= start && symbol < end ? 0 : 15)));
    restSymbols -= sum;
    start = end;
  }
  return tables;
}

function writeLengths(lengths: Uint8Array, out: BitWriter): void {
  let current = lengths[0] as number;
  out.write(5, current);
  for (const length of lengths) {
    for (; current < length; current++) out.write(2, 0b10);
    for (; current > length; current--) out.write(2, 0b11);
    out.write(1, 0);
  }
}

/** Writes bits, the most significant one first. */
class BitWriter {
  #bytes: Uint8Array = new Uint8Array(4_096);
  #length = 0;
  #bits = 0;
  #bitCount = 0;

  /** Writes at most 24 bits. */
  write(bits: number, value: number): void {
    this.#bits = (this.#bits << bits) | value;
    this.#bitCount += bits;
    while (this.#bitCount >= 8) {
      this.#bitCount -= 8;
      this.#push(this.#bits >>> this.#bitCount);
      this.#bits &= (1 << this.#bitCount) - 1;
    }
  }

  /** Writes zeros up to a whole byte. */
  align(): void {
    if (this.#bitCount > 0) this.write(8 - this.#bitCount, 0);
  }

  /** Takes the whole bytes so far. */
  takeBytes(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}
