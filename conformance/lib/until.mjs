/** A wait for something that no event tells of, such as what another process does. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits until `check` is true, or resolves with something true.
 * @param {() => unknown} check
 * @param {number} timeoutMs
 * @param {string} what the sentence about what is waited for, in an error
 */
export async function until(check, timeoutMs, what) {
  for (const endMs = performance.now() + timeoutMs; !(await check()); await sleep(20))
    if (performance.now() > endMs) throw new Error(`${what} not within ${timeoutMs} ms`);
}
