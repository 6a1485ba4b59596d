/**
 * A binary heap by time in which each entry knows its place, so that an entry that is no longer needed leaves at once
 * instead of waiting for its time.
 */

/** An entry of a `Heap`; it is in at most one heap at a time. */
export interface HeapEntry {
  /**
   * The time at which the entry is due, in milliseconds on its owner's scale. It does not change while the entry is in
   * a heap.
   */
  readonly dueMs: number;
  /** The entry's place in the heap, -1 outside. Only the heap sets it. */
  heapIndex: number;
}

/** Entries ordered by `dueMs`, the earliest first. */
export class Heap<Entry extends HeapEntry> {
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The earliest entry, or undefined when the heap is empty. */
  get first(): Entry | undefined {
    return this.#entries[0];
  }

  /** Adds an entry that is in no heap. */
  add(entry: Entry): void {
    this.#up(entry, this.#entries.length);
  }

  /** Removes an entry. Returns false, without effect, if it is not in the heap. */
  remove(entry: Entry): boolean {
    const index = entry.heapIndex;
    if (index < 0) return false;
    entry.heapIndex = -1;
    const last = this.#entries.pop() as Entry;
    if (last !== entry) {
      this.#down(last, index);
      if (last.heapIndex === index) this.#up(last, index);
    }
    return true;
  }

  /** Removes and returns the earliest entry that is due at `nowMs`, or undefined when none is. */
  takeDue(nowMs: number): Entry | undefined {
    const first = this.#entries[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.remove(first);
    return first;
  }

  /** Puts `entry` at `index` or, while its parent is later, above it. */
  #up(entry: Entry, index: number): void {
    const entries = this.#entries;
    let at = index;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = entries[parentAt] as Entry;
      if (parent.dueMs <= entry.dueMs) break;
      entries[at] = parent;
      parent.heapIndex = at;
      at = parentAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }

  /** Puts `entry` at `index` or, while a child is earlier, below it. */
  #down(entry: Entry, index: number): void {
    const entries = this.#entries;
    let at = index;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = entries[childAt];
      if (child === undefined) break;
      const right = entries[childAt + 1];
      if (right !== undefined && right.dueMs < child.dueMs) {
        child = right;
        childAt += 1;
      }
      if (child.dueMs >= entry.dueMs) break;
      entries[at] = child;
      child.heapIndex = at;
      at = childAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }
}
