/** `progress`: reports how much has gone through a stream, how fast, and how long the rest will take. */
import { aboveZero, type Clock, checkOptionNames, optionNames } from "@trunkline/base";
import { Counter } from "../bytes/counter.js";
import { type AttributeKey, sharedAttribute, totalBytes } from "../contract/attributes.js";
import { clockOf } from "../contract/clock.js";
import type { ObjectStream } from "../contract/stream.js";
import { GuardedObserver } from "../kit/guarded-observer.js";
import { ObservedStream, type StreamWatcher } from "../kit/observed.js";
import { Rate, rateIntervals } from "./rate.js";

/** The progress of one direction of a stream. */
export interface DirectionProgress {
  readonly items: number;
  /** The bytes of the items that are `Uint8Array`; other items count as none. */
  readonly bytes: number;
  /** The mean over the last ten reports. */
  readonly bytesPerSecond: number;
  /** The number of bytes in all, where it is known. */
  readonly totalBytes: number | undefined;
  /** The time that the rest will take at this rate, where it can be told. */
  readonly remainingMs: number | undefined;
}

/** The progress of both directions of a stream at one moment. */
export interface ProgressReport {
  readonly sent: DirectionProgress;
  readonly received: DirectionProgress;
  /** The time since `progress` was called. */
  readonly elapsedMs: number;
  /** True in the last report: both directions have ended, or the stream is closed or broken. */
  readonly finished: boolean;
}

/** Options of `progress`. */
export interface ProgressOptions {
  /** Called with each report. If it throws or rejects, the reports stop and nothing else changes. */
  onProgress(report: ProgressReport): void;
  /**
   * The time between two reports. Default 1,000 ms, enough for a line of text. There are reports while something moves
   * and until the rate has sunk to zero; a stream at rest is silent.
   */
  readonly intervalMs?: number;
  /** The number of bytes that will be sent. */
  readonly totalSendBytes?: number;
  /** The number of bytes that will be received. Default: the attribute `totalBytes` of the stream. */
  readonly totalReceiveBytes?: number;
  /** The clock of the reports. Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

const progressOptionNames = optionNames<ProgressOptions>({
  onProgress: true,
  intervalMs: true,
  totalSendBytes: true,
  totalReceiveBytes: true,
  clock: true,
});

/** A function that returns the progress of the stream at the time of the call. */
export const streamProgress: AttributeKey<() => ProgressReport> = sharedAttribute(
  "@trunkline/streams",
  "streamProgress",
);

/**
 * Reports the progress of a stream; items, metadata, ends and aborts pass through untouched.
 * @throws TypeError when there is no clock, RangeError when `intervalMs` is not above zero
 */
export function progress<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: ProgressOptions,
): ObjectStream<Out, In> {
  checkOptionNames("progress", options, progressOptionNames);
  const reporter = new Reporter(clockOf("progress needs", options.clock, stream), options, stream.extra(totalBytes));
  return new ObservedStream<Out, In>(stream, reporter, new Map([[streamProgress, () => reporter.report()]]));
}

/** The counts of both directions and the appointments for reports. */
class Reporter implements StreamWatcher<{}, {}> {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #intervalMs: number;
  readonly #sent: Direction;
  readonly #received: Direction;
  readonly #options: ProgressOptions;
  readonly #guard = new GuardedObserver();
  #cancelReport: (() => void) | undefined;
  /** The number of intervals since something moved. */
  #restingIntervals = 0;
  #finished = false;

  constructor(clock: Clock, options: ProgressOptions, knownTotalBytes: number | undefined) {
    const { intervalMs = 1_000 } = options;
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#intervalMs = aboveZero("intervalMs", intervalMs);
    this.#options = options;
    this.#sent = new Direction(this.#startMs, options.totalSendBytes);
    this.#received = new Direction(this.#startMs, options.totalReceiveBytes ?? knownTotalBytes);
  }

  onSent(item: {}): void {
    this.#moved(this.#sent, item);
  }

  onReceived(item: {}): void {
    this.#moved(this.#received, item);
  }

  onOver(): void {
    this.#finished = true;
    this.#cancelReport?.();
    this.#tell();
  }

  report(): ProgressReport {
    const nowMs = this.#clock.nowMs();
    return {
      sent: this.#sent.at(nowMs),
      received: this.#received.at(nowMs),
      elapsedMs: nowMs - this.#startMs,
      finished: this.#finished,
    };
  }

  #moved(direction: Direction, item: {}): void {
    direction.add(item);
    this.#restingIntervals = 0;
    if (this.#cancelReport === undefined && !this.#finished && !this.#guard.failed) this.#reportLater();
  }

  #reportLater(): void {
    this.#cancelReport = this.#clock.at(
      this.#clock.nowMs() + this.#intervalMs,
      () => {
        this.#cancelReport = undefined;
        this.#tell();
        if (this.#restingIntervals++ < rateIntervals && !this.#guard.failed) this.#reportLater();
      },
      "watch",
    );
  }

  #tell(): void {
    const nowMs = this.#clock.nowMs();
    this.#sent.sample(nowMs);
    this.#received.sample(nowMs);
    this.#guard.call(() => this.#options.onProgress(this.report()));
  }
}

/** The count and the rate of one direction. */
class Direction extends Counter {
  readonly #rate: Rate;
  readonly #totalBytes: number | undefined;

  constructor(startMs: number, total: number | undefined) {
    super();
    this.#rate = new Rate(startMs);
    this.#totalBytes = total;
  }

  sample(nowMs: number): void {
    this.#rate.sample(nowMs, this.bytes);
  }

  at(nowMs: number): DirectionProgress {
    const bytesPerSecond = this.#rate.perSecond(nowMs, this.bytes);
    const restBytes = this.#totalBytes === undefined ? undefined : Math.max(0, this.#totalBytes - this.bytes);
    let remainingMs: number | undefined;
    if (restBytes === 0) remainingMs = 0;
    else if (restBytes !== undefined && bytesPerSecond > 0) remainingMs = (restBytes * 1_000) / bytesPerSecond;
    return { ...this.snapshot(), bytesPerSecond, totalBytes: this.#totalBytes, remainingMs };
  }
}
