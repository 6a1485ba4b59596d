/** Turns of the event loop: on loopback, what can arrive by itself has arrived after them. */
export { turns, until } from "../../../base/test/support/waiting.js";

/** Waits until the promises have settled that can settle without I/O and timers. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
