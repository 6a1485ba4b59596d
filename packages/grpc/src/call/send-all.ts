/** Sends what an iterable gives, in step with the call: for the short forms of both sides. */

/** What a short form iterates over. */
export type Messages<T> = AsyncIterable<T> | Iterable<T>;

interface Sender<T> {
  send(message: T): Promise<void>;
  /** Set here while sending: called when the call has ended. */
  onEnded: (() => void) | undefined;
}

/**
 * Sends everything; rejects with what the iterable or the call threw. When the call ends meanwhile, the iterable is told by `return()`, even while
 * it waits for something else.
 */
export async function sendAll<T>(messages: Messages<T>, call: Sender<T>): Promise<void> {
  const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  let leave = (): void => {
    leave = () => {};
    // What it throws now has no one to go to: the call has ended already.
    void Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => {});
  };
  call.onEnded = () => leave();
  for (;;) {
    const result = await iterator.next();
    if (result.done) break;
    try {
      await call.send(result.value);
    } catch (error) {
      leave();
      throw error;
    }
  }
  call.onEnded = undefined;
}
