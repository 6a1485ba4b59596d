/** Observables and streams of calls, each made of the other. Observables push, so that what waits has a limit here. */
import { Fifo } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { type Observable, Observable as RxObservable, type Subscription, share } from "rxjs";

/**
 * Gives the values of an observable one after the other. Leaving the iteration early unsubscribes. Values that come
 * faster than they are taken wait. @throws what the observable ends with; GrpcError RESOURCE_EXHAUSTED when more than
 * `maxBuffered` values wait
 */
export async function* valuesOf<T>(source: Observable<T>, maxBuffered: number): AsyncGenerator<T, undefined> {
  const waiting = new Fifo<{ readonly value: T }>();
  let end: { readonly error: unknown } | "complete" | undefined;
  let wake = (): void => {};
  let subscription: Subscription | undefined;
  const finish = (how: typeof end): void => {
    end ??= how;
    subscription?.unsubscribe();
    wake();
  };
  subscription = source.subscribe({
    next(value) {
      if (end !== undefined) return;
      if (waiting.size >= maxBuffered) finish({ error: tooMany(maxBuffered) });
      else waiting.push({ value });
      wake();
    },
    error: (error) => finish({ error }),
    complete: () => finish("complete"),
  });
  if (end !== undefined) subscription.unsubscribe();
  try {
    for (;;) {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next.value;
      if (end === "complete") return undefined;
      if (end !== undefined) throw (end as { error: unknown }).error;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    subscription.unsubscribe();
  }
}

function tooMany(maxBuffered: number): GrpcError {
  const text = `more than maxBufferedMessages (${maxBuffered}) values of an observable wait to be sent`;
  return new GrpcError(Status.RESOURCE_EXHAUSTED, text);
}

/**
 * Makes an observable of messages, which are read once something subscribes. All subscribers see the same messages.
 * @param isOver tells whether an error means that the call is over, so that the observable completes
 */
export function observe<T>(messages: AsyncIterable<T>, isOver: () => boolean): Observable<T> {
  const read = new RxObservable<T>((subscriber) => {
    void (async () => {
      try {
        for await (const message of messages) subscriber.next(message);
        subscriber.complete();
      } catch (error) {
        if (isOver()) subscriber.complete();
        else subscriber.error(error);
      }
    })();
  });
  return read.pipe(share({ resetOnComplete: false, resetOnError: false, resetOnRefCountZero: false }));
}

/** Emits when the signal aborts, at once if it has already. */
export function aborted(signal: AbortSignal): Observable<void> {
  return new RxObservable((subscriber) => {
    const tell = (): void => subscriber.next();
    if (signal.aborted) tell();
    signal.addEventListener("abort", tell);
    return () => signal.removeEventListener("abort", tell);
  });
}
