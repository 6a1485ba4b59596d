/** A promise together with the functions that settle it. */

/** A promise and the two functions that settle it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(error: unknown): void;
}

/**
 * Makes a promise that its owner settles.
 * @param quiet a rejection without a waiter is not reported as unhandled, because the error also reaches the user
 * another way. Default false.
 */
export function deferred<T>(quiet = false): Deferred<T> {
  let resolve!: Deferred<T>["resolve"];
  let reject!: Deferred<T>["reject"];
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  if (quiet) promise.catch(() => {});
  return { promise, resolve, reject };
}
