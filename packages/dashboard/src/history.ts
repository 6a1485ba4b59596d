/** The plots of the last hour: one point every five seconds, in memory that never grows. */
import { perSecond } from "@trunkline/base";
import type { RouterNumbers } from "./source.js";

/** The time between two points, in milliseconds. */
export const historyStepMs = 5_000;
/** The number of points that are kept: an hour. */
export const historyPoints = 720;

/** A watch may speak a little early, since times are cut to milliseconds and looks are shared. */
const slackMs = 250;

/** The columns of a point: the time in milliseconds since 1970, then rates in each second and present numbers. */
export const historyColumns = [
  "atUnixMs",
  "bytesToDialler",
  "bytesToListener",
  "liveStreams",
  "setups",
  "refusals",
  "resumptions",
  "eventLoopDelayMs",
  "residentBytes",
  "heapBytes",
] as const;

/** A point, in the order of `historyColumns`. */
export type HistoryPoint = readonly number[];

/** Makes points of a router's numbers, and keeps those of the last hour. */
export class History {
  readonly #values: Float64Array = new Float64Array(historyPoints * historyColumns.length);
  #count = 0;
  #before: { readonly numbers: RouterNumbers; readonly atUnixMs: number } | undefined;
  /** The longest delay since the last point: each look at the delay begins its measurement anew. */
  #longestDelayMs = 0;

  /** The number of points that were made since the beginning. */
  get taken(): number {
    return this.#count;
  }

  /** Returns the points that were made since `taken` was so large, the oldest first, at most those of an hour. */
  since(taken: number): HistoryPoint[] {
    const points: HistoryPoint[] = [];
    const width = historyColumns.length;
    for (let index = Math.max(taken, this.#count - historyPoints, 0); index < this.#count; index += 1) {
      const offset = (index % historyPoints) * width;
      points.push([...this.#values.subarray(offset, offset + width)]);
    }
    return points;
  }

  /** Takes the numbers of a moment, and makes a point of them where it is time for one. */
  take(numbers: RouterNumbers, atUnixMs: number): void {
    this.#longestDelayMs = Math.max(this.#longestDelayMs, numbers.eventLoopDelayMs);
    const before = this.#before;
    if (before === undefined) {
      this.#before = { numbers, atUnixMs };
      return;
    }
    const elapsedMs = atUnixMs - before.atUnixMs;
    // A clock that was set back begins a new step.
    if (elapsedMs < 0) this.#before = { numbers, atUnixMs };
    if (elapsedMs < historyStepMs - slackMs) return;
    const rate = (name: "bytesToDialler" | "bytesToListener" | "streamsOpened" | "refused" | "resumed"): number =>
      rounded(perSecond(before.numbers[name], numbers[name], elapsedMs));
    this.#values.set(
      [
        atUnixMs,
        rate("bytesToDialler"),
        rate("bytesToListener"),
        numbers.liveStreams,
        rate("streamsOpened"),
        rate("refused"),
        rate("resumed"),
        rounded(this.#longestDelayMs),
        numbers.residentBytes,
        numbers.heapBytes,
      ],
      (this.#count % historyPoints) * historyColumns.length,
    );
    this.#count += 1;
    this.#before = { numbers, atUnixMs };
    this.#longestDelayMs = 0;
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
