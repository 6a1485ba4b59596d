/** A point in time by which a call must have ended, on a monotonic clock. */

import type { Clock } from "@trunkline/streams";
import { systemClock } from "#platform";

export class Deadline {
  /** When, in milliseconds of `clock`. */
  readonly atMs: number;
  readonly clock: Clock;

  private constructor(atMs: number, clock: Clock) {
    this.atMs = atMs;
    this.clock = clock;
  }

  /**
   * The deadline that is `ms` milliseconds from now; zero or less is over already, `Infinity` never comes.
   * @param clock default: the system's. A channel or server on another clock takes over what remains.
   * @throws RangeError when `ms` is not a number
   */
  static after(ms: number, clock: Clock = systemClock): Deadline {
    if (typeof ms !== "number" || Number.isNaN(ms))
      throw new RangeError(`a deadline is a number of milliseconds from now, not ${String(ms)}`);
    return new Deadline(clock.nowMs() + ms, clock);
  }

  /** The one that comes first, of those that are given. */
  static earliest(...deadlines: readonly (Deadline | undefined)[]): Deadline | undefined {
    let earliest: Deadline | undefined;
    for (const deadline of deadlines) {
      if (deadline !== undefined && (earliest === undefined || deadline.remainingMs < earliest.remainingMs))
        earliest = deadline;
    }
    return earliest;
  }

  /** Milliseconds left, never less than zero. */
  get remainingMs(): number {
    return Math.max(0, this.atMs - this.clock.nowMs());
  }

  /** The same on another clock, which shows `nowMs` now. */
  atMsOn(clock: Clock, nowMs: number): number {
    return clock === this.clock ? this.atMs : nowMs + this.remainingMs;
  }

  get expired(): boolean {
    return this.atMs <= this.clock.nowMs();
  }
}
