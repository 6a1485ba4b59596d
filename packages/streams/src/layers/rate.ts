/**
 * The rate at which a count has grown lately: the mean over the last few samples, which neither jumps nor remembers the
 * start for ever.
 */
import { perSecond } from "@trunkline/base";

interface Sample {
  readonly atMs: number;
  readonly count: number;
}

/** The number of intervals between samples over which the mean is taken. */
export const rateIntervals = 10;

/** The rate of a count of which samples are taken. */
export class Rate {
  readonly #samples: Sample[];

  constructor(nowMs: number) {
    this.#samples = [{ atMs: nowMs, count: 0 }];
  }

  /** Takes a sample. */
  sample(nowMs: number, count: number): void {
    this.#samples.push({ atMs: nowMs, count });
    if (this.#samples.length > rateIntervals + 1) this.#samples.shift();
  }

  /** Returns the growth of the count a second, from the oldest sample that is kept to now. */
  perSecond(nowMs: number, count: number): number {
    const oldest = this.#samples[0] as Sample;
    return perSecond(oldest.count, count, nowMs - oldest.atMs);
  }
}
