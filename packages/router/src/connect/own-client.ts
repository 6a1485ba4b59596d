/** For `listen` and `dial`, whose client nobody closes. */
import type { Trunkline } from "./trunkline.js";

/** Closes a client once all its streams are over: its channels take no more calls, and let those they have go on. */
export function wheneverDone(trunkline: Trunkline): void {
  void trunkline.close({ closeTimeoutMs: 2 ** 31 - 1 });
}
