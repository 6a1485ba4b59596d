/** Tells when a connection has lasted long enough: by its age, or by having had no stream for a while. */
import type { ResolvedLifetime } from "../options/lifetime.js";

type AgeOptions = Pick<ResolvedLifetime, "maxConnectionAgeMs" | "maxConnectionAgeGraceMs" | "maxConnectionIdleMs">;

const never = Number.POSITIVE_INFINITY;
/**
 * Idleness is looked for in steps of this part of its limit: a call a moment then costs no timer, and no work of its
 * own.
 */
const idleSteps = 8;

export class Age {
  readonly #maxAgeMs: number;
  readonly #graceMs: number;
  readonly #maxIdleMs: number;
  #oldAt = never;
  #graceOverAt = never;
  #idleCheckAt = never;
  /** The time since which no stream was seen; `#begunThen` is the number of streams begun until then. */
  #idleSince: number | undefined;
  #begunThen = 0;

  constructor({ maxConnectionAgeMs, maxConnectionAgeGraceMs, maxConnectionIdleMs }: AgeOptions) {
    this.#maxAgeMs = maxConnectionAgeMs;
    this.#graceMs = maxConnectionAgeGraceMs;
    this.#maxIdleMs = maxConnectionIdleMs;
  }

  get graceMs(): number {
    return this.#graceMs;
  }

  begin(now: number): void {
    this.#oldAt = now + this.#maxAgeMs;
    this.#idleSince = now;
    this.#idleCheckAt = now + Math.max(1, this.#maxIdleMs / idleSteps);
  }

  /** Returns when `check` has to be called. */
  deadline(): number {
    return Math.min(this.#oldAt, this.#graceOverAt, this.#idleCheckAt);
  }

  /**
   * Returns what is to be done at `now`: close gracefully for a reason, end at once, or nothing. `begun` counts the
   * streams ever begun.
   */
  check(now: number, streams: number, begun: number): "max_age" | "max_idle" | "graceOver" | undefined {
    if (now >= this.#graceOverAt) return "graceOver";
    if (now >= this.#oldAt) {
      this.#oldAt = never;
      this.#idleCheckAt = never;
      this.#graceOverAt = now + this.#graceMs;
      return "max_age";
    }
    if (now < this.#idleCheckAt) return undefined;
    if (streams > 0) this.#idleSince = undefined;
    else if (this.#idleSince === undefined || begun !== this.#begunThen) this.#idleSince = now;
    this.#begunThen = begun;
    if (this.#idleSince !== undefined && now >= this.#idleSince + this.#maxIdleMs) {
      this.#idleCheckAt = never;
      return "max_idle";
    }
    const step = now + Math.max(1, this.#maxIdleMs / idleSteps);
    this.#idleCheckAt = this.#idleSince === undefined ? step : Math.min(step, this.#idleSince + this.#maxIdleMs);
    return undefined;
  }
}
