/** Sends what an iterable gives, in step with the call: for the short forms of both sides. */
import { sentAtOnce } from "@trunkline/streams/kit";
import { CallerContext } from "../hooks/context.js";

/** The requests or responses that a short form takes. */
export type Messages<T> = AsyncIterable<T> | Iterable<T>;

interface Sender<T> {
  send(message: T): Promise<void>;
  /** Called when the call has ended; set while sending. */
  onEnded: (() => void) | undefined;
}

/**
 * Sends everything; rejects with what the iterable or the call threw. When the call ends meanwhile, the iterable is
 * told by `return()`, even while it waits for something else.
 */
export async function sendAll<T>(messages: Messages<T>, call: Sender<T>): Promise<void> {
  const isAsync = Symbol.asyncIterator in messages;
  const iterator = isAsync ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
  // The end of the call is told in the context of its connection; the iterable is left in that of the caller.
  const context = new CallerContext();
  let left = false;
  const leave = (): void => {
    if (left) return;
    left = true;
    // The call has ended already: an error of the iterable has nowhere to go.
    context.run(
      () =>
        void Promise.resolve()
          .then(() => iterator.return?.())
          .catch(() => {}),
    );
  };
  call.onEnded = leave;
  for (;;) {
    // Each `await` costs as much as a small message: there is none where nothing has to be waited for.
    const next = iterator.next();
    const result = isAsync ? await next : (next as IteratorResult<T>);
    if (result.done) break;
    try {
      const sent = call.send(result.value);
      if (sent !== sentAtOnce) await sent;
    } catch (error) {
      leave();
      throw error;
    }
  }
  call.onEnded = undefined;
}
