/**
 * Timers and immediates as they were when this module was loaded. Test frameworks replace the global ones by fake
 * timers that stand still; an engine that ran on those would hang every call (nock#2200).
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import timers from "node:timers";

export const setTimeout: typeof timers.setTimeout = timers.setTimeout;
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout;
export const setInterval: typeof timers.setInterval = timers.setInterval;
export const clearInterval: typeof timers.clearInterval = timers.clearInterval;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate;

/** Jest's fake timers replace these, too, and those of others do where they are asked to. */
export const queueMicrotask: typeof globalThis.queueMicrotask = globalThis.queueMicrotask;
export const nextTick: typeof process.nextTick = process.nextTick;

/** Returns milliseconds since the process began, on the monotonic clock. */
export const monotonicMs: () => number = performance.now.bind(performance);
