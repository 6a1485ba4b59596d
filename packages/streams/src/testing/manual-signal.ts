import type { AbortSignalLike } from "@trunkline/base";

/** An abort signal that a test fires, and that counts its listeners, so that a test can find leaked ones. */
export class ManualSignal implements AbortSignalLike {
  readonly #listeners: Set<() => void> = new Set();
  #aborted: { readonly reason: unknown } | undefined;

  get aborted(): boolean {
    return this.#aborted !== undefined;
  }

  get reason(): unknown {
    return this.#aborted?.reason;
  }

  /** The number of listeners that were added and not removed. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Fires the signal. Only the first call has an effect. */
  abort(reason: unknown = new Error("aborted by the test")): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    for (const listener of [...this.#listeners]) listener();
  }
}
