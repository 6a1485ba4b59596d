/** Real time in any runtime of web standards. */
import { type Clock, createSystemClock } from "@trunkline/base";

// Taken once: a test's fake timers, which come later, must not stop the streams below it.
const { setTimeout, clearTimeout, performance } = globalThis;

/** The real, monotonic clock. Where timers have `unref`, its appointments to watch do not keep the process alive. */
export const webClock: Clock = createSystemClock({
  nowMs: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
});
