/** The bases of carriers: streams that move items by themselves, in both directions or in one. */
import type {
  ObjectStream,
  ReceivedMessage,
  ReceiveStream,
  SendOptions,
  SendStream,
  WaitOptions,
} from "../contract/stream.js";
import { OutputEnd } from "./ending.js";
import { iterate } from "./iterate.js";
import { messageOf } from "./message.js";
import { waitOptionsRefusal } from "./option-refusal.js";
import { StreamBase } from "./stream-base.js";

/**
 * The base of a stream that only sends: the end that is sent once, closing within a time limit, the rule of
 * `await using`, attributes.
 */
export abstract class BaseSendStream<Out extends {}> extends StreamBase implements SendStream<Out> {
  readonly #eof = new OutputEnd();

  abstract readonly carriesMetadata: boolean;
  abstract send(item: Out, options?: SendOptions): Promise<void>;

  /** Sends the end, after all pending sends. It is called again only if it failed. */
  protected abstract endOutput(): Promise<void>;

  /** True once `sendEof` has been called: nothing more may be sent. */
  protected get ending(): boolean {
    return this.#eof.begun;
  }

  get eofSent(): boolean {
    return this.#eof.sent;
  }

  sendEof(options?: WaitOptions): Promise<void> {
    const refusal = waitOptionsRefusal(options, "sendEof");
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#eof.send(() => this.endOutput(), options?.signal);
  }

  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return this.closeWithin(closeTimeoutMs, {
      sendEof: () => this.sendEof(),
      discardInput: () => Promise.resolve(),
      abort: (reason) => this.abort(reason),
    });
  }

  protected override get disposalCloses(): boolean {
    return this.eofSent;
  }

  protected override get disposalReason(): string {
    return "the stream was disposed of before its end was sent";
  }
}

/**
 * The base of a two-way stream: the sending part of `BaseSendStream`, and a receiving part. A carrier, which moves
 * items by itself, extends this class; a layer over another stream extends `WrappedStream` or `StreamLayer`.
 */
export abstract class BaseStream<Out extends {}, In extends {} = Out>
  extends BaseSendStream<Out>
  implements ObjectStream<Out, In>
{
  abstract receive(options?: WaitOptions): Promise<In | undefined>;

  /**
   * Stops reading: a waiting `receive` and later ones reject with `ClosedStreamError`, and all input is dropped from
   * now on. Settles when nothing more can come. `eofSent` settles as the end does that is being sent, for a layer that
   * has to wait for it. The caller keeps the time limit; it is given so that a layer can pass it on.
   */
  protected abstract discardInput(eofSent: Promise<void>, closeTimeoutMs: number | undefined): Promise<void>;

  /** Receives without metadata; a carrier that carries metadata overrides it. */
  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.receive(options).then(messageOf);
  }

  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return this.closeWithin(closeTimeoutMs, {
      sendEof: () => this.sendEof(),
      discardInput: (eofSent) => this.discardInput(eofSent, closeTimeoutMs),
      abort: (reason) => this.abort(reason),
    });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<In, undefined> {
    return iterate(() => this.receive());
  }
}

/** The base of a stream that only receives. */
export abstract class BaseReceiveStream<In extends {}> extends StreamBase implements ReceiveStream<In> {
  abstract receive(options?: WaitOptions): Promise<In | undefined>;

  /** Stops reading, and settles when nothing more can come; see `BaseStream`. */
  protected abstract discardInput(): Promise<void>;

  /** Receives without metadata; a carrier that carries metadata overrides it. */
  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.receive(options).then(messageOf);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<In, undefined> {
    return iterate(() => this.receive());
  }

  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return this.closeWithin(closeTimeoutMs, {
      sendEof: () => Promise.resolve(),
      discardInput: () => this.discardInput(),
      abort: (reason) => this.abort(reason),
    });
  }

  protected override get disposalCloses(): boolean {
    return false;
  }

  protected override get disposalReason(): string {
    return "the stream was disposed of before its end was received";
  }
}
