/** Notices when the other end of a call has been silent for too long, which on a dead connection is all there is to notice. */
import type { Clock } from "@trunkline/streams";

/** Heartbeats that may be missing in a row: one may be late, and one lost with the way that brought it. */
const missedHeartbeats = 3;

export class HeartbeatWatch {
  /** How long silence may last; 0 where there are no heartbeats. */
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
