import { performance } from "node:perf_hooks";
import type { Clock } from "../clock.js";

/** Longer delays than this many milliseconds make Node's timers fire at once. */
const maxDelayMs = 2 ** 31 - 1;

/** Real time, monotonic. Its appointments do not keep the process alive. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  at(atMs, callback) {
    const arm = (): NodeJS.Timeout => {
      const delayMs = Math.min(Math.max(0, Math.ceil(atMs - performance.now())), maxDelayMs);
      return setTimeout(onTimer, delayMs).unref();
    };
    const onTimer = (): void => {
      // A timer may fire up to a millisecond early, and a long delay is cut into pieces.
      if (performance.now() < atMs) timer = arm();
      else callback();
    };
    let timer = arm();
    return () => clearTimeout(timer);
  },
};
