/** Calls of functions that only look on. */
import { callObserver } from "@trunkline/base";

/**
 * The calls of a function that a user has given to look on. After a call that throws, or whose promise rejects, the
 * function is not called again, and nothing else happens: what it looks at must not suffer from it.
 */
export class GuardedObserver {
  #failed = false;

  /** True once a call has thrown or rejected. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Makes a call, unless an earlier one has failed. */
  call(observe: () => unknown): void {
    if (!this.#failed) callObserver(observe, this.#onFailure);
  }

  readonly #onFailure = (): void => {
    this.#failed = true;
  };
}
