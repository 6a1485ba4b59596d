/** The waits between attempts: exponential with jitter, as gRPC's document on connection backoff describes. */
import { checkOptionNames, optionNames } from "./option-names.js";
import { numberInRange } from "./whole-number.js";

/** Options of a `Backoff`. */
export interface BackoffOptions {
  /** The first wait. Default 500 ms: soon enough that a restarted server is hardly missed. */
  readonly initialMs?: number | undefined;
  /** The longest wait. Default 30,000 ms: a person still perceives that as recovering without help. */
  readonly maxMs?: number | undefined;
  /** The factor from one wait to the next. Default 1.6. */
  readonly multiplier?: number | undefined;
  /** The random part of a wait, as a fraction, so that many clients do not return in step. Default 0.2. */
  readonly jitter?: number | undefined;
}

const backoffOptionNames = optionNames<BackoffOptions>({
  initialMs: true,
  maxMs: true,
  multiplier: true,
  jitter: true,
});

const longestMs = 86_400_000;

/** The wait before each next attempt. */
export class Backoff {
  readonly initialMs: number;
  readonly #maxMs: number;
  readonly #multiplier: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #nextMs: number;

  /** @throws RangeError that names the option, the value and its range */
  constructor(options: BackoffOptions = {}, random: () => number = Math.random) {
    checkOptionNames("backoff", options, backoffOptionNames);
    this.initialMs = numberInRange("backoff.initialMs", options.initialMs ?? 500, 1, longestMs);
    this.#maxMs = Math.max(this.initialMs, numberInRange("backoff.maxMs", options.maxMs ?? 30_000, 1, longestMs));
    this.#multiplier = numberInRange("backoff.multiplier", options.multiplier ?? 1.6, 1, 100);
    this.#jitter = numberInRange("backoff.jitter", options.jitter ?? 0.2, 0, 1);
    this.#random = random;
    this.#nextMs = this.initialMs;
  }

  /** Returns the wait in milliseconds after one more failure. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#maxMs, ms * this.#multiplier);
    return ms * (1 + this.#jitter * (2 * this.#random() - 1));
  }

  /** Begins anew: the next failure counts as the first. */
  reset(): void {
    this.#nextMs = this.initialMs;
  }
}
