/** Which index a field has now, for the encoder: the static table and its own dynamic table, by name and then by value. */
import { DynamicTable } from "./dynamic-table.js";
import { type IndexingPolicy, indexingPolicy } from "./indexing-policy.js";
import { type StaticName, staticLength, staticNames } from "./static-table.js";

/** What is known under one name. */
export class KnownName {
  readonly policy: IndexingPolicy;
  /** Fields inserted under this name since one was last found: a sign of values that never come again. */
  insertedUnused = 0;
  /** Index in the static table, 0 without. */
  readonly staticIndex: number;
  /** Position of the newest entry in the dynamic table, 0 without. */
  newest = 0;
  /** By value: the position of a dynamic entry, or the negative of a static index. */
  readonly places: Map<string, number> = new Map();

  constructor(name: string, statics: StaticName | undefined) {
    this.policy = indexingPolicy(name);
    this.staticIndex = statics?.index ?? 0;
    if (statics !== undefined) for (const [value, index] of statics.indexes) this.places.set(value, -index);
  }
}

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly known: KnownName;
}

export class EncoderTable {
  /** Names that have an entry in the dynamic table, and those of the static table that were met. */
  readonly #names: Map<string, KnownName> = new Map();
  readonly #table: DynamicTable<Entry>;

  constructor(maxBytes: number) {
    this.#table = new DynamicTable(maxBytes, (entry, position) => this.#forget(entry, position));
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
    const place = known.places.get(value);
    if (place === undefined) return 0;
    return place < 0 ? -place : this.#indexOf(place);
  }

  /** An index of the name, 0 without. */
  nameIndex(known: KnownName): number {
    if (known.staticIndex !== 0) return known.staticIndex;
    return known.newest === 0 ? 0 : this.#indexOf(known.newest);
  }

  /** Takes in a field that is in neither table. */
  insert(name: string, value: string, known: KnownName = new KnownName(name, undefined)): void {
    if (!this.#table.insert({ name, value, known })) return;
    known.newest = this.#table.inserted;
    known.places.set(value, known.newest);
    // Again where it was known before: its last entry may just have been evicted.
    this.#names.set(name, known);
  }

  #indexOf(position: number): number {
    return staticLength + 1 + this.#table.inserted - position;
  }

  #forget({ name, value, known }: Entry, position: number): void {
    known.places.delete(value);
    // The newest is evicted last: with it goes the name, unless it is one of the few static ones.
    if (known.newest !== position) return;
    known.newest = 0;
    if (known.staticIndex === 0) this.#names.delete(name);
  }
}
