/** A stream that goes no faster than it is allowed to. */

import type { Clock } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { streamClock } from "../contract/clock.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendStage } from "../kit/send-stage.js";
import { TranslatedStream } from "../kit/translated-stream.js";
import { TokenBucket } from "./token-bucket.js";

export interface RateLimitOptions {
  /** Bytes a second this side may send. Default: as many as the stream takes. */
  readonly sendBytesPerSecond?: number;
  /** Bytes a second this side takes, which slows the other side down by backpressure. Default: as many as come. */
  readonly receiveBytesPerSecond?: number;
  /** How many bytes may go at once after a rest. Default: those of a tenth of a second, which keeps the rate even. */
  readonly burstBytes?: number;
  /** Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

/**
 * Limits how many bytes a second go each way (token bucket). An item larger than the burst goes as a whole, and what follows waits the
 * longer. Items that are not `Uint8Array` count as no bytes. Ends and aborts do not wait; `sendEof` waits for the sends before it.
 * @throws TypeError when there is no clock, RangeError when a number is not above zero
 */
export function rateLimited<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: RateLimitOptions,
): ObjectStream<Out, In> {
  return new RateLimitedStream(stream, options);
}

interface Outgoing<Out> {
  readonly item: Out;
  readonly metadata: Metadata | undefined;
}

class RateLimitedStream<Out extends {}, In extends {}> extends TranslatedStream<Out, In, Out, In> {
  readonly #clock: Clock;
  readonly #sending: TokenBucket | undefined;
  readonly #receiving: TokenBucket | undefined;
  readonly #stage: SendStage<Outgoing<Out>>;
  /** Ends the waits for tokens, so that a stream that is over leaves no appointment with the clock. */
  readonly #waits: Set<() => void> = new Set();

  constructor(stream: ObjectStream<Out, In>, options: RateLimitOptions) {
    super(stream);
    const clock = options.clock ?? stream.extra(streamClock);
    if (clock === undefined) {
      throw new TypeError("a rate limit needs a clock: the stream has none (attribute streamClock) and none was given");
    }
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

  send(item: Out, options?: SendOptions): Promise<void> {
    const refusal = this.carriesMetadata ? undefined : metadataRefusal("the stream below the rate limit", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      // It may wait here, and must not change meanwhile.
      const metadata = options?.metadata === undefined ? undefined : Metadata.from(options.metadata).clone().freeze();
      return this.#stage.send({ item, metadata }, options);
    } catch (error) {
      return Promise.reject(error);
    }
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

  async #sendPaced({ item, metadata }: Outgoing<Out>): Promise<void> {
    if (this.#sending !== undefined) await this.#tokensOf(this.#sending);
    await this.inner.send(item, metadata === undefined ? undefined : { metadata });
    this.#sending?.take(bytesOf(item), this.#clock.nowMs());
  }

  async #tokensOf(tokens: TokenBucket): Promise<void> {
    for (let waitMs = tokens.waitMs(this.#clock.nowMs()); waitMs > 0; waitMs = tokens.waitMs(this.#clock.nowMs())) {
      const ended = await new Promise<boolean>((resolve) => {
        const end = (): void => {
          cancel();
          this.#waits.delete(end);
          resolve(true);
        };
        const cancel = this.#clock.at(
          this.#clock.nowMs() + waitMs,
          () => {
            this.#waits.delete(end);
            resolve(false);
          },
          "work",
        );
        this.#waits.add(end);
      });
      if (ended) return; // what comes next finds the stream closed or broken
    }
  }
}

function bytesOf(item: {}): number {
  return item instanceof Uint8Array ? item.byteLength : 0;
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

function aboveZero(name: string, value: number): void {
  if (!(value > 0)) throw new RangeError(`${name} must be above zero, but is ${value}`);
}
