/**
 * Measures the memory that the process holds, after garbage is collected, so that a test can set a bound that means
 * something.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Returns the bytes of the objects and array buffers that are alive. */
export function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Measures once, and a second time where the first result is above `bound`: Node frees the array buffers that a
 * collection finds dead only after it, on another thread.
 */
export function heldBytesAtMost(bound: number): number {
  const once = heldBytes();
  return once <= bound ? once : heldBytes();
}
