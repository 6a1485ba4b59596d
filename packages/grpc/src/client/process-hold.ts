/**
 * Keeps the process alive while something is under way that no socket stands for: a call that waits for a connection,
 * for example.
 */
import { clearInterval, setInterval } from "#platform";

/** The longest time that a timer can have. */
const longestMs = 2 ** 31 - 1;

export class ProcessHold {
  /** A timer that does nothing; undefined while the process is not held. */
  #timer: ReturnType<typeof setInterval> | undefined = undefined;

  /** Holds the process, or lets it end. */
  set(held: boolean): void {
    if (held === (this.#timer !== undefined)) return;
    if (held) this.#timer = setInterval(nothing, longestMs);
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}

function nothing(): void {}
