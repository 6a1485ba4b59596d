/** Who listens under which name, in the memory of one process. */

export interface RegistryEntry {
  readonly name: string;
  /** Who it is; only the same may take its place. */
  readonly identity: string;
}

export type Registered<Entry> =
  /** `superseded`: the earlier entry of the same name and identity, which is in the registry no more. */
  | { readonly kind: "registered"; readonly superseded: Entry | undefined }
  | { readonly kind: "taken" }
  | { readonly kind: "full" };

export class EmbeddedRegistry<Entry extends RegistryEntry> {
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

  /** False if the entry was not, or is no more, the one of its name. */
  unregister(entry: Entry): boolean {
    return this.#entries.get(entry.name) === entry && this.#entries.delete(entry.name);
  }

  find(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** All entries, by name. */
  list(): Entry[] {
    return [...this.#entries.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }
}
