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
  readonly #countsByIdentity: Map<string, number> = new Map();

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
    if (earlier === undefined) this.#count(entry, 1);
    return { kind: "registered", superseded: earlier };
  }

  /** Removes `entry`. Returns false if another entry, or none, has its name. */
  unregister(entry: Entry): boolean {
    if (this.#entries.get(entry.name) !== entry) return false;
    this.#entries.delete(entry.name);
    this.#count(entry, -1);
    return true;
  }

  /** Returns the number of names that the identity has. */
  countOf(identity: string): number {
    return this.#countsByIdentity.get(identity) ?? 0;
  }

  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** Returns all entries, sorted by name. */
  list(): Entry[] {
    return [...this.#entries.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  #count({ identity }: Entry, change: 1 | -1): void {
    const count = this.countOf(identity) + change;
    if (count === 0) this.#countsByIdentity.delete(identity);
    else this.#countsByIdentity.set(identity, count);
  }
}
