/** Layers over another stream: one that translates items, and one that leaves them alone. */

import type { AbortSignalLike } from "@trunkline/base";
import { type AttributeKey, type Attributes, attributesOver, noAttributes } from "../contract/attributes.js";
import { ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { BaseStream } from "./base-stream.js";

/**
 * A layer whose items differ from those of the stream below. A subclass implements `send` and `receive` (and
 * `receiveWithMetadata` if it carries metadata). If it has something to say before the end, it sends by `sendBelow`, and its
 * `endOutput` does `await this.allSentBelow()`, sends the last item below, and calls `super.endOutput()`.
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

  /** `send` of the stream below, for items that come before what the layer says at the end. */
  protected sendBelow(item: InnerOut, options?: SendOptions): Promise<void> {
    if (this.ending) return Promise.reject(new ClosedStreamError("nothing can be sent after sendEof()"));
    const sent = this.inner.send(item, options);
    this.#pendingBelow++;
    sent.then(this.#onSettled, this.#onSettled);
    return sent;
  }

  /** Waits for the sends that are under way, so that none of them is overtaken, and the last word is not one too many to wait. */
  protected allSentBelow(): Promise<void> {
    if (this.#pendingBelow === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllSent = resolve;
    });
  }

  readonly #onSettled = (): void => {
    if (--this.#pendingBelow === 0) this.#onAllSent?.();
  };

  /** What this layer adds to, or changes of, the attributes below. */
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
    await eofSent; // closing the stream below earlier would cut off what this layer still has to say
    await this.inner.close({ closeTimeoutMs });
  }
}

/** A layer that observes or adds, but changes no item: everything passes through unless overridden. */
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

  /** This layer has nothing to say at the end, so that the stream below can do all of it at once. */
  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return this.inner.close({ closeTimeoutMs });
  }
}
