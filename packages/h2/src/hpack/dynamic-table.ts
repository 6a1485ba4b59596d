/** The dynamic table (RFC 7541 §2.3.2, §4): the last fields that went by, oldest evicted first, bounded in bytes. */
import type { HeaderField } from "../header-field.js";
import { fieldBytes } from "./decoded-field.js";

/** SETTINGS_HEADER_TABLE_SIZE until something else is agreed (RFC 9113 §6.5.2). */
export const protocolTableSize = 4_096;

/** A ring: an entry stays in the slot of its position, and the position it had when it came in never changes. */
export class DynamicTable<Entry extends HeaderField> {
  /** A power of two; grows with use, so that idle connections stay small. */
  #slots: (Entry | undefined)[] = new Array(8).fill(undefined);
  #length = 0;
  #inserted = 0;
  #bytes = 0;
  #maxBytes: number;
  readonly #onEvict: ((entry: Entry) => void) | undefined;

  constructor(maxBytes: number, onEvict?: (entry: Entry) => void) {
    this.#maxBytes = maxBytes;
    this.#onEvict = onEvict;
  }

  /** Entries that are in the table. */
  get length(): number {
    return this.#length;
  }

  /** Entries that ever came in, which is the position of the newest: the first has position 1. */
  get inserted(): number {
    return this.#inserted;
  }

  /** The size of all entries together (RFC 7541 §4.1). */
  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** The entry that came in `age` entries before the newest, which is 0. */
  at(age: number): Entry | undefined {
    return age < this.#length ? this.#slots[(this.#inserted - age) & (this.#slots.length - 1)] : undefined;
  }

  /** Makes room and takes the entry in. One that is larger than the whole table only empties it (§4.4). */
  insert(entry: Entry): void {
    const bytes = fieldBytes(entry.name, entry.value);
    this.#evictTo(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    if (this.#length === this.#slots.length) this.#grow();
    this.#inserted += 1;
    this.#length += 1;
    this.#bytes += bytes;
    this.#slots[this.#inserted & (this.#slots.length - 1)] = entry;
  }

  /** A new limit, which the entries obey at once (§4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.#bytes > bytes && this.#length > 0) {
      this.#length -= 1;
      const slot = (this.#inserted - this.#length) & (this.#slots.length - 1);
      const entry = this.#slots[slot] as Entry;
      this.#slots[slot] = undefined;
      this.#bytes -= fieldBytes(entry.name, entry.value);
      this.#onEvict?.(entry);
    }
  }

  #grow(): void {
    const larger: (Entry | undefined)[] = new Array(this.#slots.length * 2).fill(undefined);
    for (let position = this.#inserted - this.#length + 1; position <= this.#inserted; position++) {
      larger[position & (larger.length - 1)] = this.#slots[position & (this.#slots.length - 1)];
    }
    this.#slots = larger;
  }
}
