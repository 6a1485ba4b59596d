/** `tap`: observes a stream without changing it. */
import { Metadata } from "@trunkline/metadata";
import type { ObjectStream } from "../contract/stream.js";
import { GuardedObserver } from "../kit/guarded-observer.js";
import { ObservedStream } from "../kit/observed.js";

/**
 * The functions that `tap` calls, each after the event. They are given the item itself, which they must not change, and
 * may be async functions, for which the stream does not wait.
 */
export interface Observer<Out extends {}, In extends {} = Out> {
  /** The stream below has taken an item. */
  onSend?(item: Out, metadata: Metadata): void;
  /** An item was received. */
  onReceive?(item: In, metadata: Metadata): void;
  /** `sendEof` has sent this side's end. */
  onSendEof?(): void;
  /** The other side's end has been received. */
  onReceiveEof?(): void;
  /** A send, a receive or an end was refused, or a wait was ended by its signal. */
  onError?(error: unknown): void;
  /** This side has closed the stream, and the close is complete. */
  onClose?(): void;
  /** This side has aborted the stream. */
  onAbort?(reason: unknown): void;
}

/**
 * Observes a stream: calls the observer's functions in the order in which things happen in each direction. If one of
 * them throws or rejects, the observer is not called again and nothing else happens.
 */
export function tap<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  observer: Observer<Out, In>,
): ObjectStream<Out, In> {
  const guard = new GuardedObserver();
  return new ObservedStream<Out, In>(stream, {
    needsMetadata: true, // the observer sees metadata also where the reader drops it
    onSent: (item, metadata) => guard.call(() => observer.onSend?.(item, Metadata.from(metadata ?? Metadata.empty))),
    onReceived: (item, metadata) => guard.call(() => observer.onReceive?.(item, metadata)),
    onEndSent: () => guard.call(() => observer.onSendEof?.()),
    onEndReceived: () => guard.call(() => observer.onReceiveEof?.()),
    onFailed(error) {
      guard.call(() => observer.onError?.(error));
      return error;
    },
    onClosed: () => guard.call(() => observer.onClose?.()),
    onAborted: (reason) => guard.call(() => observer.onAbort?.(reason)),
  });
}
