/**
 * Calls of functions that a user has given to be told of something. They may be async functions: a promise that rejects
 * without a listener would end the process.
 */
import { isThenable } from "./kind-of.js";

/** Calls `onRejected` with the error of `result`, where that is a promise that rejects. Nothing waits for it. */
export function whenRejected(result: unknown, onRejected: (error: unknown) => void): void {
  if (isThenable(result)) result.then(undefined, onRejected);
}

/**
 * Makes a call whose failure must not harm the caller: what it throws, or rejects with, goes to `onFailure`. Default:
 * it is dropped.
 */
export function callObserver(call: () => unknown, onFailure: (error: unknown) => void = () => {}): void {
  try {
    whenRejected(call(), onFailure);
  } catch (error) {
    onFailure(error);
  }
}
