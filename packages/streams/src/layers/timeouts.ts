/** A stream that may not rest too long, or last too long. */
import type { Clock } from "@trunkline/base";
import { streamClock } from "../contract/clock.js";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

export interface TimeoutOptions {
  /** How long nothing may be sent or received, in either direction. Default: for ever. */
  readonly idleTimeoutMs?: number;
  /** How long the stream may last in all, from this call on. Default: for ever. */
  readonly totalTimeoutMs?: number;
  /** Default: the clock of the stream (attribute `streamClock`). */
  readonly clock?: Clock;
}

/**
 * Aborts the stream when nothing has moved for `idleTimeoutMs`, or when it has lasted for `totalTimeoutMs`: everything that waits then,
 * and all that comes later, rejects with a `BrokenStreamError` of code `IDLE_TIMEOUT` or `TOTAL_TIMEOUT`, and the other side sees an
 * error. What moves is what this side has sent or received: a side that does not read lets its stream rest.
 * @throws TypeError when there is no clock, RangeError when a time is not above zero
 */
export function withTimeouts<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: TimeoutOptions,
): ObjectStream<Out, In> {
  return new TimedStream(stream, options);
}

class TimedStream<Out extends {}, In extends {}> extends WrappedStream<Out, In> {
  readonly #clock: Clock;
  readonly #idleTimeoutMs: number | undefined;
  #movedAtMs: number;
  #cancelIdle: (() => void) | undefined;
  #cancelTotal: (() => void) | undefined;
  #endReceived = false;
  #expired: BrokenStreamError | undefined;

  constructor(stream: ObjectStream<Out, In>, options: TimeoutOptions) {
    super(stream);
    const clock = options.clock ?? stream.extra(streamClock);
    if (clock === undefined) {
      throw new TypeError("timeouts need a clock: the stream has none (attribute streamClock) and none was given");
    }
    for (const name of ["idleTimeoutMs", "totalTimeoutMs"] as const) {
      const value = options[name];
      if (value !== undefined && !(value > 0)) throw new RangeError(`${name} must be above zero, but is ${value}`);
    }
    this.#clock = clock;
    this.#idleTimeoutMs = options.idleTimeoutMs;
    this.#movedAtMs = clock.nowMs();
    const { idleTimeoutMs, totalTimeoutMs } = options;
    if (idleTimeoutMs !== undefined) this.#expectMove(idleTimeoutMs);
    if (totalTimeoutMs !== undefined) {
      this.#cancelTotal = clock.at(
        this.#movedAtMs + totalTimeoutMs,
        () => this.#expire(`the stream lasted longer than totalTimeoutMs (${totalTimeoutMs})`, "TOTAL_TIMEOUT"),
        "watch",
      );
    }
  }

  override send(item: Out, options?: SendOptions): Promise<void> {
    return super.send(item, options).then(this.#onMoved, this.#onError);
  }

  override receive(options?: WaitOptions): Promise<In | undefined> {
    return super.receive(options).then((item) => {
      this.#onReceived(item);
      return item;
    }, this.#onError);
  }

  override receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    return super.receiveWithMetadata(options).then((message) => {
      this.#onReceived(message);
      return message;
    }, this.#onError);
  }

  override abort(reason?: unknown): void {
    this.#stop();
    super.abort(reason);
  }

  override async sendEof(options?: WaitOptions): Promise<void> {
    await super.sendEof(options).catch(this.#onError);
    this.#onMoved();
    if (this.#endReceived) this.#stop();
  }

  protected override async closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    try {
      await super.closeGracefully(closeTimeoutMs);
    } finally {
      this.#stop();
    }
  }

  readonly #onMoved = (): void => {
    this.#movedAtMs = this.#clock.nowMs();
  };

  #onReceived(what: unknown): void {
    this.#onMoved();
    if (what !== undefined) return;
    this.#endReceived = true;
    if (this.eofSent) this.#stop();
  }

  /** One appointment at a time, kept late rather than moved with each item. */
  #expectMove(idleTimeoutMs: number): void {
    this.#cancelIdle = this.#clock.at(
      this.#movedAtMs + idleTimeoutMs,
      () => {
        if (this.#clock.nowMs() < this.#movedAtMs + idleTimeoutMs) this.#expectMove(idleTimeoutMs);
        else this.#expire(`nothing was sent or received for idleTimeoutMs (${this.#idleTimeoutMs})`, "IDLE_TIMEOUT");
      },
      "watch",
    );
  }

  #expire(message: string, code: string): void {
    this.#expired = new BrokenStreamError(message, { code });
    this.abort(this.#expired);
  }

  #stop(): void {
    this.#cancelIdle?.();
    this.#cancelTotal?.();
  }

  readonly #onError = (error: unknown): never => {
    // The stream below knows only that this side has aborted it.
    if (this.#expired !== undefined && error instanceof ClosedStreamError) throw this.#expired;
    if (error instanceof BrokenStreamError) this.#stop();
    throw error;
  };
}
