/** Waiting with a signal. */
import type { AbortSignalLike } from "./stream.js";

/** What a wait that `signal` has ended rejects with. */
export function abortReason(signal: AbortSignalLike): unknown {
  return signal.reason ?? new Error("the wait was aborted by its signal");
}

/** Settles as `promise` does, or rejects when the signal fires; what `promise` stands for goes on regardless. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignalLike | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal));
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  });
}
