/**
 * HPACK decoding (RFC 7541) of whole header blocks. Any error ends the connection, since the two tables may differ
 * from there on. Nothing here knows what a field means; `stream/headers.ts` does.
 */
import type { AsciiCodec } from "../bytes/ascii.js";
import { compressionError } from "./compression-error.js";
import { type DecodedField, decodedField, fieldBytes } from "./decoded-field.js";
import { DynamicTable, protocolTableSize } from "./dynamic-table.js";
import { type Cursor, readInteger } from "./integer.js";
import { staticFields, staticLength } from "./static-table.js";
import { readString } from "./string.js";

export type { DecodedField } from "./decoded-field.js";

export interface HpackDecoderOptions {
  readonly ascii: AsciiCodec;
  /**
   * Bytes of dynamic table that we announce (SETTINGS_HEADER_TABLE_SIZE). Until the peer knows, it may use the
   * protocol's 4,096.
   */
  readonly maxTableSize: number;
}

export class HpackDecoder {
  /** The last block counted more than its limit; what is past the limit was not kept. */
  listTooLarge = false;
  /** The size of the last block as a whole: name, value and 32 for each field (RFC 9113 §6.5.2). */
  listBytes = 0;

  readonly #ascii: AsciiCodec;
  readonly #table: DynamicTable<DecodedField> = new DynamicTable(protocolTableSize);
  /** The largest table that the peer may choose. */
  #maxTableSize: number;
  /** The smallest that it was since the last block: the peer must have gone down to it (§4.2). */
  #smallestMaxTableSize: number;

  constructor(options: HpackDecoderOptions) {
    this.#ascii = options.ascii;
    this.#maxTableSize = Math.max(options.maxTableSize, protocolTableSize);
    this.#smallestMaxTableSize = this.#maxTableSize;
  }

  /**
   * The announced value is in force: the peer has acknowledged it. If its table is larger, the next block must begin by
   * shrinking it.
   */
  setMaxTableSize(bytes: number): void {
    this.#maxTableSize = bytes;
    this.#smallestMaxTableSize = Math.min(this.#smallestMaxTableSize, bytes);
  }

  /**
   * Decodes the header block `bytes[start, end)`, of which nothing is kept. Past `maxListBytes` it goes on, for the
   * table's sake, but keeps no more fields: see `listTooLarge`. The cost of a field that is repeated by its index
   * (CVE-2016-6581) is thereby bounded.
   * @throws H2Error (scope `connection`, COMPRESSION_ERROR) for whatever is malformed. The decoder is of no use after
   * that.
   */
  decode(bytes: Uint8Array, start: number, end: number, maxListBytes: number): DecodedField[] {
    const cursor: Cursor = { bytes, offset: start, end };
    const fields: DecodedField[] = [];
    let listBytes = 0;
    this.#readSizeUpdates(cursor);
    while (cursor.offset < end) {
      const field = this.#readField(cursor);
      listBytes += fieldBytes(field.name, field.value);
      if (listBytes <= maxListBytes) fields.push(field);
    }
    this.listBytes = listBytes;
    this.listTooLarge = listBytes > maxListBytes;
    return fields;
  }

  /** The forms of RFC 7541 §6, told apart by the first one bit. */
  #readField(cursor: Cursor): DecodedField {
    const first = cursor.bytes[cursor.offset] as number;
    if (first >= 0x80) return this.#fieldAt(readInteger(cursor, 7));
    if (first >= 0x40) {
      const field = decodedField(this.#readName(cursor, 6), readString(cursor, this.#ascii));
      this.#table.insert(field);
      return field;
    }
    if (first >= 0x20) throw compressionError("dynamic table size update after the beginning of a header block");
    const name = this.#readName(cursor, 4);
    const value = readString(cursor, this.#ascii);
    return first >= 0x10 ? decodedField(name, value, true) : decodedField(name, value);
  }

  #readName(cursor: Cursor, prefixBits: number): string {
    const index = readInteger(cursor, prefixBits);
    return index === 0 ? readString(cursor, this.#ascii) : this.#fieldAt(index).name;
  }

  #fieldAt(index: number): DecodedField {
    const field = index <= staticLength ? staticFields[index - 1] : this.#table.at(index - staticLength - 1);
    if (field !== undefined) return field;
    throw compressionError(
      `index ${index} is not from 1 to ${staticLength + this.#table.length}, the end of the tables`,
    );
  }

  /** §4.2, §6.3: any number of them, only before the first field. */
  #readSizeUpdates(cursor: Cursor): void {
    const smallest = this.#smallestMaxTableSize;
    this.#smallestMaxTableSize = this.#maxTableSize;
    let tooLarge = this.#table.maxBytes > smallest;
    while (cursor.offset < cursor.end && ((cursor.bytes[cursor.offset] as number) & 0xe0) === 0x20) {
      const size = readInteger(cursor, 5);
      if (size > this.#maxTableSize) {
        throw compressionError(`dynamic table size ${size} is larger than the announced one (${this.#maxTableSize})`);
      }
      this.#table.resize(size);
      if (size <= smallest) tooLarge = false;
    }
    if (!tooLarge) return;
    throw compressionError(
      `header block without the update that shrinks the dynamic table to the announced size (${smallest})`,
    );
  }
}
