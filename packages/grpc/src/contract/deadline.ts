/** A point in time by which a call must have ended, on a monotonic clock. */
import { brandClass, type Clock } from "@trunkline/base";
import { systemClock } from "#platform";

/** The time by which a call must have ended. It is made by `Deadline.after` or `Deadline.at`. */
export class Deadline {
  /** The time of the deadline, in milliseconds of `clock`. */
  readonly atMs: number;
  readonly clock: Clock;

  private constructor(atMs: number, clock: Clock) {
    this.atMs = atMs;
    this.clock = clock;
  }

  static {
    brandClass(Deadline, "Deadline");
  }

  /**
   * Returns the deadline that is `ms` milliseconds from now. Zero or less has passed already, `Infinity` never comes.
   * @param clock default: the system's. A channel or server on another clock takes over the remaining time.
   * @throws RangeError if `ms` is not a number
   */
  static after(ms: number, clock: Clock = systemClock): Deadline {
    if (typeof ms !== "number" || Number.isNaN(ms))
      throw new RangeError(`a deadline is a number of milliseconds from now, not ${String(ms)}`);
    return new Deadline(clock.nowMs() + ms, clock);
  }

  /**
   * Returns the deadline at a time of day. A later change of the system's time does not move it.
   * @throws TypeError if `date` is no valid `Date`
   */
  static at(date: Date, clock: Clock = systemClock): Deadline {
    if (!isDate(date) || Number.isNaN(date.getTime()))
      throw new TypeError(`Deadline.at takes a valid Date, not ${String(date)}`);
    return Deadline.after(date.getTime() - Date.now(), clock);
  }

  /** Returns the deadline that comes first, of those that are given. */
  static earliest(...deadlines: readonly (Deadline | undefined)[]): Deadline | undefined {
    let earliest: Deadline | undefined;
    for (const deadline of deadlines) {
      if (deadline !== undefined && (earliest === undefined || deadline.remainingMs < earliest.remainingMs))
        earliest = deadline;
    }
    return earliest;
  }

  /** The milliseconds left, never less than zero. */
  get remainingMs(): number {
    return Math.max(0, this.atMs - this.clock.nowMs());
  }

  /** Returns the time of this deadline on another clock, which shows `nowMs` now. */
  atMsOn(clock: Clock, nowMs: number): number {
    return clock === this.clock ? this.atMs : nowMs + this.remainingMs;
  }

  /** True once the deadline has passed. */
  get expired(): boolean {
    return this.atMs <= this.clock.nowMs();
  }
}

/** Recognises a `Date` of any realm. */
function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === "[object Date]";
}

/**
 * Returns the deadline that the option `deadline` stands for. A `Date` is unambiguous; a number is not, since grpc-js
 * takes it for a time of day and others for a time from now.
 * @throws TypeError that names the value and what to write instead
 */
export function asDeadline(given: Deadline | Date | undefined): Deadline | undefined {
  if (given === undefined || given instanceof Deadline) return given;
  if (isDate(given)) return Deadline.at(given);
  const said = typeof given === "number" ? `the number ${given}` : String(given);
  const instead = typeof given === "number" ? `: say timeoutMs: ${given} for a time from now` : "";
  throw new TypeError(`deadline must be a Deadline or a Date, not ${said}${instead}`);
}
