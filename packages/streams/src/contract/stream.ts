/**
 * The contract of streams: the interfaces that every stream of objects implements. The implementations live in their
 * own files; each of them passes the compliance suite of `@trunkline/streams/testing`.
 */
import type { AbortSignalLike } from "@trunkline/base";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AttributeKey, Attributes } from "./attributes.js";

/** Options of a call that may wait. */
export interface WaitOptions {
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of `send`. */
export interface SendOptions extends WaitOptions {
  /** The metadata of this one message. A stream that cannot carry it rejects with `MetadataNotCarriedError`. */
  readonly metadata?: MetadataInit | undefined;
}

/** Options of `close`. */
export interface CloseOptions extends WaitOptions {
  /** The longest time that a graceful close may take before it becomes an abort. Default 5,000 ms. */
  readonly closeTimeoutMs?: number | undefined;
}

/** A message and the metadata that was sent with it, which is empty where none was sent. */
export interface ReceivedMessage<In> {
  readonly data: In;
  readonly metadata: Metadata;
}

/** The part that both halves of a stream have in common: its ends, and its attributes. */
export interface StreamControl extends AsyncDisposable {
  /**
   * Closes the stream gracefully: sends the end (`sendEof`), discards unread input, and waits for the other side's end,
   * at most for `closeTimeoutMs`; then it aborts. A later call joins the first. It resolves even if the other side's
   * end did not come.
   * @throws BrokenStreamError when the stream broke before this side's end was sent, so that something may be lost
   */
  close(options?: CloseOptions): Promise<void>;
  /**
   * Ends the stream at once: the other side sees an error, never an end. Once both sides have ended it does nothing.
   */
  abort(reason?: unknown): void;
  /**
   * A signal that fires as soon as the stream is known to be broken, also while no call waits on the stream. Its reason
   * is the `BrokenStreamError`. Data that arrived before may still be received. This side's own `abort` does not fire
   * it. It is absent where the carrier cannot notice a break by itself.
   */
  readonly brokenSignal?: AbortSignalLike | undefined;
  /** Returns the value of an attribute in the outermost layer that has it. */
  extra<T>(key: AttributeKey<T>): T | undefined;
  /** The attributes of all layers. Where two layers have the same one, the outer one counts. */
  readonly extraAttributes: Attributes;
}

/** The sending half of a stream. */
export interface SendStream<Out extends {}> extends StreamControl {
  /**
   * Sends one item. It waits for room and resolves when the stream has taken the item, which the sender must not change
   * from then on. Sends may overlap and keep their order; at most `maxPendingSends` (64) may wait, and one more rejects
   * with `BusyStreamError`. A send that is cancelled by its signal either never began, or aborts the stream.
   * @throws BrokenStreamError, ClosedStreamError, BusyStreamError, MetadataNotCarriedError; TypeError for `undefined`
   * or `null`, which are no items
   */
  send(item: Out, options?: SendOptions): Promise<void>;
  /**
   * Sends this side's end after all sends before it; the other direction goes on (half-close). A later call joins the
   * first. Its signal ends only the wait, not the sending.
   * @throws BrokenStreamError, ClosedStreamError
   */
  sendEof(options?: WaitOptions): Promise<void>;
  /** True once `sendEof` has succeeded. Disposal then closes the stream instead of aborting it. */
  readonly eofSent: boolean;
  /** True where the metadata of a message reaches the other side. */
  readonly carriesMetadata: boolean;
}

/** The receiving half of a stream. */
export interface ReceiveStream<In extends {}> extends StreamControl, AsyncIterable<In> {
  /**
   * Returns the next item, or `undefined` when the other side has ended. Only one call may wait at a time; a second one
   * rejects with `BusyStreamError`. A call that is cancelled by its signal loses no item.
   * @throws BrokenStreamError, ClosedStreamError, BusyStreamError
   */
  receive(options?: WaitOptions): Promise<In | undefined>;
  /** Returns the next item as `receive` does, together with the metadata that came with it. */
  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined>;
}

/**
 * A two-way stream of objects with half-close. `for await` reads to the end and leaves the stream open on `break`.
 * `[Symbol.asyncDispose]` closes the stream if `sendEof()` has succeeded, and aborts it otherwise.
 */
export interface ObjectStream<Out extends {}, In extends {} = Out> extends SendStream<Out>, ReceiveStream<In> {}

/** The largest number of sends that may wait on one stream. */
export const maxPendingSends = 64;

/** The time in milliseconds that `close()` waits for the other side's end before it aborts, unless told otherwise. */
export const defaultCloseTimeoutMs = 5_000;
