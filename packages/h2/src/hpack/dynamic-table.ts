/**
 * The dynamic table (RFC 7541 §2.3.2, §4): a ring of entries, newest first on the wire. Entries are known by the
 * number of their insertion, which never changes, instead of by their index, which changes with every insertion.
 */
import type { HeaderField } from "../header-field.js";

/** What RFC 7541 §4.1 adds for each entry. */
export const entryOverhead = 32;

export function entrySize(name: string, value: string): number {
  return name.length + value.length + entryOverhead;
}

export class DynamicTable<Entry extends HeaderField> {
  #ring: (Entry | undefined)[] = new Array(16).fill(undefined);
  /** Entries ever inserted: the number of the newest one. */
  inserted = 0;
  length = 0;
  /** Bytes, as §4.1 counts them. */
  size = 0;
  #maxSize: number;
  readonly #onEvict: ((entry: Entry, insertion: number) => void) | undefined;

  constructor(maxSize: number, onEvict?: (entry: Entry, insertion: number) => void) {
    this.#maxSize = maxSize;
    this.#onEvict = onEvict;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  set maxSize(bytes: number) {
    this.#maxSize = bytes;
    this.#evictTo(bytes);
  }

  /** The entry that is `distance` older than the newest; undefined past the oldest. */
  at(distance: number): Entry | undefined {
    return distance < this.length ? this.#ring[(this.inserted - distance) % this.#ring.length] : undefined;
  }

  /** §4.4: what does not fit empties the table, and is not an error. */
  insert(entry: Entry): void {
    const size = entrySize(entry.name, entry.value);
    this.#evictTo(this.#maxSize - size);
    if (size > this.#maxSize) return;
    if (this.length === this.#ring.length) this.#enlarge();
    this.inserted += 1;
    this.#ring[this.inserted % this.#ring.length] = entry;
    this.length += 1;
    this.size += size;
  }

  #evictTo(bytes: number): void {
    while (this.length > 0 && this.size > bytes) {
      const insertion = this.inserted - this.length + 1;
      const slot = insertion % this.#ring.length;
      const entry = this.#ring[slot] as Entry;
      this.#ring[slot] = undefined;
      this.length -= 1;
      this.size -= entrySize(entry.name, entry.value);
      this.#onEvict?.(entry, insertion);
    }
  }

  #enlarge(): void {
    const ring: (Entry | undefined)[] = new Array(this.#ring.length * 2).fill(undefined);
    for (let insertion = this.inserted - this.length + 1; insertion <= this.inserted; insertion++) {
      ring[insertion % ring.length] = this.#ring[insertion % this.#ring.length];
    }
    this.#ring = ring;
  }
}
