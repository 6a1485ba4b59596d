/** The registry of listeners in the memory of one process: one entry a name. */

export interface RegistryEntry {
  readonly name: string;
  /** The identity of the listener; only a listener of the same identity may take its place. */
  readonly identity: string;
}

export type Registered<Entry> =
  /** `superseded` is the earlier entry of the same name and identity, which has left the registry. */
  | { readonly kind: "registered"; readonly superseded: Entry | undefined }
  | { readonly kind: "taken" }
  | { readonly kind: "full" };

export class MemoryRegistry<Entry extends RegistryEntry> {
  readonly #maxEntries: number;
  readonly #entries: Map<string, Entry> = new Map();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  register(entry: Entry): Registered<Entry> {
    const earlier = this.#entries.get(entry.name);
    if (earlier !== undefined && earlier.identity !== entry.identity) return { kind: "taken" };
    if (earlier === undefined && this.#entries.size >= this.#maxEntries) return { kind: "full" };
    this.#entries.set(entry.name, entry);
    return { kind: "registered", superseded: earlier };
  }

  /** Removes `entry`. Returns false if another entry, or none, has its name. */
  unregister(entry: Entry): boolean {
    return this.#entries.get(entry.name) === entry && this.#entries.delete(entry.name);
  }

  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Returns all entries, sorted by name. */
  list(): Entry[] {
    return [...this.#entries.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }
}
