/** Real time in any runtime with web standards. */
import { type Clock, createSystemClock } from "@trunkline/base";

// They are taken once: a test's fake timers, which come later, must not stop the streams.
const { setTimeout, clearTimeout, performance } = globalThis;

/** The real, monotonic clock. Where timers have `unref`, its appointments to watch do not keep the process alive. */
export const webClock: Clock = createSystemClock({
  nowMs: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer),
});
