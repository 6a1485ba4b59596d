/** What every stream shares, so that each one says only what is its own. */

import type { AbortSignalLike } from "@trunkline/base";
import { abortable } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, noAttributes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import {
  type CloseOptions,
  defaultCloseTimeoutMs,
  type ObjectStream,
  type ReceivedMessage,
  type SendOptions,
  type WaitOptions,
} from "../contract/stream.js";

/**
 * Reading by iteration, the end sent once, closing within a time limit, the rule of `await using`, attributes. A carrier, which moves
 * items by itself, extends this class; a layer over another stream extends `WrappedStream` or `StreamLayer`.
 */
export abstract class BaseStream<Out extends {}, In extends {} = Out> implements ObjectStream<Out, In> {
  #eof: Promise<void> | undefined;
  #eofSent = false;
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
    return this.#eof !== undefined;
  }

  /** True once `sendEof` has succeeded. */
  protected get eofSent(): boolean {
    return this.#eofSent;
  }

  sendEof(options?: WaitOptions): Promise<void> {
    if (this.#eof === undefined) {
      this.#eof = this.endOutput();
      this.#eof.then(
        () => {
          this.#eofSent = true;
        },
        () => {
          this.#eof = undefined;
        },
      );
    }
    return abortable(this.#eof, options?.signal);
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { closeTimeoutMs } = options;
    if (closeTimeoutMs !== undefined) {
      if (!(closeTimeoutMs >= 0))
        return Promise.reject(new RangeError(`closeTimeoutMs must not be below zero, but is ${closeTimeoutMs}`));
      if (this.extra(streamClock) === undefined) {
        const message = `closeTimeoutMs (${closeTimeoutMs}) needs a clock, and no layer of this stream has one (attribute streamClock)`;
        return Promise.reject(new TypeError(message));
      }
    }
    this.#closing ??= this.closeGracefully(options.closeTimeoutMs);
    return abortable(this.#closing, options.signal);
  }

  /** Called once, by the first `close`. */
  protected async closeGracefully(givenTimeoutMs: number | undefined): Promise<void> {
    const clock = this.extra(streamClock);
    const closeTimeoutMs = givenTimeoutMs ?? defaultCloseTimeoutMs;
    let late: BrokenStreamError | undefined;
    const cancel = clock?.at(
      clock.nowMs() + closeTimeoutMs,
      () => {
        late = new BrokenStreamError(`closing took longer than closeTimeoutMs (${closeTimeoutMs})`, {
          code: "CLOSE_TIMEOUT",
        });
        this.abort(late);
      },
      "watch",
    );
    try {
      // Both at once: the other side may be unable to read our end before somebody takes what it is sending.
      const eofSent = this.sendEof();
      await Promise.all([eofSent, this.discardInput(eofSent, givenTimeoutMs).catch(() => {})]);
    } catch (error) {
      this.abort(error);
      if (late !== undefined) throw late;
      if (!(error instanceof ClosedStreamError)) throw error; // otherwise it was aborted on this side: nothing is left to do
    } finally {
      cancel?.();
    }
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
    if (this.#eofSent || this.#closing !== undefined) return this.close();
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
