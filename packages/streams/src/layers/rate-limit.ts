/** `rateLimited`: limits how many bytes a second go through a stream. */
import {
  type AbortSignalLike,
  abortReason,
  aboveZero,
  type Clock,
  checkOptionNames,
  deferred,
  onAbort,
  optionNames,
  TokenBucket,
} from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { bytesOf } from "../bytes/counter.js";
import { clockOf } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { itemRefusal } from "../kit/item.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendStage } from "../kit/send-stage.js";
import { TranslatedStream } from "../kit/translated-stream.js";

/** Options of `rateLimited`. */
export interface RateLimitOptions {
  /** The number of bytes a second that this side may send. Default: no limit. */
  readonly sendBytesPerSecond?: number;
  /**
   * The number of bytes a second that this side receives, which slows the other side down by backpressure. Default: no
   * limit.
   */
  readonly receiveBytesPerSecond?: number;
  /**
   * The number of bytes that may go at once after a rest. Default: those of a tenth of a second, which keeps the rate
   * even.
   */
  readonly burstBytes?: number;
  /** The clock of the rates. Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

const rateLimitOptionNames = optionNames<RateLimitOptions>({
  sendBytesPerSecond: true,
  receiveBytesPerSecond: true,
  burstBytes: true,
  clock: true,
});

/**
 * Limits how many bytes a second go each way (token bucket). An item larger than the burst goes as a whole, and the
 * following ones wait the longer. Items that are not `Uint8Array` count as no bytes. `send` settles as the send of the
 * stream below does. Ends and aborts do not wait; `sendEof` waits for the sends before it. Waiting for the rate keeps
 * the process alive.
 * @throws TypeError when there is no clock, RangeError when a number is not above zero
 */
export function rateLimited<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: RateLimitOptions,
): ObjectStream<Out, In> {
  checkOptionNames("rateLimited", options, rateLimitOptionNames);
  return new RateLimitedStream(stream, options);
}

interface Outgoing<Out> {
  readonly item: Out;
  readonly options: SendOptions;
  settle(outcome: Promise<void>): void;
}

class RateLimitedStream<Out extends {}, In extends {}> extends TranslatedStream<Out, In, Out, In> {
  readonly #clock: Clock;
  readonly #sending: TokenBucket | undefined;
  readonly #receiving: TokenBucket | undefined;
  readonly #stage: SendStage<Outgoing<Out>>;
  /**
   * The functions that end the waits for tokens, so that a stream that is over leaves no appointment with the clock.
   */
  readonly #waits: Set<() => void> = new Set();

  constructor(stream: ObjectStream<Out, In>, options: RateLimitOptions) {
    super(stream);
    const clock = clockOf("a rate limit needs", options.clock, stream);
    this.#clock = clock;
    const { burstBytes } = options;
    if (burstBytes !== undefined) aboveZero("burstBytes", burstBytes);
    this.#sending = bucket("sendBytesPerSecond", options.sendBytesPerSecond, burstBytes, clock);
    this.#receiving = bucket("receiveBytesPerSecond", options.receiveBytesPerSecond, burstBytes, clock);
    this.#stage = new SendStage<Outgoing<Out>>(
      (outgoing) => this.#sendPaced(outgoing),
      () => super.endOutput(),
      () => {},
    );
  }

  async send(item: Out, options?: SendOptions): Promise<void> {
    const refusal =
      itemRefusal(item) ??
      (this.carriesMetadata ? undefined : metadataRefusal("the stream below the rate limit", options));
    if (refusal !== undefined) throw refusal;
    // The item may wait here, and its metadata must not change meanwhile.
    const metadata = options?.metadata === undefined ? undefined : Metadata.from(options.metadata).clone().freeze();
    const sent = deferred<void>(true);
    await this.#stage.send({ item, options: { signal: options?.signal, metadata }, settle: sent.resolve }, options);
    await sent.promise;
  }

  protected override endOutput(): Promise<void> {
    return this.#stage.end();
  }

  protected async pull(): Promise<ReceivedMessage<In> | undefined> {
    if (this.#receiving !== undefined) await this.#tokensOf(this.#receiving);
    try {
      const message = await this.inner.receiveWithMetadata();
      if (message !== undefined) this.#receiving?.take(bytesOf(message.data), this.#clock.nowMs());
      return message;
    } catch (error) {
      this.#stage.fail(error);
      throw error;
    }
  }

  protected override released(reason: Error): void {
    this.#stage.fail(reason);
    for (const end of this.#waits) end();
  }

  /**
   * Sends one item in its turn. The item's own `send` gets every failure; only that of the whole stream fails the
   * following ones.
   */
  async #sendPaced({ item, options, settle }: Outgoing<Out>): Promise<void> {
    const sent = this.#sendInTurn(item, options);
    settle(sent);
    try {
      await sent;
    } catch (error) {
      if (error instanceof BrokenStreamError || error instanceof ClosedStreamError) throw error;
    }
  }

  async #sendInTurn(item: Out, options: SendOptions): Promise<void> {
    const { signal } = options;
    if (this.#sending !== undefined) await this.#tokensOf(this.#sending, signal);
    if (signal?.aborted) throw abortReason(signal);
    await this.inner.send(item, options);
    this.#sending?.take(bytesOf(item), this.#clock.nowMs());
  }

  /**
   * Waits until the bucket holds tokens, the signal fires, or the stream is over, which the caller notices by itself.
   */
  async #tokensOf(tokens: TokenBucket, signal?: AbortSignalLike): Promise<void> {
    for (let waitMs = tokens.waitMs(this.#clock.nowMs()); waitMs > 0; waitMs = tokens.waitMs(this.#clock.nowMs())) {
      const wait = deferred<boolean>();
      const cancel = this.#clock.at(this.#clock.nowMs() + waitMs, () => wait.resolve(false), "work");
      const end = (): void => {
        cancel();
        wait.resolve(true);
      };
      const forget = signal === undefined ? undefined : onAbort(signal, end);
      this.#waits.add(end);
      const ended = await wait.promise;
      this.#waits.delete(end);
      forget?.();
      if (ended) return;
    }
  }
}

function bucket(
  name: string,
  perSecond: number | undefined,
  burst: number | undefined,
  clock: Clock,
): TokenBucket | undefined {
  if (perSecond === undefined) return undefined;
  aboveZero(name, perSecond);
  return new TokenBucket(perSecond, burst ?? Math.max(1, perSecond / 10), clock.nowMs());
}
