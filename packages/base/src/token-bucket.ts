/**
 * A token bucket: limits how fast something may go, and how much may go at once after a rest. It knows no clock and no
 * stream.
 */

/** A bucket that fills at a constant rate up to its burst. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  /** Makes a full bucket. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** Returns the time in milliseconds until the bucket holds anything again; zero when something may go now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens > 0 ? 0 : ((1 - this.#tokens) * 1_000) / this.#perSecond;
  }

  /**
   * Takes tokens, possibly more than the bucket holds: the next wait is longer by the debt, so that large items go at
   * the same rate.
   */
  take(amount: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= amount;
  }

  #fill(nowMs: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) * this.#perSecond) / 1_000);
    this.#atMs = nowMs;
  }
}
