/** The peer chooses the identifiers: without knowing this, it cannot choose such as fall together. */
const seed = (Math.random() * 2 ** 32) | 0;

/**
 * A map from stream identifiers, by linear probing. A `Map` would do, but for the garbage collector: each time it is
 * rehashed, its old table goes on referring to the new one, and where old tables have grown old every call since is
 * kept until the next full collection. This one has a single table, which forgets what was deleted at once; under load
 * it halves the time of a call.
 */
export class IdMap<Value extends {}> {
  /** The identifiers; 0 is a free slot, since no stream has that identifier. */
  #ids: Int32Array = new Int32Array(16);
  #values: (Value | undefined)[] = new Array(16).fill(undefined);
  size = 0;
  /** The largest size since the table was last looked at for being too large, and the deletions since. */
  #peak = 0;
  #deletions = 0;

  get(id: number): Value | undefined {
    return this.#values[this.#find(id)];
  }

  /** `id` is not in it yet. */
  add(id: number, value: Value): void {
    // At most half full, so that probing stays short.
    if ((this.size + 1) * 2 > this.#ids.length) this.#resize(this.#ids.length * 2);
    const slot = this.#find(id);
    this.#ids[slot] = id;
    this.#values[slot] = value;
    this.size += 1;
    if (this.size > this.#peak) this.#peak = this.size;
  }

  delete(id: number): boolean {
    let free = this.#find(id);
    if (this.#ids[free] !== id) return false;
    const mask = this.#ids.length - 1;
    // What was pushed past the slot moves back, so that no probe ends too early.
    for (let slot = (free + 1) & mask; this.#ids[slot] !== 0; slot = (slot + 1) & mask) {
      const wanted = this.#slotOf(this.#ids[slot] as number);
      if (((slot - wanted) & mask) < ((slot - free) & mask)) continue;
      this.#ids[free] = this.#ids[slot] as number;
      this.#values[free] = this.#values[slot];
      free = slot;
    }
    this.#ids[free] = 0;
    this.#values[free] = undefined;
    this.size -= 1;
    this.#deletions += 1;
    if (this.#deletions >= 8 * this.#ids.length) this.#shrink();
    return true;
  }

  /**
   * Shrinks the table, where it was too large for long: calls come in waves, and each wave would grow and shrink it.
   */
  #shrink(): void {
    if (this.#ids.length > 16 && this.#peak * 8 < this.#ids.length) this.#resize(this.#ids.length / 2);
    this.#peak = this.size;
    this.#deletions = 0;
  }

  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** Returns the slot of `id`, or the free slot where it would be. */
  #find(id: number): number {
    const mask = this.#ids.length - 1;
    let slot = this.#slotOf(id);
    while (this.#ids[slot] !== id && this.#ids[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  #slotOf(id: number): number {
    return spread(id) & (this.#ids.length - 1);
  }

  #resize(length: number): void {
    const [ids, values] = [this.#ids, this.#values];
    this.#ids = new Int32Array(length);
    this.#values = new Array(length).fill(undefined);
    for (const [index, id] of ids.entries()) {
      if (id === 0) continue;
      const slot = this.#find(id);
      this.#ids[slot] = id;
      this.#values[slot] = values[index];
    }
  }
}

/**
 * A hash: identifiers that stay open would otherwise lie side by side, and each later one would probe past all of them.
 */
export function spread(id: number): number {
  const mixed = Math.imul(id ^ seed, 0x9e3779b1);
  const again = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77);
  return again ^ (again >>> 13);
}
