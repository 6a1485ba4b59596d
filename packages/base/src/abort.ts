/** Cancellation without the types of a platform. */

/** The part of an `AbortSignal` that trunkline uses, so that its pure packages need no DOM or Node types. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Returns what a wait rejects with when `signal` has ended it: the signal's reason, or an error where it has none. */
export function abortReason(signal: AbortSignalLike): unknown {
  return signal.reason ?? new Error("the wait was aborted by its signal");
}

/** The one event listener on a signal that many waits share. It is on the signal while there are such waits. */
class SharedListener {
  readonly #signal: AbortSignalLike;
  readonly #waits: Set<{ call(): void }> = new Set();

  constructor(signal: AbortSignalLike) {
    this.#signal = signal;
  }

  /** Adds a listener, and returns a function that removes it. */
  add(call: () => void): () => void {
    const wait = { call };
    if (this.#waits.size === 0) this.#signal.addEventListener("abort", this.#onAbort);
    this.#waits.add(wait);
    return () => void this.#remove(wait);
  }

  #remove(wait: { call(): void }): boolean {
    const removed = this.#waits.delete(wait);
    if (removed && this.#waits.size === 0) this.#signal.removeEventListener("abort", this.#onAbort);
    return removed;
  }

  readonly #onAbort = (): void => {
    // A wait that an earlier one has removed is not called any more.
    for (const wait of [...this.#waits]) if (this.#remove(wait)) wait.call();
  };
}

const sharedListeners = new WeakMap<AbortSignalLike, SharedListener>();

/**
 * Calls `listener` once when the signal fires; never, if it has fired already. All listeners on one signal share a
 * single event listener, since Node warns of a leak when an `AbortSignal` has more than ten (connect-es#476).
 * @returns a function that takes the listener off again
 */
export function onAbort(signal: AbortSignalLike, listener: () => void): () => void {
  let shared = sharedListeners.get(signal);
  if (shared === undefined) {
    shared = new SharedListener(signal);
    sharedListeners.set(signal, shared);
  }
  return shared.add(listener);
}

/** Settles as `promise` does, or rejects when the signal fires. The work behind `promise` goes on regardless. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) reject(abortReason(signal));
    const forget = onAbort(signal, () => reject(abortReason(signal)));
    promise.then(resolve, reject).finally(forget);
  });
}
