/** `Fifo`: a queue whose operations take constant time. `Array.shift` moves all that follows once an array is long. */

/** The room that an empty queue keeps: most hold few items, and would else take new memory for each. */
const keptSlots = 64;

/** A first-in, first-out queue. It has no limit of its own: its owner bounds it. */
export class Fifo<T extends {}> {
  /** The items from `#head` to `#tail`; undefined before and behind. */
  #items: (T | undefined)[] = [];
  #head = 0;
  #tail = 0;

  get size(): number {
    return this.#tail - this.#head;
  }

  push(item: T): void {
    this.#items[this.#tail++] = item;
  }

  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#tail) {
      this.#restart();
    } else if (this.#head >= keptSlots && this.#head * 2 >= this.#tail) {
      // At most one move an item, since at least half of the array goes away each time.
      this.#items = this.#items.slice(this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
    return item;
  }

  /** Returns the item behind `index` others, undefined where there are not so many. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** Removes `item` from wherever it stands. Returns false if it is not there. */
  remove(item: T): boolean {
    const index = this.#items.indexOf(item, this.#head);
    if (index === -1) return false;
    this.#items.splice(index, 1);
    this.#tail -= 1;
    return true;
  }

  clear(): void {
    this.#items.fill(undefined, this.#head, this.#tail);
    this.#restart();
  }

  #restart(): void {
    this.#head = 0;
    this.#tail = 0;
    if (this.#items.length > keptSlots) this.#items = [];
  }
}
