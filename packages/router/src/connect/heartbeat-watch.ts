/** Notices that the other end of a call has been silent for too long: on a dead connection silence is the only sign. */
import type { Clock } from "@trunkline/base";

/**
 * The number of heartbeats in a row that may be missing: one may be late, and one lost with the connection that carried
 * it.
 */
const missedHeartbeats = 3;

export class HeartbeatWatch {
  /** The longest silence; 0 where there are no heartbeats. */
  readonly limitMs: number;
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #heardAtMs: number;
  #cancel: (() => void) | undefined;

  /** Calls `onSilence` once. */
  constructor(clock: Clock, heartbeatMs: number, onSilence: () => void) {
    this.limitMs = heartbeatMs * missedHeartbeats;
    this.#clock = clock;
    this.#onSilence = onSilence;
    this.#heardAtMs = clock.nowMs();
    if (heartbeatMs > 0) this.#arm();
  }

  heard(): void {
    this.#heardAtMs = this.#clock.nowMs();
  }

  stop(): void {
    this.#cancel?.();
  }

  #arm(): void {
    const dueMs = this.#heardAtMs + this.limitMs;
    this.#cancel = this.#clock.at(
      dueMs,
      () => {
        if (this.#clock.nowMs() >= this.#heardAtMs + this.limitMs) this.#onSilence();
        else this.#arm();
      },
      "watch",
    );
  }
}
