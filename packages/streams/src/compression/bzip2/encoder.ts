/** An encoder of one bzip2 stream. A block is sorted and coded at once, when it is full: some hundred milliseconds for 900 kB. */
import type { CompressionCoder } from "../codec.js";
import { burrowsWheeler } from "./bwt.js";
import { combineCrc, updateBlockCrc } from "./crc.js";
import { canonicalCodes, codeLengths } from "./huffman.js";

const groupSymbols = 50;
const maxRun = 255;

export class Bzip2Encoder implements CompressionCoder {
  readonly unusedBytes = undefined;
  readonly #out = new BitWriter();
  #block: Uint8Array;
  #length = 0;
  #crc = -1;
  #streamCrc = 0;
  /** The byte of the run at the end of the block, and how long that run is. */
  #runByte = -1;
  #run = 0;
  #chunk: Uint8Array = new Uint8Array(0);
  #ending = false;

  constructor(level: number) {
    this.#block = new Uint8Array(level * 100_000 - 19); // as bzip2 does: some decoders count a few more
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

  /** The first run-length coding, into the block: of a run only four bytes stay, and how many more there are. Returns how many were taken. */
  #take(chunk: Uint8Array): number {
    const block = this.#block;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] as number;
      if (byte === this.#runByte && this.#run < maxRun) {
        if (this.#run < 4 && this.#length >= block.length - 1) return index; // the count of a run of four has to fit too
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
  /** How many different ones there are. */
  readonly count: number;
}

/** Each byte by its place among those used last; runs of the first place as numbers in the digits 0 and 1 (for 1 and 2). */
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

/** How many Huffman codes pay off for so many symbols. */
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

/** Begins with codes that each favour a part of the symbols, and gives each group the code that suits it best, four times over. */
function chooseTables(values: Uint16Array, count: number): { tables: Uint8Array[]; selectors: Uint8Array } {
  const tableCount = tableCountFor(values.length);
  const selectors = new Uint8Array(Math.ceil(values.length / groupSymbols));
  let tables: Uint8Array[] = Array.from({ length: tableCount }, (_, table) =>
    Uint8Array.from({ length: count }, (__, symbol) => (Math.floor((symbol * tableCount) / count) === table ? 1 : 15)),
  );
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

function writeLengths(lengths: Uint8Array, out: BitWriter): void {
  let current = lengths[0] as number;
  out.write(5, current);
  for (const length of lengths) {
    for (; current < length; current++) out.write(2, 0b10);
    for (; current > length; current--) out.write(2, 0b11);
    out.write(1, 0);
  }
}

/** Bits, the most significant first. */
class BitWriter {
  #bytes: Uint8Array = new Uint8Array(4_096);
  #length = 0;
  #bits = 0;
  #bitCount = 0;

  /** At most 24 bits. */
  write(bits: number, value: number): void {
    this.#bits = (this.#bits << bits) | value;
    this.#bitCount += bits;
    while (this.#bitCount >= 8) {
      this.#bitCount -= 8;
      this.#push(this.#bits >>> this.#bitCount);
      this.#bits &= (1 << this.#bitCount) - 1;
    }
  }

  /** Zeros up to a whole byte. */
  align(): void {
    if (this.#bitCount > 0) this.write(8 - this.#bitCount, 0);
  }

  /** The whole bytes so far. */
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
