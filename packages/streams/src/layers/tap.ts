/** Looking on. */
import { Metadata } from "@trunkline/metadata";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/** What is seen of a stream; each is called after it has happened, and is given the item itself, which it must not change. */
export interface Observer<Out extends {}, In extends {} = Out> {
  onSend?(item: Out, metadata: Metadata): void;
  onReceive?(item: In, metadata: Metadata): void;
  /** This side's end has been sent by `sendEof`. */
  onSendEof?(): void;
  /** The other side's end has been received. */
  onReceiveEof?(): void;
  /** A send, a receive or an end was refused, or a wait was ended by its signal. */
  onError?(error: unknown): void;
  /** This side has closed the stream, and that is over. */
  onClose?(): void;
  /** This side has aborted the stream. */
  onAbort?(reason: unknown): void;
}

/**
 * Shows what goes through a stream to somebody who cannot change it: if an observer throws, it is not called again and nothing else
 * happens. The observers are called in the order in which things happen in each direction.
 */
export function tap<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  observer: Observer<Out, In>,
): ObjectStream<Out, In> {
  return new TappedStream(stream, observer);
}

class TappedStream<Out extends {}, In extends {}> extends WrappedStream<Out, In> {
  #observer: Observer<Out, In> | undefined;

  constructor(stream: ObjectStream<Out, In>, observer: Observer<Out, In>) {
    super(stream);
    this.#observer = observer;
  }

  override send(item: Out, options?: SendOptions): Promise<void> {
    return super
      .send(item, options)
      .then(
        () => this.#show((observer) => observer.onSend?.(item, Metadata.from(options?.metadata ?? Metadata.empty))),
        this.#onError,
      );
  }

  override async receive(options?: WaitOptions): Promise<In | undefined> {
    return (await this.receiveWithMetadata(options))?.data; // the observer is shown metadata also where the reader drops it
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return super.receiveWithMetadata(options).then((message) => {
      if (message === undefined) this.#show((observer) => observer.onReceiveEof?.());
      else this.#show((observer) => observer.onReceive?.(message.data, message.metadata));
      return message;
    }, this.#onError);
  }

  override abort(reason?: unknown): void {
    super.abort(reason);
    this.#show((observer) => observer.onAbort?.(reason));
  }

  protected override async endOutput(): Promise<void> {
    await super.endOutput().catch(this.#onError);
    this.#show((observer) => observer.onSendEof?.());
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    await super.closeGracefully(closeTimeoutMs).catch(this.#onError);
    this.#show((observer) => observer.onClose?.());
  }

  readonly #onError = (error: unknown): never => {
    this.#show((observer) => observer.onError?.(error));
    throw error;
  };

  #show(what: (observer: Observer<Out, In>) => void): void {
    if (this.#observer === undefined) return;
    try {
      what(this.#observer);
    } catch {
      this.#observer = undefined; // what moves must not suffer from who looks on
    }
  }
}
