/** Appointments by name: a later one takes the place of an earlier one of the same name, and all end together. */
import type { Clock } from "@trunkline/base";

/** An appointment that fires later than this was held up with the whole process. */
const stallMs = 1_000;

export class Appointments<Name extends string> {
  readonly #clock: Clock;
  readonly #cancels: Map<Name, () => void> = new Map();
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(name: Name): boolean {
    return this.#cancels.has(name);
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
      this.#cancels.delete(name);
      callback(clock.nowMs() - dueMs > stallMs);
    };
    this.#cancels.set(name, clock.at(dueMs, onDue, keepsProcess ? "work" : "watch"));
  }

  cancel(name: Name): void {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  /** Cancels all, and takes no more. */
  end(): void {
    this.#ended = true;
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}
