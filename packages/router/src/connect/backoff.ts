/** How long to wait between attempts: longer each time, and by chance a little different, so that many do not come back in step. */
import type { BackoffOptions } from "@trunkline/grpc";

export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  readonly #multiplier: number;
  readonly #jitter: number;
  #nextMs: number;

  constructor({ initialMs = 500, maxMs = 30_000, multiplier = 1.6, jitter = 0.2 }: BackoffOptions = {}) {
    this.#initialMs = initialMs;
    this.#maxMs = Math.max(initialMs, maxMs);
    this.#multiplier = multiplier;
    this.#jitter = jitter;
    this.#nextMs = initialMs;
  }

  /** The wait before the next attempt. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#maxMs, ms * this.#multiplier);
    return ms * (1 + this.#jitter * (2 * Math.random() - 1));
  }

  /** What was attempted has worked, and for long enough: the next failure is the first again. */
  reset(): void {
    this.#nextMs = this.#initialMs;
  }
}
