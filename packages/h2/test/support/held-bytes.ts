/**
 * Measures the memory that the process holds, after garbage is collected, so that a test can set a bound that means
 * something.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Objects and array buffers that are alive. */
export function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * Measures until the process holds no more than `bound`, if it ever does: array buffers that are found dead are freed
 * beside the first round.
 */
export function heldBytesAtMost(bound: number): number {
  const once = heldBytes();
  return once <= bound ? once : heldBytes();
}
