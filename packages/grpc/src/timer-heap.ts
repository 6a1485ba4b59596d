/**
 * Many appointments on one timer: a binary heap by time, in which each entry knows its place, so that one that is
 * not needed any more leaves at once instead of waiting for its time.
 */
import type { Clock } from "@trunkline/streams";

/** Something that waits for a time; in at most one heap. */
export interface TimerEntry {
  /** In milliseconds of the heap's clock; the heap sets it. */
  dueMs: number;
  /** Its place in the heap, -1 outside; the heap sets it. */
  heapIndex: number;
  /** The time has come; the entry has left the heap. Must not throw. */
  onDue(): void;
}

export class TimerHeap {
  readonly #clock: Clock;
  readonly #entries: TimerEntry[] = [];
  /** What the clock has been asked for; earlier than the first entry after removals, never later. */
  #armedForMs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** Calls `entry.onDue` at `dueMs`. */
  add(entry: TimerEntry, dueMs: number): void {
    entry.dueMs = dueMs;
    this.#up(entry, this.#entries.length);
    if (dueMs < this.#armedForMs) this.#arm(dueMs);
  }

  /** Without effect when the entry is not in the heap. */
  remove(entry: TimerEntry): void {
    const index = entry.heapIndex;
    if (index < 0) return;
    entry.heapIndex = -1;
    const last = this.#entries.pop() as TimerEntry;
    if (last !== entry) {
      this.#down(last, index);
      if (last.heapIndex === index) this.#up(last, index);
    }
    // The timer stays: the next call with a deadline would set it again, and most calls end long before theirs.
  }

  /** Lets go of the clock; `add` takes hold of it again. */
  stop(): void {
    this.#arm(Number.POSITIVE_INFINITY);
  }

  #arm(atMs: number): void {
    this.#disarm?.();
    this.#armedForMs = atMs;
    this.#disarm = atMs === Number.POSITIVE_INFINITY ? undefined : this.#clock.at(atMs, () => this.#fire());
  }

  #fire(): void {
    this.#disarm = undefined;
    this.#armedForMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.nowMs();
    for (let first = this.#entries[0]; first !== undefined && first.dueMs <= now; first = this.#entries[0]) {
      this.remove(first);
      first.onDue();
    }
    const next = this.#entries[0];
    if (next !== undefined && next.dueMs < this.#armedForMs) this.#arm(next.dueMs);
  }

  /** Puts `entry` at `index` or, while its parent is later, above it. */
  #up(entry: TimerEntry, index: number): void {
    const entries = this.#entries;
    let at = index;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = entries[parentAt] as TimerEntry;
      if (parent.dueMs <= entry.dueMs) break;
      entries[at] = parent;
      parent.heapIndex = at;
      at = parentAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }

  /** Puts `entry` at `index` or, while a child is earlier, below it. */
  #down(entry: TimerEntry, index: number): void {
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
