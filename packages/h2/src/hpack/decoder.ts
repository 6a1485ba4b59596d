/**
 * Header decompression (RFC 7541). The fields it gives are the very objects of its tables, so an indexed field costs
 * no memory, and whoever checks a field's form can remember the result on it.
 */
import type { AsciiCodec } from "../bytes/ascii.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import { DynamicTable, entryOverhead } from "./dynamic-table.js";
import { type BlockCursor, readInteger } from "./integer.js";
import { staticEntries, staticTable } from "./static-table.js";
import { StringReader } from "./string.js";

export interface DecodedField extends HeaderField {
  readonly neverIndexed: boolean;
  /** Set by `stream/headers.ts` once the field was found well formed. */
  checked: boolean;
}

const protocolTableSize = 4_096;

/** The static entries as decoded fields, for all connections: what is remembered on them holds everywhere. */
const staticFields: readonly DecodedField[] = staticTable.map(({ name, value }) => ({ name, value, neverIndexed: false, checked: false }));

export class HpackDecoder {
  readonly #strings: StringReader;
  readonly #table: DynamicTable<DecodedField> = new DynamicTable(protocolTableSize);
  readonly #cursor: BlockCursor = { bytes: new Uint8Array(0), offset: 0, end: 0 };
  /** The largest table the peer may choose. */
  #limit: number;
  /** §4.2: we have lowered the limit below the table's size, and the next block must begin by following. */
  #updateOwed = false;
  /** The last block's size, counted as RFC 9113 §6.5.2 does. */
  listBytes = 0;
  /** The last block was larger than its limit: it was decoded, and nothing of it was kept. */
  listTooLarge = false;

  /** `maxTableSize`: what our SETTINGS announce; the protocol's default holds until they are acknowledged. */
  constructor(options: { readonly ascii: AsciiCodec; readonly maxTableSize: number }) {
    this.#strings = new StringReader(options.ascii);
    this.#limit = Math.max(options.maxTableSize, protocolTableSize);
  }

  /** The peer has acknowledged this limit. */
  setMaxTableSize(bytes: number): void {
    this.#limit = bytes;
    if (bytes < this.#table.maxSize) this.#updateOwed = true;
  }

  /**
   * Decodes one whole block, `bytes[start, end)`. Past `maxListBytes` it goes on, since the table must stay right, but
   * keeps nothing. @throws H2Error COMPRESSION_ERROR for anything malformed
   */
  decode(bytes: Uint8Array, start: number, end: number, maxListBytes: number): DecodedField[] {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.offset = start;
    cursor.end = end;
    this.#readSizeUpdates();
    const fields: DecodedField[] = [];
    let listBytes = 0;
    while (cursor.offset < end) {
      const field = this.#readField();
      listBytes += field.name.length + field.value.length + entryOverhead;
      if (listBytes <= maxListBytes) fields.push(field);
    }
    this.listBytes = listBytes;
    this.listTooLarge = listBytes > maxListBytes;
    return this.listTooLarge ? [] : fields;
  }

  /** §4.2: only at the start of a block. */
  #readSizeUpdates(): void {
    const cursor = this.#cursor;
    while (cursor.offset < cursor.end && isSizeUpdate(cursor.bytes[cursor.offset] as number)) {
      const size = readInteger(cursor, 5);
      if (size > this.#limit) throw malformed(`table size ${size} is larger than what we announced (${this.#limit})`);
      this.#table.maxSize = size;
      this.#updateOwed = false;
    }
    if (this.#updateOwed) throw malformed(`the table's size was not lowered to what we announced (${this.#limit})`);
  }

  #readField(): DecodedField {
    const cursor = this.#cursor;
    const first = cursor.bytes[cursor.offset] as number;
    if (first >= 0x80) return this.#entry(readInteger(cursor, 7));
    if (first >= 0x40) {
      const field = this.#readLiteral(readInteger(cursor, 6), false);
      this.#table.insert(field);
      return field;
    }
    if (isSizeUpdate(first)) throw malformed("table size update after a field");
    return this.#readLiteral(readInteger(cursor, 4), first >= 0x10);
  }

  #readLiteral(nameIndex: number, neverIndexed: boolean): DecodedField {
    const name = nameIndex === 0 ? this.#strings.read(this.#cursor) : this.#entry(nameIndex).name;
    return { name, value: this.#strings.read(this.#cursor), neverIndexed, checked: false };
  }

  #entry(index: number): DecodedField {
    const entry = index > staticEntries ? this.#table.at(index - staticEntries - 1) : staticFields[index - 1];
    if (entry === undefined) throw malformed(`index ${index} is not in the tables (${staticEntries + this.#table.length} entries)`);
    return entry;
  }
}

function isSizeUpdate(octet: number): boolean {
  return (octet & 0xe0) === 0x20;
}

function malformed(what: string): Error {
  return connectionError(ErrorCode.COMPRESSION_ERROR, `malformed header block: ${what}`);
}
