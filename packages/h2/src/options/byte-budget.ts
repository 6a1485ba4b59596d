/**
 * Bytes that several connections hold together, such as all connections of a server: one budget for what waits to be
 * read, another one for what waits to be sent. Each connection may hold a small share whatever the others do, so that
 * no connection can stop the small messages of the others.
 */
import { wholeNumber } from "@trunkline/base";

/** The bytes that a connection may hold although the budget is used up: some streams' worth. */
export const guaranteedBytes = 1_048_576;

/** A bound on what all connections that share it hold in memory. Give the same one to each of them. */
export class ByteBudget {
  /** The bound that the budget was made with. */
  readonly maxBytes: number;
  #usedBytes = 0;
  readonly #waiting: Set<() => void> = new Set();

  /** @throws RangeError unless `maxBytes` is a whole number from 1 on */
  constructor(maxBytes: number) {
    this.maxBytes = wholeNumber("maxBytes", maxBytes, 1);
  }

  /** The bytes that all connections hold now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** True where only guaranteed shares are given out. */
  get isFull(): boolean {
    return this.#usedBytes >= this.maxBytes;
  }

  /** Counts bytes that a connection holds from now on, or no more where `bytes` is negative. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
    if (bytes >= 0 || this.#waiting.size === 0 || this.#usedBytes > this.maxBytes * 0.75) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const listener of waiting) listener();
  }

  /** Calls `listener` once, when a quarter of a full budget is free again. */
  whenFree(listener: () => void): void {
    this.#waiting.add(listener);
  }

  /** Forgets a listener. */
  forget(listener: () => void): void {
    this.#waiting.delete(listener);
  }
}
