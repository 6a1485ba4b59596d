/**
 * HPACK encoding (RFC 7541) of whole header blocks. What goes into the table is decided here and in
 * `indexing-policy.ts`.
 */
import type { AsciiCodec } from "../bytes/ascii.js";
import { type H2Error, usageError } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import { fieldBytes } from "./decoded-field.js";
import { protocolTableSize } from "./dynamic-table.js";
import { EncoderTable, type KnownName } from "./encoder-table.js";
import { indexingPolicy, isGuessable } from "./indexing-policy.js";
import { maxIntegerOctets, writeInteger } from "./integer.js";
import { maxStringLength, writePlainString, writeString } from "./string.js";

export interface HpackEncoderOptions {
  readonly ascii: AsciiCodec;
  /**
   * Bytes of table that we use, however much the peer allows. Default 4,096, the protocol's own: a larger one costs
   * memory in both ends.
   */
  readonly maxTableSize?: number;
  /**
   * Whether an `authorization` that cannot be guessed (20 characters and more after the scheme, not `Basic`) goes into
   * the table. Default `true`: HPACK lets an attacker test whole values only, so a long random token is safe there,
   * while a token of 1,000 bytes in every call would be most of its header. Mark a field `neverIndexed` to keep it out.
   */
  readonly indexLongAuthorization?: boolean;
  /**
   * Returns what is wrong with a field, if anything. It is asked of fields that are written as literals, and once of a
   * name in the static table; fields of the dynamic table were asked of before. `nameChecked` says that another field
   * of the name was well formed. Default: nothing is wrong; HPACK codes any octets.
   */
  readonly fieldFlaw?: (name: string, value: string, nameChecked: boolean) => string | undefined;
}

/** The form of a literal (RFC 7541 §6.2): the bits that name it, and how many are left for the index of the name. */
interface LiteralForm {
  readonly pattern: number;
  readonly prefixBits: number;
}
const withIndexing: LiteralForm = { pattern: 0x40, prefixBits: 6 };
const withoutIndexing: LiteralForm = { pattern: 0x00, prefixBits: 4 };
const neverIndexed: LiteralForm = { pattern: 0x10, prefixBits: 4 };

/** The number of values in a row, never used again, that make a name count as volatile. */
const unusedBeforeVolatile = 8;
/**
 * The length from which the value of a field marked `neverIndexed` is written as it is. Such values, mostly tokens, are
 * made once: Huffman code takes a fifth off them, and takes both ends microseconds, where it does that for each call.
 */
const plainSecretLength = 128;
/** The interval in which one value of a volatile name is inserted, to see whether it has settled down. */
const volatileTrialInterval = 16;

export class HpackEncoder {
  readonly #ascii: AsciiCodec;
  readonly #indexLongAuthorization: boolean;
  readonly #ownMaxTableSize: number;
  readonly #fieldFlaw: HpackEncoderOptions["fieldFlaw"];
  readonly #table: EncoderTable;
  /** The table's size changed since the last block, and this was the smallest since. */
  #smallestUnannounced: number | undefined;

  constructor(options: HpackEncoderOptions) {
    this.#ascii = options.ascii;
    this.#indexLongAuthorization = options.indexLongAuthorization ?? true;
    this.#ownMaxTableSize = options.maxTableSize ?? protocolTableSize;
    this.#fieldFlaw = options.fieldFlaw;
    this.#table = new EncoderTable(protocolTableSize);
    // Ours may be smaller than the protocol's, and is no larger until the peer allows it.
    this.setMaxTableSize(protocolTableSize);
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. A change of the table is announced at the beginning of the next block. */
  setMaxTableSize(bytes: number): void {
    const size = Math.min(bytes, this.#ownMaxTableSize);
    if (size === this.#table.maxBytes) return;
    this.#table.resize(size);
    this.#smallestUnannounced = Math.min(this.#smallestUnannounced ?? size, size);
  }

  /** Upper bound of what `encode` writes for these fields now. */
  maxEncodedLength(fields: readonly HeaderField[]): number {
    let bytes = this.#smallestUnannounced === undefined ? 0 : 2 * maxIntegerOctets;
    for (const { name, value } of fields) bytes += maxIntegerOctets + maxStringLength(name) + maxStringLength(value);
    return bytes;
  }

  /**
   * Writes the header block of these fields at `offset` of `target`, which has room for `maxEncodedLength`, and returns
   * the offset after it. Names and values must be Latin-1: of any other character the low octet is sent.
   * @throws H2Error (scope `usage`) for a field that `fieldFlaw` refuses; nothing of the block counts then
   */
  encode(fields: readonly HeaderField[], target: Uint8Array, offset: number): number {
    if (this.#smallestUnannounced !== undefined)
      offset = this.#writeSizeUpdates(this.#smallestUnannounced, target, offset);
    for (const field of fields) offset = this.#writeField(field, target, offset);
    return offset;
  }

  #writeField(field: HeaderField, target: Uint8Array, offset: number): number {
    const { name, value } = field;
    const table = this.#table;
    const known = table.lookUp(name);
    let form = neverIndexed;
    if (field.neverIndexed !== true) {
      const index = known === undefined ? 0 : table.fieldIndex(known, value);
      if (index !== 0) {
        if (!(known as KnownName).checked) this.#check(name, value, known);
        (known as KnownName).insertedUnused = 0;
        return writeInteger(index, 7, 0x80, target, offset);
      }
      form = this.#literalForm(name, value, known);
    }
    this.#check(name, value, known);
    const nameIndex = known === undefined ? 0 : table.nameIndex(known);
    offset = writeInteger(nameIndex, form.prefixBits, form.pattern, target, offset);
    if (nameIndex === 0) offset = writeString(name, this.#ascii, target, offset);
    if (form === withIndexing) table.insert(name, value, known);
    if (field.neverIndexed === true && value.length >= plainSecretLength)
      return writePlainString(value, this.#ascii, target, offset);
    return writeString(value, this.#ascii, target, offset);
  }

  #literalForm(name: string, value: string, known: KnownName | undefined): LiteralForm {
    const policy = known === undefined ? indexingPolicy(name) : known.policy;
    if (policy === "secret") return neverIndexed;
    if (policy === "credentials" && (!this.#indexLongAuthorization || isGuessable(value))) return neverIndexed;
    // A field that takes most of the table would push out all that is of use.
    if (fieldBytes(name, value) > this.#table.maxBytes * 0.75) return withoutIndexing;
    if (known === undefined || this.#table.nameIndex(known) === 0) return withIndexing;
    if (policy === "volatile") return withoutIndexing;
    known.insertedUnused += 1;
    return known.insertedUnused <= unusedBeforeVolatile || known.insertedUnused % volatileTrialInterval === 0
      ? withIndexing
      : withoutIndexing;
  }

  #check(name: string, value: string, known: KnownName | undefined): void {
    const flaw = this.#fieldFlaw?.(name, value, known?.checked === true);
    if (flaw !== undefined) throw this.#abandoned(flaw);
    if (known !== undefined) known.checked = true;
  }

  /** Empties both tables, since what the abandoned block has put into ours will not reach the table of the peer. */
  #abandoned(flaw: string): H2Error {
    const size = this.#table.maxBytes;
    this.#table.resize(0);
    this.#table.resize(size);
    this.#smallestUnannounced = 0;
    return usageError(flaw);
  }

  /** §4.2: the smallest size in between, then the last. */
  #writeSizeUpdates(smallest: number, target: Uint8Array, offset: number): number {
    this.#smallestUnannounced = undefined;
    const size = this.#table.maxBytes;
    if (smallest < size) offset = writeInteger(smallest, 5, 0x20, target, offset);
    return writeInteger(size, 5, 0x20, target, offset);
  }
}
