/** Values that are kept for a fixed time, and a bounded number of them. Time is an argument. */

export interface ExpiringMapOptions {
  readonly keptMs: number;
  /** The number of values; one more lets the oldest go. */
  readonly maxKept: number;
}

export class ExpiringMap<Value> {
  readonly #options: ExpiringMapOptions;
  /** The values by key, the first one to be forgotten in front. */
  readonly #kept: Map<string, { readonly value: Value; readonly untilMs: number }> = new Map();

  constructor(options: ExpiringMapOptions) {
    this.#options = options;
  }

  add(key: string, value: Value, nowMs: number): void {
    const { keptMs, maxKept } = this.#options;
    this.#kept.delete(key);
    this.#kept.set(key, { value, untilMs: nowMs + keptMs });
    for (const [oldest, { untilMs }] of this.#kept) {
      if (untilMs > nowMs && this.#kept.size <= maxKept) break;
      this.#kept.delete(oldest);
    }
  }

  find(key: string, nowMs: number): Value | undefined {
    const kept = this.#kept.get(key);
    return kept !== undefined && kept.untilMs > nowMs ? kept.value : undefined;
  }
}
