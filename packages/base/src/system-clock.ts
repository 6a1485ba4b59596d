/** The real clock over the timers of whichever runtime there is. */
import type { Clock } from "./clock.js";
import { maxTimerMs } from "./whole-number.js";

/** The functions of a runtime that tell the time and wait. `Timer` is what its `setTimeout` returns. */
export interface RuntimeTimers<Timer> {
  /** Returns milliseconds on a monotonic scale. */
  nowMs(): number;
  setTimeout(callback: () => void, delayMs: number): Timer;
  clearTimeout(timer: Timer): void;
}

/**
 * Makes a `Clock` that runs in real time. Appointments for `"watch"` do not keep the process alive where timers of the
 * runtime have `unref`, as those of Node, Bun and Deno do.
 */
export function createSystemClock<Timer>({ nowMs, setTimeout, clearTimeout }: RuntimeTimers<Timer>): Clock {
  return {
    nowMs,
    at(atMs, callback, kind) {
      const arm = (): Timer => {
        const delayMs = Math.min(Math.max(0, Math.ceil(atMs - nowMs())), maxTimerMs);
        const timer = setTimeout(onTimer, delayMs);
        if (kind === "watch") (timer as { unref?(): void }).unref?.();
        return timer;
      };
      const onTimer = (): void => {
        // A timer may fire up to a millisecond early, and a long delay is cut into pieces.
        if (nowMs() < atMs) timer = arm();
        else callback();
      };
      let timer = arm();
      return () => clearTimeout(timer);
    },
  };
}
