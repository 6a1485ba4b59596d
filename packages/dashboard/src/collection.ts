/**
 * Entries by key, each with its JSON made once for all pages, and the changes that each page has yet to be told. A page
 * that is slow gets the last state of an entry only, and the memory for it is bounded by the number of entries.
 */

/** Part of what has changed, as JSON. */
export interface CollectionChanges {
  /** The entries that are new or have changed. */
  readonly changed: readonly string[];
  /** The keys of the entries that are no longer there. */
  readonly gone: readonly string[];
}

/** The entries of one kind. */
export class Collection<Entry> {
  readonly #entries: Map<string, { readonly entry: Entry; json: string | undefined }> = new Map();
  readonly #readers: Set<CollectionReader> = new Set();

  get size(): number {
    return this.#entries.size;
  }

  /** Adds an entry, or replaces it. */
  set(key: string, entry: Entry): void {
    this.#entries.set(key, { entry, json: undefined });
    for (const reader of this.#readers) reader.note(key);
  }

  /** Removes an entry, if it is there. */
  delete(key: string): void {
    if (!this.#entries.delete(key)) return;
    for (const reader of this.#readers) reader.note(key);
  }

  /** Removes all entries whose key is not in `keys`. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.delete(key);
  }

  /** Returns a reader that is told of all entries first. */
  newReader(): CollectionReader {
    const reader = new CollectionReader(
      (key) => this.#jsonOf(key),
      () => this.#readers.delete(reader),
    );
    for (const key of this.#entries.keys()) reader.note(key);
    this.#readers.add(reader);
    return reader;
  }

  #jsonOf(key: string): string | undefined {
    const held = this.#entries.get(key);
    if (held === undefined) return undefined;
    held.json ??= JSON.stringify(held.entry);
    return held.json;
  }
}

/** The changes of a collection that one page has yet to be told. */
export class CollectionReader implements Disposable {
  /** The keys in the order of their first change since they were told, so that none waits for ever. */
  readonly #noted: Set<string> = new Set();
  readonly #jsonOf: (key: string) => string | undefined;
  readonly #forget: () => void;

  constructor(jsonOf: (key: string) => string | undefined, forget: () => void) {
    this.#jsonOf = jsonOf;
    this.#forget = forget;
  }

  /** True where something is to be told. */
  get hasMore(): boolean {
    return this.#noted.size > 0;
  }

  /** Notes that an entry has changed. */
  note(key: string): void {
    this.#noted.add(key);
  }

  /** Takes the changes of at most `most` entries. */
  take(most: number): CollectionChanges {
    const changed: string[] = [];
    const gone: string[] = [];
    for (const key of this.#noted) {
      if (changed.length + gone.length >= most) break;
      this.#noted.delete(key);
      const json = this.#jsonOf(key);
      if (json === undefined) gone.push(key);
      else changed.push(json);
    }
    return { changed, gone };
  }

  [Symbol.dispose](): void {
    this.#forget();
  }
}
