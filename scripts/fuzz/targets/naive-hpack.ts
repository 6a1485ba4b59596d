/**
 * HPACK decoding (RFC 7541) as the specification tells it, with no thought of speed: a list for the table, a bit at a
 * time for Huffman. What the engine's decoder does must be the same.
 */
import { codeLengths, codes, endOfString } from "../../../packages/h2/src/hpack/huffman-codes.js";
import { staticFields } from "../../../packages/h2/src/hpack/static-table.js";

export interface NaiveField {
  readonly name: string;
  readonly value: string;
  readonly neverIndexed: boolean;
}

/** Code strings such as "11111111|11000" to symbols. */
const symbols = new Map<string, number>(
  Array.from(codeLengths, (length, symbol) => [(codes[symbol] as number).toString(2).padStart(length, "0"), symbol]),
);

export class NaiveDecoder {
  #table: NaiveField[] = [];
  #tableSize = 4_096;
  #allowed: number;
  /** The smallest limit since the last block. */
  #lowest: number;
  #bytes: number[] = [];

  constructor(maxTableSize: number) {
    this.#allowed = Math.max(maxTableSize, 4_096);
    this.#lowest = this.#allowed;
  }

  setMaxTableSize(bytes: number): void {
    this.#allowed = bytes;
    this.#lowest = Math.min(this.#lowest, bytes);
  }

  /** @throws Error for anything malformed */
  decode(block: Uint8Array): NaiveField[] {
    this.#bytes = [...block];
    const fields: NaiveField[] = [];
    let mustShrinkTo = this.#tableSize > this.#lowest ? this.#lowest : undefined;
    this.#lowest = this.#allowed;
    while (this.#first >= 0x20 && this.#first < 0x40) {
      const size = this.#integer(5);
      if (size > this.#allowed) throw new Error("table too large");
      this.#tableSize = size;
      this.#evict();
      if (mustShrinkTo !== undefined && size <= mustShrinkTo) mustShrinkTo = undefined;
    }
    if (mustShrinkTo !== undefined) throw new Error("no table size update");
    while (this.#bytes.length > 0) fields.push(this.#field());
    return fields;
  }

  get #first(): number {
    return this.#bytes[0] ?? -1;
  }

  #field(): NaiveField {
    const first = this.#first;
    if (first >= 0x80) {
      const { name, value, neverIndexed } = this.#at(this.#integer(7));
      return { name, value, neverIndexed };
    }
    if (first >= 0x40) {
      const field = { name: this.#name(6), value: this.#string(), neverIndexed: false };
      this.#table.unshift(field);
      this.#evict();
      return field;
    }
    if (first >= 0x20) throw new Error("late table size update");
    return { name: this.#name(4), value: this.#string(), neverIndexed: first >= 0x10 };
  }

  #name(prefix: number): string {
    const index = this.#integer(prefix);
    return index === 0 ? this.#string() : this.#at(index).name;
  }

  #at(index: number): NaiveField {
    const field = index <= staticFields.length ? staticFields[index - 1] : this.#table[index - staticFields.length - 1];
    if (field === undefined) throw new Error("no such index");
    return { name: field.name, value: field.value, neverIndexed: false };
  }

  #evict(): void {
    const size = (): number => this.#table.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
    while (size() > this.#tableSize) this.#table.pop();
  }

  #integer(prefix: number): number {
    const mask = 2 ** prefix - 1;
    let value = this.#octet() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (shift > 28) throw new Error("integer too long");
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** shift;
      if (octet >= 0x80) continue;
      if (value > 2 ** 31 - 1) throw new Error("integer too large");
      return value;
    }
  }

  #string(): string {
    const huffman = this.#first >= 0x80;
    const length = this.#integer(7);
    if (length > this.#bytes.length) throw new Error("string too long");
    const octets = this.#bytes.splice(0, length);
    return String.fromCharCode(...(huffman ? unpacked(octets) : octets));
  }

  #octet(): number {
    const octet = this.#bytes.shift();
    if (octet === undefined) throw new Error("block too short");
    return octet;
  }
}

function unpacked(octets: readonly number[]): number[] {
  const decoded: number[] = [];
  let code = "";
  for (const octet of octets) {
    for (const bit of octet.toString(2).padStart(8, "0")) {
      code += bit;
      const symbol = symbols.get(code);
      if (symbol === undefined) continue;
      if (symbol === endOfString) throw new Error("end of string in a string");
      decoded.push(symbol);
      code = "";
    }
  }
  if (code.length > 7 || code.includes("0")) throw new Error("wrong padding");
  return decoded;
}
