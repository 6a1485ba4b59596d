/** What every stream shares, so that each one says only what is its own. */

import type { AbortSignalLike } from "@trunkline/base";
import { abortable } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import type { CloseOptions, ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { closeRefusal, closeWithin, OutputEnd } from "./ending.js";

/**
 * Reading by iteration, the end sent once, closing within a time limit, the rule of `await using`, attributes. A carrier, which moves
 * items by itself, extends this class; a layer over another stream extends `WrappedStream` or `StreamLayer`.
 */
export abstract class BaseStream<Out extends {}, In extends {} = Out> implements ObjectStream<Out, In> {
  readonly #output: OutputEnd = new OutputEnd();
  #closing: Promise<void> | undefined;

  abstract readonly carriesMetadata: boolean;
  abstract send(item: Out, options?: SendOptions): Promise<void>;
  abstract receive(options?: WaitOptions): Promise<In | undefined>;
  abstract abort(reason?: unknown): void;

  /** Sends the end, after all pending sends. Called again only if it failed. */
  protected abstract endOutput(): Promise<void>;

  /**
   * Reads no more: a waiting `receive` and later ones reject with `ClosedStreamError`, all input is dropped from now on. Settles
   * when nothing more can come. `eofSent` settles as the end that is being sent does, for a layer that has to wait for it; the
   * time limit is kept by the caller, and is there to be passed on.
   */
  protected abstract discardInput(eofSent: Promise<void>, closeTimeoutMs: number | undefined): Promise<void>;

  /** A carrier that carries metadata overrides this. */
  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return this.receive(options).then(withoutMetadata);
  }

  /** True once `sendEof` has been called: nothing more may be sent. */
  protected get ending(): boolean {
    return this.#output.begun;
  }

  /** True once `sendEof` has succeeded. */
  protected get eofSent(): boolean {
    return this.#output.sent;
  }

  sendEof(options?: WaitOptions): Promise<void> {
    return this.#output.send(() => this.endOutput(), options?.signal);
  }

  close(options: CloseOptions = {}): Promise<void> {
    const refusal = closeRefusal(options, this.extra(streamClock));
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#closing ??= this.closeGracefully(options.closeTimeoutMs);
    return abortable(this.#closing, options.signal);
  }

  /** Called once, by the first `close`. */
  protected closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    return closeWithin(this.extra(streamClock), closeTimeoutMs, {
      sendEof: () => this.sendEof(),
      discardInput: (eofSent) => this.discardInput(eofSent, closeTimeoutMs),
      abort: (reason) => this.abort(reason),
    });
  }

  /** A carrier that notices breaks by itself overrides this. */
  get brokenSignal(): AbortSignalLike | undefined {
    return undefined;
  }

  get extraAttributes(): Attributes {
    return noAttributes;
  }

  extra<T>(key: AttributeKey<T>): T | undefined {
    return this.extraAttributes.get(key) as T | undefined;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<In, undefined> {
    return iterate(() => this.receive());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#output.sent || this.#closing !== undefined) return this.close();
    this.abort(new Error("the stream was disposed of before its end was sent"));
  }
}

function withoutMetadata<In extends {}>(data: In | undefined): ReceivedMessage<In> | undefined {
  return data === undefined ? undefined : { data, metadata: Metadata.empty };
}

/** Iterates over what `next` gives, up to `undefined`. Leaving early touches nothing. By hand: a generator costs three promises an item. */
export function iterate<T extends {}>(next: () => Promise<T | undefined>): AsyncIterableIterator<T, undefined> {
  return {
    next: () => next().then(toResult),
    return: () => Promise.resolve({ done: true, value: undefined }),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function toResult<T extends {}>(value: T | undefined): IteratorResult<T, undefined> {
  return value === undefined ? { done: true, value } : { done: false, value };
}
