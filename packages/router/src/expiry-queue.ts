/** Things that are good until a time, the earliest first: a binary heap in which each entry knows its place, so that it can leave early. */

export interface Expiring {
  /** On whatever scale the owner keeps; the queue only compares. */
  readonly untilMs: number;
  /** Its place, -1 outside; the queue sets it. */
  queueIndex: number;
}

export class ExpiryQueue<T extends Expiring> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the first one expires. */
  get nextMs(): number | undefined {
    return this.#heap[0]?.untilMs;
  }

  add(entry: T): void {
    this.#up(entry, this.#heap.length);
  }

  /** Without effect if it is not in the queue. */
  delete(entry: T): void {
    const index = entry.queueIndex;
    if (index < 0) return;
    entry.queueIndex = -1;
    const last = this.#heap.pop() as T;
    if (last === entry) return;
    this.#down(last, index);
    if (last.queueIndex === index) this.#up(last, index);
  }

  /** Takes out the first one that has expired at `nowMs`, if there is one. */
  takeExpired(nowMs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.untilMs > nowMs) return undefined;
    this.delete(first);
    return first;
  }

  #up(entry: T, index: number): void {
    const heap = this.#heap;
    let at = index;
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = heap[parentAt] as T;
      if (parent.untilMs <= entry.untilMs) break;
      heap[at] = parent;
      parent.queueIndex = at;
      at = parentAt;
    }
    heap[at] = entry;
    entry.queueIndex = at;
  }

  #down(entry: T, index: number): void {
    const heap = this.#heap;
    let at = index;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && right.untilMs < child.untilMs) {
        child = right;
        childAt += 1;
      }
      if (child.untilMs >= entry.untilMs) break;
      heap[at] = child;
      child.queueIndex = at;
      at = childAt;
    }
    heap[at] = entry;
    entry.queueIndex = at;
  }
}
