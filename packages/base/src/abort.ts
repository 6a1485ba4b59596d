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

/** Settles as `promise` does, or rejects when the signal fires. The work behind `promise` goes on regardless. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  });
}
