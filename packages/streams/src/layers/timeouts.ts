/** `withTimeouts`: limits how long a stream may rest, and how long it may last. */
import { aboveZero, type Clock, checkOptionNames, optionNames } from "@trunkline/base";
import { clockOf } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream } from "../contract/stream.js";
import { ObservedStream, type StreamWatcher } from "../kit/observed.js";

/** Options of `withTimeouts`. */
export interface TimeoutOptions {
  /** The longest time without anything sent or received, in either direction. Default: no limit. */
  readonly idleTimeoutMs?: number;
  /** The longest time that the stream may last, from this call on. Default: no limit. */
  readonly totalTimeoutMs?: number;
  /** The clock of the limits. Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

const timeoutOptionNames = optionNames<TimeoutOptions>({ idleTimeoutMs: true, totalTimeoutMs: true, clock: true });

/**
 * Aborts the stream when nothing has moved for `idleTimeoutMs`, or when it has lasted for `totalTimeoutMs`. All calls
 * that wait then, and all later ones, reject with a `BrokenStreamError` of code `IDLE_TIMEOUT` or `TOTAL_TIMEOUT`, and
 * the other side sees an error. Only what this side sends or receives counts as movement: a side that does not read
 * lets its stream rest.
 * @throws TypeError when there is no clock, RangeError when a time is not above zero
 */
export function withTimeouts<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: TimeoutOptions,
): ObjectStream<Out, In> {
  checkOptionNames("withTimeouts", options, timeoutOptionNames);
  const limits = new TimeLimits(clockOf("timeouts need", options.clock, stream), options);
  const limited = new ObservedStream<Out, In>(stream, limits);
  limits.start((expired) => limited.abort(expired));
  return limited;
}

/** The appointments of one stream, and the error once one of them was kept. */
class TimeLimits implements StreamWatcher<{}, {}> {
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number | undefined;
  readonly #totalTimeoutMs: number | undefined;
  #abort: (expired: BrokenStreamError) => void = () => {};
  #movedAtMs: number;
  #cancelIdle: (() => void) | undefined;
  #cancelTotal: (() => void) | undefined;
  #expired: BrokenStreamError | undefined;

  constructor(clock: Clock, options: TimeoutOptions) {
    for (const name of ["idleTimeoutMs", "totalTimeoutMs"] as const) {
      const value = options[name];
      if (value !== undefined) aboveZero(name, value);
    }
    this.#clock = clock;
    this.#idleTimeoutMs = options.idleTimeoutMs;
    this.#totalTimeoutMs = options.totalTimeoutMs;
    this.#movedAtMs = clock.nowMs();
  }

  /** Makes the appointments; `abort` is called with the error of the first limit that is exceeded. */
  start(abort: (expired: BrokenStreamError) => void): void {
    this.#abort = abort;
    const totalTimeoutMs = this.#totalTimeoutMs;
    if (this.#idleTimeoutMs !== undefined) this.#expectMovement(this.#idleTimeoutMs);
    if (totalTimeoutMs === undefined) return;
    this.#cancelTotal = this.#clock.at(
      this.#movedAtMs + totalTimeoutMs,
      () => this.#expire(`the stream lasted longer than totalTimeoutMs (${totalTimeoutMs})`, "TOTAL_TIMEOUT"),
      "watch",
    );
  }

  readonly #onMoved = (): void => {
    this.#movedAtMs = this.#clock.nowMs();
  };
  readonly onSent = this.#onMoved;
  readonly onReceived = this.#onMoved;
  readonly onEndSent = this.#onMoved;
  readonly onEndReceived = this.#onMoved;

  onFailed(error: unknown): unknown {
    // The stream below knows only that this side has aborted it.
    return error instanceof ClosedStreamError ? (this.#expired ?? error) : error;
  }

  onOver(): void {
    this.#cancelIdle?.();
    this.#cancelTotal?.();
  }

  /** Makes one appointment at a time, which is kept late rather than moved with each item. */
  #expectMovement(idleTimeoutMs: number): void {
    this.#cancelIdle = this.#clock.at(
      this.#movedAtMs + idleTimeoutMs,
      () => {
        if (this.#clock.nowMs() < this.#movedAtMs + idleTimeoutMs) this.#expectMovement(idleTimeoutMs);
        else this.#expire(`nothing was sent or received for idleTimeoutMs (${idleTimeoutMs})`, "IDLE_TIMEOUT");
      },
      "watch",
    );
  }

  #expire(message: string, code: string): void {
    this.#expired = new BrokenStreamError(message, { code });
    this.#abort(this.#expired);
  }
}
