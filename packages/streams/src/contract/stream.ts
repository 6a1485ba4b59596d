/**
 * The contracts: what a stream of objects is. Implementations live in their own files; every one of them
 * passes the compliance suite of `@trunkline/streams/testing`.
 */
import type { AbortSignalLike } from "@trunkline/base";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AttributeKey, Attributes } from "./attributes.js";

export interface WaitOptions {
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignalLike | undefined;
}

export interface SendOptions extends WaitOptions {
  /** Goes with this one message; a stream that cannot carry it rejects with `MetadataNotCarriedError`. */
  readonly metadata?: MetadataInit | undefined;
}

export interface CloseOptions extends WaitOptions {
  /** How long a graceful close may take before it becomes an abort. Default 5,000 ms. */
  readonly closeTimeoutMs?: number | undefined;
}

/** One message and what was sent with it (empty metadata where nothing was). */
export interface ReceivedMessage<In> {
  readonly data: In;
  readonly metadata: Metadata;
}

/** What both halves of a stream have in common: how it ends, and what is known about it. */
export interface StreamControl extends AsyncDisposable {
  /**
   * Graceful and idempotent: `sendEof`, discard what is unread, wait for the other side's end, at most `closeTimeoutMs`, then
   * abort. A later call joins the first. Resolves even if the other side's end did not come.
   * @throws BrokenStreamError when the stream broke before this side's end was sent, so that something may be lost
   */
  close(options?: CloseOptions): Promise<void>;
  /** At once: the other side sees an error, never an end. Idempotent; without effect once both sides have ended. */
  abort(reason?: unknown): void;
  /**
   * Fires as soon as the stream is known to be broken, with the `BrokenStreamError` as its reason, also while nobody waits on the stream.
   * What arrived before may still be received. Never fires for this side's own `abort`. Absent where the carrier cannot tell.
   */
  readonly brokenSignal?: AbortSignalLike | undefined;
  /** The attribute's value in the outermost layer that has it. */
  extra<T>(key: AttributeKey<T>): T | undefined;
  /** The attributes of all layers, an outer one's over an inner one's. */
  readonly extraAttributes: Attributes;
}

export interface SendStream<Out extends {}> extends StreamControl {
  /**
   * Sends one item; resolves when the stream has taken it, for which it waits until there is room. Sends may overlap and keep
   * their order, up to `maxPendingSends` (64) that wait; one more rejects with `BusyStreamError`. A cancelled send either never
   * began, or aborts the stream.
   * @throws BrokenStreamError, ClosedStreamError, BusyStreamError, MetadataNotCarriedError
   */
  send(item: Out, options?: SendOptions): Promise<void>;
  /**
   * Half-close: this side will send no more, once the sends before it have gone. Idempotent; its signal ends only the wait.
   * @throws BrokenStreamError, ClosedStreamError
   */
  sendEof(options?: WaitOptions): Promise<void>;
  /** True once `sendEof` has succeeded. Disposal then closes the stream instead of aborting it. */
  readonly eofSent: boolean;
  /** True where a message's metadata reaches the other side. */
  readonly carriesMetadata: boolean;
}

export interface ReceiveStream<In extends {}> extends StreamControl, AsyncIterable<In> {
  /**
   * The next item, or `undefined` when the other side is done. One at a time: a second one rejects with
   * `BusyStreamError`. A cancelled one loses no item.
   * @throws BrokenStreamError, ClosedStreamError, BusyStreamError
   */
  receive(options?: WaitOptions): Promise<In | undefined>;
  /** As `receive`, with the metadata that came with the message. */
  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined>;
}

/**
 * A two-way stream of objects with half-close. `for await` reads to the end and leaves the stream open on
 * `break`. `[Symbol.asyncDispose]` is `close()` after a `sendEof()` that succeeded, else `abort()`.
 */
export interface ObjectStream<Out extends {}, In extends {} = Out> extends SendStream<Out>, ReceiveStream<In> {}

/** How many sends may wait on one stream at once. */
export const maxPendingSends = 64;

/** How long `close()` waits for the other side's end before it aborts. */
export const defaultCloseTimeoutMs = 5_000;
