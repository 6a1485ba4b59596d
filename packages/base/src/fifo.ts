/** `Fifo`: a queue whose operations take constant time. `Array.shift` moves all that follows once an array is long. */

/** A first-in, first-out queue. It has no limit of its own: its owner bounds it. */
export class Fifo<T extends {}> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.clear();
    } else if (this.#head >= 64 && this.#head * 2 >= this.#items.length) {
      // At most one move an item, since at least half of the array goes away each time.
      this.#items = this.#items.slice(this.#head);
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
    return true;
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }
}
