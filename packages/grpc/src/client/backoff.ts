/** How long to wait after a failed attempt to connect: exponential with jitter, as gRPC's connection-backoff document says. */

export interface BackoffOptions {
  /** The first wait. Default 500 ms: soon enough that a restarted server is hardly missed. */
  readonly initialMs?: number | undefined;
  /** The longest wait. Default 30,000 ms: what a user still takes for "comes back by itself". */
  readonly maxMs?: number | undefined;
  /** How much longer each wait is. Default 1.6. */
  readonly multiplier?: number | undefined;
  /** How much a wait may differ by chance, as a fraction, so that many clients do not come back in step. Default 0.2. */
  readonly jitter?: number | undefined;
}

export class Backoff {
  readonly initialMs: number;
  readonly #maxMs: number;
  readonly #multiplier: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #nextMs: number;

  /** @throws RangeError naming the option */
  constructor(options: BackoffOptions = {}, random: () => number = Math.random) {
    this.initialMs = inRange("backoff.initialMs", options.initialMs ?? 500, 1, 86_400_000);
    this.#maxMs = Math.max(this.initialMs, inRange("backoff.maxMs", options.maxMs ?? 30_000, 1, 86_400_000));
    this.#multiplier = inRange("backoff.multiplier", options.multiplier ?? 1.6, 1, 100);
    this.#jitter = inRange("backoff.jitter", options.jitter ?? 0.2, 0, 1);
    this.#random = random;
    this.#nextMs = this.initialMs;
  }

  /** The wait after one more failure. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#maxMs, ms * this.#multiplier);
    return ms * (1 + this.#jitter * (2 * this.#random() - 1));
  }

  /** A connection has worked: the next failure is the first again. */
  reset(): void {
    this.#nextMs = this.initialMs;
  }
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (value >= least && value <= most) return value;
  throw new RangeError(`${name} must be from ${least} to ${most}, not ${String(value)}`);
}
