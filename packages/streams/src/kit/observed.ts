/** The one layer that sees items pass: `tap`, `counted`, `progress` and `withTimeouts` are made of it. */
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { type Attributes, noAttributes } from "../contract/attributes.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { dataOf } from "./message.js";
import { WrappedStream } from "./wrapped-stream.js";

/** The notices that an `ObservedStream` gives. Each comes after the event, and none of them may throw. */
export interface StreamWatcher<Out extends {}, In extends {}> {
  /** True when `onReceived` needs the metadata of items that are received without it. Default false. */
  readonly needsMetadata?: boolean;
  /** The stream below has taken an item. */
  onSent?(item: Out, metadata: MetadataInit | undefined): void;
  /** An item was received. Its metadata is empty where `needsMetadata` is false and `receive` was called. */
  onReceived?(item: In, metadata: Metadata): void;
  /** `sendEof` has succeeded. */
  onEndSent?(): void;
  /** The other side's end was received. */
  onEndReceived?(): void;
  /** A send, a receive, an end or a close has failed. Returns the error that the caller gets instead. */
  onFailed?(error: unknown): unknown;
  /** `close` has succeeded. */
  onClosed?(): void;
  /** This side has aborted the stream. */
  onAborted?(reason: unknown): void;
  /**
   * Both ends have passed, or the stream was closed, aborted or found to be broken. It comes once, after the other
   * notices.
   */
  onOver?(): void;
}

/** A stream that passes everything on untouched and notifies a watcher of it. */
export class ObservedStream<Out extends {}, In extends {} = Out> extends WrappedStream<Out, In> {
  readonly #watcher: StreamWatcher<Out, In>;
  readonly #attributes: Attributes;
  #endSent = false;
  #endReceived = false;
  #over = false;

  constructor(stream: ObjectStream<Out, In>, watcher: StreamWatcher<Out, In>, attributes: Attributes = noAttributes) {
    super(stream);
    this.#watcher = watcher;
    this.#attributes = attributes;
  }

  override send(item: Out, options?: SendOptions): Promise<void> {
    return this.inner.send(item, options).then(() => this.#watcher.onSent?.(item, options?.metadata), this.#onFailed);
  }

  override receive(options?: WaitOptions): Promise<In | undefined> {
    if (this.#watcher.needsMetadata === true) return this.receiveWithMetadata(options).then(dataOf);
    return this.inner.receive(options).then(this.#onItem, this.#onFailed);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.inner.receiveWithMetadata(options).then(this.#onMessage, this.#onFailed);
  }

  override abort(reason?: unknown): void {
    super.abort(reason);
    this.#watcher.onAborted?.(reason);
    this.#finish();
  }

  protected override async endOutput(): Promise<void> {
    await super.endOutput().catch(this.#onFailed);
    this.#endSent = true;
    this.#watcher.onEndSent?.();
    if (this.#endReceived) this.#finish();
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    try {
      await super.closeGracefully(closeTimeoutMs).catch(this.#onFailed);
      this.#watcher.onClosed?.();
    } finally {
      this.#finish();
    }
  }

  protected override get ownAttributes(): Attributes {
    return this.#attributes;
  }

  readonly #onItem = (item: In | undefined): In | undefined => {
    this.#received(item, Metadata.empty);
    return item;
  };

  readonly #onMessage = (message: ReceivedMessage<In> | undefined): ReceivedMessage<In> | undefined => {
    this.#received(message?.data, message?.metadata ?? Metadata.empty);
    return message;
  };

  readonly #onFailed = (error: unknown): never => {
    const told = this.#watcher.onFailed === undefined ? error : this.#watcher.onFailed(error);
    if (told instanceof BrokenStreamError) this.#finish();
    throw told;
  };

  #received(item: In | undefined, metadata: Metadata): void {
    if (item !== undefined) {
      this.#watcher.onReceived?.(item, metadata);
      return;
    }
    if (this.#endReceived) return;
    this.#endReceived = true;
    this.#watcher.onEndReceived?.();
    if (this.#endSent) this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#watcher.onOver?.();
  }
}
