/** The retries of one call by its policy (gRFC A6): how often, after which wait, and whether at all. */
import type { Status } from "../wire/status.js";
import type { ResolvedRetryPolicy, RetryThrottle } from "./service-config.js";

export class Retries {
  readonly #policy: ResolvedRetryPolicy;
  readonly #throttle: RetryThrottle | undefined;
  readonly #random: () => number;
  #backoffMs: number;
  /** The number of attempts that have failed. */
  failedAttempts = 0;

  /** `random` gives numbers from 0 to 1. */
  constructor(policy: ResolvedRetryPolicy, throttle: RetryThrottle | undefined, random: () => number = Math.random) {
    this.#policy = policy;
    this.#throttle = throttle;
    this.#random = random;
    this.#backoffMs = policy.initialBackoffMs;
  }

  /**
   * Counts an attempt that has failed. `pushback` is the server's `grpc-retry-pushback-ms`. Returns the wait before the
   * next attempt in milliseconds; undefined where there is to be none.
   */
  failed(status: Status, pushback: string | undefined): number | undefined {
    const isRetryable = this.#policy.statuses.has(status);
    const says = pushback === undefined ? undefined : pushbackMs(pushback);
    const mayRetry = isRetryable || says === "never" ? (this.#throttle?.failed() ?? true) : true;
    if (!isRetryable || says === "never" || !mayRetry) return undefined;
    if (this.failedAttempts + 1 >= this.#policy.maxAttempts) return undefined;
    this.failedAttempts += 1;
    if (says !== undefined) {
      // The waits begin anew after one that the server has chosen.
      this.#backoffMs = this.#policy.initialBackoffMs;
      return says;
    }
    const waitMs = this.#random() * Math.min(this.#backoffMs, this.#policy.maxBackoffMs);
    this.#backoffMs = Math.min(this.#policy.maxBackoffMs, this.#backoffMs * this.#policy.backoffMultiplier);
    return waitMs;
  }

  /** The call has ended with OK. */
  succeeded(): void {
    this.#throttle?.succeeded();
  }
}

/** A negative number, and text that is none, forbids a retry. */
function pushbackMs(text: string): number | "never" {
  return /^\d{1,10}$/.test(text) ? Math.min(Number(text), 2 ** 31 - 1) : "never";
}
