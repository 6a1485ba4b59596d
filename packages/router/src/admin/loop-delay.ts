/** The delay of the event loop, which is measured only while someone looks: the measuring needs a timer. */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** The resolution, which the measured delay contains. */
const resolutionMs = 20;
const nanosecondsPerMs = 1e6;

export class LoopDelay {
  #histogram: IntervalHistogram | undefined;
  #users = 0;

  /** Begins to measure. The measuring ends once each user has called `release`. */
  acquire(): void {
    this.#users += 1;
    if (this.#histogram !== undefined) return;
    this.#histogram = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#histogram.enable();
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#histogram?.disable();
    this.#histogram = undefined;
  }

  /** Returns the longest delay since the last call, in milliseconds; 0 where none was measured. */
  takeMs(): number {
    const histogram = this.#histogram;
    if (histogram === undefined || histogram.count === 0) return 0;
    const delayMs = Math.max(0, histogram.max / nanosecondsPerMs - resolutionMs);
    histogram.reset();
    return Math.round(delayMs * 10) / 10;
  }
}
