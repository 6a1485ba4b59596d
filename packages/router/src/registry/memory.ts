/** The registry of listeners in the memory of one process: one entry a name, or several where they may share it. */

export interface RegistryEntry {
  readonly name: string;
  /** The identity of the listener; only a listener of the same identity may take its place. */
  readonly identity: string;
  /** The name that the listener gives itself, by which one that comes back is told from another one. */
  readonly peerId: string | undefined;
}

export type Registered<Entry> =
  /** `superseded` is the earlier entry in the same place, which has left the registry. */
  | { readonly kind: "registered"; readonly superseded: Entry | undefined }
  /** Another identity has the name. */
  | { readonly kind: "taken" }
  /** The name has as many entries as may share it. */
  | { readonly kind: "crowded" }
  | { readonly kind: "full" };

export class MemoryRegistry<Entry extends RegistryEntry> {
  readonly #maxEntries: number;
  /** The entries of each name, the earliest first. */
  readonly #groups: Map<string, Entry[]> = new Map();
  readonly #countsByIdentity: Map<string, number> = new Map();
  #size = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#size;
  }

  /** Registers an entry. `maxSharing` is the number of entries that may share its name, undefined for a name alone. */
  register(entry: Entry, maxSharing: number | undefined): Registered<Entry> {
    const group = this.#groups.get(entry.name) ?? [];
    const earlier = this.predecessor(entry, maxSharing);
    if (earlier !== undefined) {
      group[group.indexOf(earlier)] = entry;
      return { kind: "registered", superseded: earlier };
    }
    if (maxSharing === undefined && group.length > 0) return { kind: "taken" };
    if (maxSharing !== undefined && group.length >= maxSharing) return { kind: "crowded" };
    if (this.#size >= this.#maxEntries) return { kind: "full" };
    this.#groups.set(entry.name, group);
    group.push(entry);
    this.#count(entry, 1);
    return { kind: "registered", superseded: undefined };
  }

  /**
   * Returns the entry whose place this one would take: one of the same identity, and where a name is shared of the same
   * listener.
   */
  predecessor({ name, identity, peerId }: RegistryEntry, maxSharing: number | undefined): Entry | undefined {
    return this.find(name).find(
      (each) => each.identity === identity && (maxSharing === undefined || each.peerId === peerId),
    );
  }

  /** Removes `entry`. Returns false if it is not there. */
  unregister(entry: Entry): boolean {
    const group = this.#groups.get(entry.name) ?? [];
    const at = group.indexOf(entry);
    if (at < 0) return false;
    group.splice(at, 1);
    if (group.length === 0) this.#groups.delete(entry.name);
    this.#count(entry, -1);
    return true;
  }

  /** Returns the number of entries of the identity. */
  countOf(identity: string): number {
    return this.#countsByIdentity.get(identity) ?? 0;
  }

  /** Returns the entries of a name, the earliest first. */
  find(name: string): readonly Entry[] {
    return this.#groups.get(name) ?? [];
  }

  /** Returns all entries, sorted by name, those of one name by age. */
  list(): Entry[] {
    return this.#sorted().flat();
  }

  /** Returns the first entry of each name, sorted by name. */
  firsts(): Entry[] {
    return this.#sorted().map(([first]) => first as Entry);
  }

  #sorted(): Entry[][] {
    return [...this.#groups].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, group]) => group);
  }

  #count({ identity }: Entry, change: 1 | -1): void {
    this.#size += change;
    const count = this.countOf(identity) + change;
    if (count === 0) this.#countsByIdentity.delete(identity);
    else this.#countsByIdentity.set(identity, count);
  }
}
