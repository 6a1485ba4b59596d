/** Layers over another stream: one that translates items, and one that leaves them alone. */
import { type AttributeKey, type Attributes, attributesOver, noAttributes } from "./attributes.js";
import { BaseStream } from "./base-stream.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "./stream.js";

/**
 * A layer whose items differ from those of the stream below. A subclass implements `send` and `receive` (and
 * `receiveWithMetadata` if it carries metadata), and overrides `endOutput` if it has something to say before the end.
 */
export abstract class StreamLayer<Out extends {}, In extends {}, InnerOut extends {}, InnerIn extends {}> extends BaseStream<Out, In> {
  protected readonly inner: ObjectStream<InnerOut, InnerIn>;

  constructor(inner: ObjectStream<InnerOut, InnerIn>) {
    super();
    this.inner = inner;
  }

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

  get carriesMetadata(): boolean {
    return this.inner.carriesMetadata;
  }

  abort(reason?: unknown): void {
    this.inner.abort(reason);
  }

  protected endOutput(): Promise<void> {
    return this.inner.sendEof();
  }

  protected async discardInput(eofSent: Promise<void>): Promise<void> {
    await eofSent; // closing the stream below earlier would cut off what this layer still has to say
    await this.inner.close();
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
