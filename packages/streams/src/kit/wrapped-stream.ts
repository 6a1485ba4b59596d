/** Layers over another stream: one that translates items, and one that leaves them alone. */
import type { AbortSignalLike } from "@trunkline/base";
import { type AttributeKey, type Attributes, attributesOver, noAttributes } from "../contract/attributes.js";
import { ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "./base-stream.js";

/**
 * A layer whose items differ from those of the stream below. A subclass implements `send` and `receive` (and
 * `receiveWithMetadata` if it carries metadata). A layer that has something to send before the end sends its items by
 * `sendBelow`; its `endOutput` does `await this.allSentBelow()`, sends the last item below, and calls
 * `super.endOutput()`.
 */
export abstract class StreamLayer<
  Out extends {},
  In extends {},
  InnerOut extends {},
  InnerIn extends {},
> extends BaseStream<Out, In> {
  protected readonly inner: ObjectStream<InnerOut, InnerIn>;
  #pendingBelow = 0;
  #onAllSent: (() => void) | undefined;

  constructor(inner: ObjectStream<InnerOut, InnerIn>) {
    super();
    this.inner = inner;
  }

  /** Sends to the stream below, for items that come before what the layer sends at the end. */
  protected sendBelow(item: InnerOut, options?: SendOptions): Promise<void> {
    if (this.ending) return Promise.reject(new ClosedStreamError("nothing can be sent after sendEof()"));
    const sent = this.inner.send(item, options);
    this.#pendingBelow++;
    sent.then(this.#onSettled, this.#onSettled);
    return sent;
  }

  /**
   * Waits for the sends that are under way, so that the layer's last item overtakes none of them and is not one too
   * many to wait.
   */
  protected allSentBelow(): Promise<void> {
    if (this.#pendingBelow === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllSent = resolve;
    });
  }

  readonly #onSettled = (): void => {
    if (--this.#pendingBelow === 0) this.#onAllSent?.();
  };

  /** The attributes that this layer adds to, or puts over, those of the stream below. */
  protected get ownAttributes(): Attributes {
    return noAttributes;
  }

  override get extraAttributes(): Attributes {
    return attributesOver(this.ownAttributes, this.inner.extraAttributes);
  }

  override extra<T>(key: AttributeKey<T>): T | undefined {
    const own = this.ownAttributes;
    return own.has(key) ? (own.get(key) as T) : this.inner.extra(key);
  }

  override get brokenSignal(): AbortSignalLike | undefined {
    return this.inner.brokenSignal;
  }

  get carriesMetadata(): boolean {
    return this.inner.carriesMetadata;
  }

  abort(reason?: unknown): void {
    this.inner.abort(reason);
  }

  protected endOutput(): Promise<void> {
    return this.inner.sendEof();
  }

  protected async discardInput(eofSent: Promise<void>, closeTimeoutMs: number | undefined): Promise<void> {
    await eofSent; // closing the stream below earlier would cut off what this layer still has to send
    await this.inner.close({ closeTimeoutMs });
  }
}

/** A layer that observes or adds, but changes no item: everything passes through unless it is overridden. */
export abstract class WrappedStream<Out extends {}, In extends {} = Out> extends StreamLayer<Out, In, Out, In> {
  send(item: Out, options?: SendOptions): Promise<void> {
    return this.inner.send(item, options);
  }

  receive(options?: WaitOptions): Promise<In | undefined> {
    return this.inner.receive(options);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.inner.receiveWithMetadata(options);
  }

  /** True also when the end was sent by the wrapped stream itself: this layer adds nothing to the end. */
  override get eofSent(): boolean {
    return this.inner.eofSent;
  }

  /** Closes the stream below at once, since this layer has nothing to send at the end. */
  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return this.inner.close({ closeTimeoutMs });
  }
}
