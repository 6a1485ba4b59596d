/**
 * Header compression (RFC 7541): after the first call most fields are one or two octets. The table is looked up by
 * name, then by value; nothing is joined or allocated for a field that is already in it.
 */
import type { AsciiCodec } from "../bytes/ascii.js";
import type { HeaderField } from "../header-field.js";
import { DynamicTable, entrySize } from "./dynamic-table.js";
import { longestInteger, writeInteger } from "./integer.js";
import { staticEntries, staticNames } from "./static-table.js";
import { writeString } from "./string.js";

/** More than the protocol's default costs memory at both ends and gains little: gRPC's fields fit many times. */
const largestTable = 4_096;
/** A field that would push out most of the table for its own sake is not put into it. */
const largestShare = 3 / 4;
/** Shorter secrets could be guessed by watching the compressed size (RFC 7541 §7.1.3). */
const shortSecret = 20;

/** Fields whose values hardly ever come twice: sent as literals, their names by index where they have one. */
const changing: ReadonlySet<string> = new Set([
  "content-length",
  "date",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-timeout",
  "traceparent",
]);
const secrets: ReadonlySet<string> = new Set(["cookie", "proxy-authorization", "set-cookie"]);

/** What the dynamic table holds of one name, by number of insertion. */
interface NameRecord {
  newest: number;
  readonly values: Map<string, number>;
}

export class HpackEncoder {
  readonly #ascii: AsciiCodec;
  readonly #names: Map<string, NameRecord> = new Map();
  readonly #table: DynamicTable<HeaderField>;
  /** Size updates owed at the start of the next block (§4.2): the smallest reached since the last, and the one in force. */
  #owedSmallest: number | undefined;

  constructor(options: { readonly ascii: AsciiCodec }) {
    this.#ascii = options.ascii;
    this.#table = new DynamicTable(largestTable, (entry, insertion) => this.#forget(entry, insertion));
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE; at most 4,096 of it is used. */
  setMaxTableSize(bytes: number): void {
    const size = Math.min(bytes, largestTable);
    if (size === this.#table.maxSize) return;
    this.#owedSmallest = Math.min(this.#owedSmallest ?? size, size);
    this.#table.maxSize = size;
  }

  /** What `encode` writes at most for these fields. */
  maxEncodedLength(fields: readonly HeaderField[]): number {
    let length = 2 * longestInteger;
    for (const { name, value } of fields) length += name.length + value.length + 3 * longestInteger;
    return length;
  }

  /** Writes the block at `offset`, where there is room for `maxEncodedLength(fields)`, and returns the offset after it. */
  encode(fields: readonly HeaderField[], target: Uint8Array, offset: number): number {
    let out = this.#owedSmallest === undefined ? offset : this.#writeSizeUpdates(this.#owedSmallest, target, offset);
    for (const field of fields) out = this.#writeField(field, target, out);
    return out;
  }

  #writeSizeUpdates(smallest: number, target: Uint8Array, offset: number): number {
    this.#owedSmallest = undefined;
    const { maxSize } = this.#table;
    const out = smallest < maxSize ? writeInteger(target, offset, smallest, 5, 0x20) : offset;
    return writeInteger(target, out, maxSize, 5, 0x20);
  }

  #writeField(field: HeaderField, target: Uint8Array, offset: number): number {
    const { name, value } = field;
    const fixed = staticNames.get(name);
    const record = this.#names.get(name);
    const indexing = this.#indexing(field);
    if (indexing !== never) {
      const index = fixed?.values.get(value) ?? this.#index(record?.values.get(value));
      if (index !== undefined) return writeInteger(target, offset, index, 7, 0x80);
    }
    const nameIndex = fixed?.index ?? this.#index(record?.newest) ?? 0;
    const { prefixBits, pattern } = indexing;
    let out = writeInteger(target, offset, nameIndex, prefixBits, pattern);
    if (nameIndex === 0) out = writeString(target, out, name, this.#ascii);
    if (indexing === incremental) this.#insert(name, value);
    return writeString(target, out, value, this.#ascii);
  }

  #indexing({ name, value, neverIndexed }: HeaderField): Indexing {
    if (neverIndexed === true || secrets.has(name) || (name === "authorization" && value.length < shortSecret)) return never;
    if (changing.has(name) || entrySize(name, value) > this.#table.maxSize * largestShare) return without;
    return incremental;
  }

  /** The wire's index of an insertion. */
  #index(insertion: number | undefined): number | undefined {
    return insertion === undefined ? undefined : staticEntries + 1 + this.#table.inserted - insertion;
  }

  #insert(name: string, value: string): void {
    this.#table.insert({ name, value });
    const insertion = this.#table.inserted;
    const record = this.#names.get(name);
    if (record === undefined) {
      this.#names.set(name, { newest: insertion, values: new Map([[value, insertion]]) });
    } else {
      record.newest = insertion;
      record.values.set(value, insertion);
    }
  }

  #forget({ name, value }: HeaderField, insertion: number): void {
    const record = this.#names.get(name);
    if (record === undefined) return;
    if (record.values.get(value) === insertion) record.values.delete(value);
    if (record.newest === insertion) this.#names.delete(name);
  }
}

/** The representations of a literal (§6.2). */
interface Indexing {
  readonly prefixBits: number;
  readonly pattern: number;
}
const incremental: Indexing = { prefixBits: 6, pattern: 0x40 };
const without: Indexing = { prefixBits: 4, pattern: 0x00 };
const never: Indexing = { prefixBits: 4, pattern: 0x10 };
