/**
 * Timers and immediates as they were when this module was loaded. Test frameworks replace the global ones by fake
 * timers that stand still; an engine that ran on those would hang every call (nock#2200).
 */
import { performance } from "node:perf_hooks";
import timers from "node:timers";

export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setInterval: typeof timers.setInterval = timers.setInterval;
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate;

/** Returns milliseconds since the process began, on the monotonic clock. */
export const monotonicMs: () => number = performance.now.bind(performance);
