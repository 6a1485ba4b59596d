/** Real time in any runtime of web standards. */
import type { Clock } from "../clock.js";

/** Longer delays than this many milliseconds make timers fire at once. */
const maxDelayMs = 2 ** 31 - 1;

/** Real time, monotonic. Where timers can, its appointments do not keep the process alive. */
export const webClock: Clock = {
  nowMs: () => performance.now(),
  at(atMs, callback) {
    let timer: unknown;
    const arm = (): void => {
      const delayMs = Math.min(Math.max(0, Math.ceil(atMs - performance.now())), maxDelayMs);
      timer = setTimeout(onTimer, delayMs);
      (timer as { unref?(): void }).unref?.(); // Node, Bun and Deno have it; in a browser a timer is a number
    };
    const onTimer = (): void => {
      // A timer may fire early, and a long delay is cut into pieces.
      if (performance.now() < atMs) arm();
      else callback();
    };
    arm();
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>);
  },
};
