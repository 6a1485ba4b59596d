/** A clock that a test moves by hand. */
import type { AppointmentKind, Clock } from "../clock.js";

interface Appointment {
  readonly atMs: number;
  readonly callback: () => void;
}

/**
 * A `Clock` that stands still until `advance` is called. An appointment whose time has already come is kept in the next
 * microtask, as it would be soon on a real clock.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  /** All appointments, by their time, and where that is equal in the order in which they were made. */
  readonly #appointments: Appointment[] = [];

  constructor(startMs: number = 0) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, callback: () => void, _kind?: AppointmentKind): () => void {
    const appointment: Appointment = { atMs, callback };
    const later = this.#appointments.findIndex((other) => other.atMs > atMs);
    this.#appointments.splice(later === -1 ? this.#appointments.length : later, 0, appointment);
    if (atMs <= this.#nowMs) void Promise.resolve().then(() => this.#keepUntil(this.#nowMs));
    return () => {
      const index = this.#appointments.indexOf(appointment);
      if (index !== -1) this.#appointments.splice(index, 1);
    };
  }

  /** The number of appointments that wait; zero at the end of a test shows that nothing was left behind. */
  get pending(): number {
    return this.#appointments.length;
  }

  /** The time of the next appointment, on the scale of `nowMs`; undefined where there is none. */
  get nextMs(): number | undefined {
    return this.#appointments[0]?.atMs;
  }

  /**
   * Moves time forward and keeps each appointment at its own time, those made on the way included. @throws RangeError
   * for a step back
   */
  advance(byMs: number): void {
    if (!(byMs >= 0)) throw new RangeError(`time cannot advance by ${byMs} ms`);
    this.#keepUntil(this.#nowMs + byMs);
  }

  #keepUntil(untilMs: number): void {
    for (let next = this.#appointments[0]; next !== undefined && next.atMs <= untilMs; next = this.#appointments[0]) {
      this.#appointments.shift();
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}
