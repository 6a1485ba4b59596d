/**
 * Measures the memory that the process holds, after garbage is collected, so that a test can set a bound that means
 * something.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

/** Returns the bytes of the objects and array buffers that are there, whether they are alive or not. */
function usedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Returns the bytes of the objects and array buffers that are alive. */
export function heldBytes(): number {
  collectGarbage();
  return usedBytes();
}

/**
 * Says whether no more than `bound` is held, by a collection of young objects alone, which takes a fifth of the time of
 * a whole one. False says nothing: old garbage may be there as well.
 */
export function isHeldAtMost(bound: number): boolean {
  collectGarbage({ type: "minor" });
  return usedBytes() <= bound;
}

/**
 * Measures once, and a second time where the first result is above `bound`: Node frees the array buffers that a
 * collection finds dead only after it, on another thread.
 */
export function heldBytesAtMost(bound: number): number {
  const once = heldBytes();
  return once <= bound ? once : heldBytes();
}
