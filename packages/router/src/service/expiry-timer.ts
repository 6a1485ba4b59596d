/** The one timer of all that waits in a table: it is set for the earliest wait, and again after that. */
import type { Clock } from "@trunkline/base";

export interface ExpiryTimerOptions {
  readonly clock: Clock;
  /** Returns the time at which the next wait expires; undefined while nothing waits. */
  nextExpiryMs(): number | undefined;
  /** Ends the waits that have expired. */
  expire(nowMs: number): void;
}

export class ExpiryTimer {
  readonly #options: ExpiryTimerOptions;
  #set: { readonly atMs: number; cancel(): void } | undefined;
  #stopped = false;

  constructor(options: ExpiryTimerOptions) {
    this.#options = options;
  }

  /** Sets the timer for the earliest wait. To be called when a wait has begun. */
  arm(): void {
    const { clock, nextExpiryMs, expire } = this.#options;
    const atMs = nextExpiryMs();
    if (atMs === undefined || this.#stopped || (this.#set !== undefined && this.#set.atMs <= atMs)) return;
    this.#set?.cancel();
    const onDue = (): void => {
      this.#set = undefined;
      expire(clock.nowMs());
      this.arm();
    };
    this.#set = { atMs, cancel: clock.at(atMs, onDue, "watch") };
  }

  stop(): void {
    this.#stopped = true;
    this.#set?.cancel();
  }
}
