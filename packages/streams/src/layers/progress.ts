/** Counting what goes through a stream, and telling how fast and how long it will still take. */

import type { Clock } from "@trunkline/base";
import { type AttributeKey, type Attributes, attribute, totalBytes } from "../contract/attributes.js";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";
import { Rate, rateIntervals } from "./rate.js";

/** One direction of a stream. */
export interface DirectionProgress {
  readonly items: number;
  /** Bytes of the items that are `Uint8Array`; other items count as none. */
  readonly bytes: number;
  /** The mean over the last ten reports. */
  readonly bytesPerSecond: number;
  /** How many bytes it will be in all, where that is known. */
  readonly totalBytes: number | undefined;
  /** How long the rest will take at this rate, where that can be told. */
  readonly remainingMs: number | undefined;
}

export interface ProgressReport {
  readonly sent: DirectionProgress;
  readonly received: DirectionProgress;
  /** Since `progress` was called. */
  readonly elapsedMs: number;
  /** True in the last report: both directions have ended, or the stream is closed or broken. */
  readonly finished: boolean;
}

export interface ProgressOptions {
  /** Called with each report. If it throws, the reports stop and nothing else changes. */
  onProgress(report: ProgressReport): void;
  /**
   * Time between two reports. Default 1,000 ms, enough for a line of text. There are reports while something moves and until
   * the rate has sunk to zero; a stream at rest is silent.
   */
  readonly intervalMs?: number;
  /** How many bytes will be sent. */
  readonly totalSendBytes?: number;
  /** How many bytes will be received. Default: the attribute `totalBytes` of the stream. */
  readonly totalReceiveBytes?: number;
  /** Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

/** A function that tells where the stream stands when it is called. */
export const streamProgress: AttributeKey<() => ProgressReport> = attribute("streamProgress");

/**
 * Wraps a stream so that it reports how it gets on; items, metadata, ends and aborts pass through untouched.
 * @throws TypeError when there is no clock, RangeError when `intervalMs` is not above zero
 */
export function progress<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: ProgressOptions,
): ObjectStream<Out, In> {
  return new ProgressStream(stream, options);
}

class ProgressStream<Out extends {}, In extends {}> extends WrappedStream<Out, In> {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #sent: Counter;
  readonly #received: Counter;
  readonly #onProgress: (report: ProgressReport) => void;
  readonly #attributes: Attributes = new Map([[streamProgress, () => this.#report()]]);
  #cancelReport: (() => void) | undefined;
  /** Intervals since something moved. */
  #restingIntervals = 0;
  #endReceived = false;
  #finished = false;

  constructor(stream: ObjectStream<Out, In>, options: ProgressOptions) {
    super(stream);
    const clock = options.clock ?? stream.extra(streamClock);
    if (clock === undefined) {
      throw new TypeError("progress needs a clock: the stream has none (attribute streamClock) and none was given");
    }
    const { intervalMs = 1_000 } = options;
    if (!(intervalMs > 0)) throw new RangeError(`intervalMs must be above zero, but is ${intervalMs}`);
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#intervalMs = intervalMs;
    this.#onProgress = (report) => options.onProgress(report);
    this.#sent = new Counter(this.#startMs, options.totalSendBytes);
    this.#received = new Counter(this.#startMs, options.totalReceiveBytes ?? stream.extra(totalBytes));
  }

  override send(item: Out, options?: SendOptions): Promise<void> {
    return super.send(item, options).then(() => this.#moved(this.#sent, item), this.#onError);
  }

  override receive(options?: WaitOptions): Promise<In | undefined> {
    return super.receive(options).then((item) => {
      this.#onReceived(item);
      return item;
    }, this.#onError);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return super.receiveWithMetadata(options).then((message) => {
      this.#onReceived(message?.data);
      return message;
    }, this.#onError);
  }

  override abort(reason?: unknown): void {
    super.abort(reason);
    this.#finish();
  }

  override async sendEof(options?: WaitOptions): Promise<void> {
    await super.sendEof(options);
    if (this.#endReceived) this.#finish();
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    try {
      await super.closeGracefully(closeTimeoutMs);
    } finally {
      this.#finish();
    }
  }

  protected override get ownAttributes(): Attributes {
    return this.#attributes;
  }

  #onReceived(item: In | undefined): void {
    if (item !== undefined) {
      this.#moved(this.#received, item);
    } else {
      this.#endReceived = true;
      if (this.eofSent) this.#finish();
    }
  }

  readonly #onError = (error: unknown): never => {
    if (error instanceof BrokenStreamError) this.#finish();
    throw error;
  };

  #moved(counter: Counter, item: {}): void {
    counter.add(item);
    this.#restingIntervals = 0;
    if (this.#cancelReport === undefined && !this.#finished) this.#reportLater();
  }

  #reportLater(): void {
    this.#cancelReport = this.#clock.at(
      this.#clock.nowMs() + this.#intervalMs,
      () => {
        this.#cancelReport = undefined;
        this.#tell();
        if (this.#restingIntervals++ < rateIntervals && !this.#finished) this.#reportLater();
      },
      "watch",
    );
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelReport?.();
    this.#tell();
  }

  #tell(): void {
    const nowMs = this.#clock.nowMs();
    this.#sent.sample(nowMs);
    this.#received.sample(nowMs);
    try {
      this.#onProgress(this.#report());
    } catch {
      this.#finished = true; // no more reports; what moves must not suffer from how it is shown
    }
  }

  #report(): ProgressReport {
    const nowMs = this.#clock.nowMs();
    return {
      sent: this.#sent.at(nowMs),
      received: this.#received.at(nowMs),
      elapsedMs: nowMs - this.#startMs,
      finished: this.#finished,
    };
  }
}

/** What has moved in one direction. */
class Counter {
  #items = 0;
  #bytes = 0;
  readonly #rate: Rate;
  readonly #totalBytes: number | undefined;

  constructor(startMs: number, total: number | undefined) {
    this.#rate = new Rate(startMs);
    this.#totalBytes = total;
  }

  add(item: {}): void {
    this.#items++;
    if (item instanceof Uint8Array) this.#bytes += item.byteLength;
  }

  sample(nowMs: number): void {
    this.#rate.sample(nowMs, this.#bytes);
  }

  at(nowMs: number): DirectionProgress {
    const bytesPerSecond = this.#rate.perSecond(nowMs, this.#bytes);
    const restBytes = this.#totalBytes === undefined ? undefined : Math.max(0, this.#totalBytes - this.#bytes);
    let remainingMs: number | undefined;
    if (restBytes === 0) remainingMs = 0;
    else if (restBytes !== undefined && bytesPerSecond > 0) remainingMs = (restBytes * 1_000) / bytesPerSecond;
    return { items: this.#items, bytes: this.#bytes, bytesPerSecond, totalBytes: this.#totalBytes, remainingMs };
  }
}
