/** What the process holds on to: measured after garbage is collected, so that a test can set a bound that means something. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Objects and array buffers that are alive. */
export function heldBytes(): number {
  // Array buffers that the first round finds dead are freed beside it; the second waits for that.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
