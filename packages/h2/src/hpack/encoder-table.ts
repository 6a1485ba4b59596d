/** Finds the index that a field has now, for the encoder: in the static table or in its own dynamic table. */
import { DynamicTable } from "./dynamic-table.js";
import { type IndexingPolicy, indexingPolicy } from "./indexing-policy.js";
import { type StaticName, staticLength, staticNames } from "./static-table.js";

/** The entries that are known under one name. */
export class KnownName {
  readonly policy: IndexingPolicy;
  readonly statics: StaticName | undefined;
  /** Position of the newest entry in the dynamic table, 0 without. */
  newest = 0;
  /** Fields inserted under this name since one was last found: a sign of values that never come again. */
  insertedUnused = 0;
  /** A field of this name, in the form that a table has, was found well formed. */
  checked = false;

  constructor(name: string, statics: StaticName | undefined) {
    this.policy = indexingPolicy(name);
    this.statics = statics;
  }
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly known: KnownName;
  readonly position: number;
  /** The next older entry of the same value, which has another name. */
  older: Entry | undefined;
}

export class EncoderTable {
  /** Names that have an entry in the dynamic table, and those of the static table that were met. */
  readonly #names: Map<string, KnownName> = new Map();
  /** The newest entry of each value. One map for all names: the few names of one value are told apart in its chain. */
  readonly #values: Map<string, Entry> = new Map();
  readonly #table: DynamicTable<Entry>;

  constructor(maxBytes: number) {
    this.#table = new DynamicTable(maxBytes, (entry) => this.#forget(entry));
  }

  get maxBytes(): number {
    return this.#table.maxBytes;
  }

  resize(maxBytes: number): void {
    this.#table.resize(maxBytes);
  }

  /** `undefined` for a name that has no index. */
  lookUp(name: string): KnownName | undefined {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const statics = staticNames.get(name);
    if (statics === undefined) return undefined;
    const met = new KnownName(name, statics);
    this.#names.set(name, met);
    return met;
  }

  /** The index of the whole field, 0 without. */
  fieldIndex(known: KnownName, value: string): number {
    let entry = this.#values.get(value);
    while (entry !== undefined && entry.known !== known) entry = entry.older;
    return entry !== undefined ? this.#indexOf(entry.position) : (known.statics?.indexes.get(value) ?? 0);
  }

  /** An index of the name, 0 without. */
  nameIndex(known: KnownName): number {
    if (known.statics !== undefined) return known.statics.index;
    return known.newest === 0 ? 0 : this.#indexOf(known.newest);
  }

  /** Takes in a field that is in neither table and fits. */
  insert(name: string, value: string, known: KnownName = new KnownName(name, undefined)): void {
    const position = this.#table.inserted + 1;
    const entry: Entry = { name, value, known, position, older: undefined };
    this.#table.insert(entry);
    entry.older = this.#values.get(value);
    this.#values.set(value, entry);
    known.newest = position;
    // Again where it was known before: its last entry may just have been evicted.
    this.#names.set(name, known);
  }

  #indexOf(position: number): number {
    return staticLength + 1 + this.#table.inserted - position;
  }

  /** The oldest entry has been evicted, so it is the last of its chain. */
  #forget(evicted: Entry): void {
    const { name, value, known } = evicted;
    let entry = this.#values.get(value);
    if (entry === evicted) this.#values.delete(value);
    while (entry !== undefined && entry !== evicted) {
      if (entry.older === evicted) entry.older = undefined;
      entry = entry.older;
    }
    // The newest of a name is evicted last: with it goes the name, unless it is one of the few static ones.
    if (known.newest !== evicted.position) return;
    known.newest = 0;
    if (known.statics === undefined) this.#names.delete(name);
  }
}
