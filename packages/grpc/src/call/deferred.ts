/** A promise with its two ends in hand. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T | PromiseLike<T>): void;
  reject(error: unknown): void;
}

/** `quiet`: a rejection that nobody waits for is not unhandled; the error reaches the user by another step. */
export function deferred<T>(quiet = false): Deferred<T> {
  let resolve = (_: T | PromiseLike<T>): void => {};
  let reject = (_: unknown): void => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve as typeof resolve;
    reject = onReject;
  });
  if (quiet) promise.catch(() => {});
  return { promise, resolve, reject };
}
