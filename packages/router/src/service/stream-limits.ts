/**
 * The limits of one stream that a policy sets: how fast its frames go each way, and how long it lives. They may change
 * while it lives.
 */
import { type Clock, TokenBucket } from "@trunkline/base";
import type { IdentityLimits } from "../policy/access.js";

export interface StreamLimitsOptions {
  readonly clock: Clock;
  /** The time at which the stream was dialled. */
  readonly startedAtMs: number;
  /** Called once, when the time of the stream is over. */
  onLate(): void;
}

/** The way of a frame: from the first peer to the second, or back. */
export type Direction = 0 | 1;

/** The part of a second whose bytes may go at once after a rest. */
const burstSeconds = 0.1;

export class StreamLimits {
  readonly #options: StreamLimitsOptions;
  #buckets: readonly [TokenBucket, TokenBucket] | undefined;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #cancelEnd: () => void = () => {};
  /** The functions that end the waits for the rate. */
  readonly #waits: Set<() => void> = new Set();
  #stopped = false;

  constructor(options: StreamLimitsOptions) {
    this.#options = options;
  }

  /** Sets the limits, which hold at once. */
  update({ maxBytesPerSecond, maxStreamSeconds }: IdentityLimits): void {
    if (this.#stopped) return;
    const { clock, startedAtMs, onLate } = this.#options;
    const nowMs = clock.nowMs();
    if (maxBytesPerSecond !== this.#bytesPerSecond) {
      this.#bytesPerSecond = maxBytesPerSecond;
      const bucket = (): TokenBucket => new TokenBucket(maxBytesPerSecond, maxBytesPerSecond * burstSeconds, nowMs);
      this.#buckets = maxBytesPerSecond === Number.POSITIVE_INFINITY ? undefined : [bucket(), bucket()];
      this.#endWaits();
    }
    this.#cancelEnd();
    if (maxStreamSeconds === Number.POSITIVE_INFINITY) return;
    this.#cancelEnd = clock.at(Math.max(startedAtMs + maxStreamSeconds * 1_000, nowMs), onLate, "watch");
  }

  /** Returns a promise that settles when a frame may go, or undefined if it may go now. It never rejects. */
  pace(direction: Direction, bytes: number): Promise<void> | undefined {
    const bucket = this.#buckets?.[direction];
    if (bucket === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const waitMs = bucket.waitMs(nowMs);
    bucket.take(bytes, nowMs);
    return waitMs > 0 && !this.#stopped ? this.#wait(nowMs + waitMs) : undefined;
  }

  /** Limits nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelEnd();
    this.#endWaits();
  }

  #wait(untilMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#waits.delete(done);
        resolve();
      };
      const cancel = this.#options.clock.at(untilMs, done, "watch");
      this.#waits.add(done);
    });
  }

  #endWaits(): void {
    for (const done of [...this.#waits]) done();
  }
}
