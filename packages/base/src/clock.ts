/** The clock as an argument: the interface by which all packages wait, so that a test can run on virtual time. */

/**
 * The purpose of an appointment. `"work"`: something goes on when its time comes (a retry, a delayed send), so the
 * process stays alive until then. `"watch"`: it only notices that something did not happen (a timeout, a keepalive, a
 * heartbeat) and lets the process end.
 */
export type AppointmentKind = "work" | "watch";

/**
 * A monotonic clock with appointments. Everything that waits for time takes one. The real one is `systemClock` in
 * `@trunkline/base/node`; tests use `VirtualClock` from `@trunkline/base/testing`.
 */
export interface Clock {
  /** Returns milliseconds on a monotonic scale. Only differences mean anything. */
  nowMs(): number;
  /**
   * Calls `callback` once when `nowMs()` has reached `atMs`, never before this call has returned and never early.
   * @returns a function that cancels the appointment
   */
  at(atMs: number, callback: () => void, kind: AppointmentKind): () => void;
}
