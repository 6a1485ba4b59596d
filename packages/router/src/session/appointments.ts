/** Appointments by name: a later one takes the place of an earlier one of the same name, and all end together. */
import type { Clock } from "@trunkline/base";
import { SharedTimer } from "../shared-timers.js";

/** An appointment that fires later than this was held up with the whole process. */
const stallMs = 1_000;

export class Appointments<Name extends string> {
  readonly #clock: Clock;
  readonly #made: Map<Name, { cancel(): void }> = new Map();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(name: Name): boolean {
    return this.#made.has(name);
  }

  /**
   * Calls `callback` after a time; never for `Infinity`, and after `end`. `isLate` is true where the process was held
   * up meanwhile. `keepsProcess` says that something goes on then, so that the process has to live until then.
   */
  set(name: Name, ms: number, callback: (isLate: boolean) => void, keepsProcess = false): void {
    this.cancel(name);
    if (this.#ended || ms === Number.POSITIVE_INFINITY) return;
    const clock = this.#clock;
    const dueMs = clock.nowMs() + ms;
    const onDue = (): void => {
      this.#made.delete(name);
      callback(clock.nowMs() - dueMs > stallMs);
    };
    if (keepsProcess) {
      this.#made.set(name, { cancel: clock.at(dueMs, onDue, "work") });
      return;
    }
    const timer = new SharedTimer(clock, onDue);
    this.#made.set(name, timer);
    timer.set(ms);
  }

  cancel(name: Name): void {
    const made = this.#made.get(name);
    if (made === undefined) return;
    this.#made.delete(name);
    made.cancel();
  }

  /** Cancels all, and takes no more. */
  end(): void {
    this.#ended = true;
    for (const made of this.#made.values()) made.cancel();
    this.#made.clear();
  }
}
