/**
 * Frames that may still come on streams that we reset: the peer had sent them before it saw our RST_STREAM (RFC 9113
 * §5.1, closed). As much is let pass as the peer may have had on its way; more is an error like any other.
 */
import type { ResolvedLimits } from "../options/limits.js";

/** Informational responses, the response, trailers. */
const sectionsOnTheirWay = 4;

interface Remembered {
  bytes: number;
  sections: number;
  readonly untilMs: number;
}

export class LateFrames {
  /** The streams that were reset, by identifier, the oldest reset first. */
  #streams: Map<number, Remembered> | undefined = undefined;
  /**
   * The iterator that finds the oldest. It goes on from call to call: a new one would step over the places of all
   * entries that were deleted since the map last made itself smaller, which are as many as it holds.
   */
  #byAge: Iterator<[number, Remembered]> | undefined = undefined;
  /** The entry that `#byAge` has given and that may still be remembered. */
  #oldest: [number, Remembered] | undefined = undefined;
  readonly #maxStreams: number;
  readonly #rememberedMs: number;

  constructor({ maxLateStreams, lateFramesMs }: Pick<ResolvedLimits, "maxLateStreams" | "lateFramesMs">) {
    this.#maxStreams = maxLateStreams;
    this.#rememberedMs = lateFramesMs;
  }

  /** The number of streams that are remembered now. */
  get size(): number {
    return this.#streams?.size ?? 0;
  }

  /** Remembers a stream that we reset while the peer may have `window` bytes of it on the way. */
  expect(streamId: number, window: number, now: number): void {
    this.#streams ??= new Map();
    this.#forgetOld(this.#streams, now);
    this.#streams.delete(streamId); // a stream that is given again is the youngest
    this.#streams.set(streamId, { bytes: window, sections: sectionsOnTheirWay, untilMs: now + this.#rememberedMs });
  }

  /** Returns true for DATA that the peer may have sent before it saw our reset. */
  takeData(streamId: number, bytes: number, endStream: boolean): boolean {
    const remembered = this.#streams?.get(streamId);
    if (remembered === undefined || remembered.bytes < bytes) return false;
    remembered.bytes -= bytes;
    if (endStream) this.#streams?.delete(streamId);
    return true;
  }

  /** Returns true for a header section that the peer may have sent before it saw our reset. */
  takeHeaders(streamId: number, endStream: boolean): boolean {
    const remembered = this.#streams?.get(streamId);
    if (remembered === undefined || remembered.sections === 0) return false;
    remembered.sections -= 1;
    if (endStream) this.#streams?.delete(streamId);
    return true;
  }

  /** Returns true for a RST_STREAM that crossed our own, after which nothing more may come. */
  takeReset(streamId: number): boolean {
    return this.#streams?.delete(streamId) ?? false;
  }

  #forgetOld(streams: Map<number, Remembered>, now: number): void {
    for (let oldest = this.#oldestOf(streams); oldest !== undefined; oldest = this.#oldestOf(streams)) {
      const [streamId, { untilMs }] = oldest;
      if (untilMs > now && streams.size < this.#maxStreams) return;
      streams.delete(streamId);
    }
  }

  /** Returns the oldest entry that is still remembered. */
  #oldestOf(streams: Map<number, Remembered>): [number, Remembered] | undefined {
    if (streams.size === 0) {
      // An iterator that has come to its end gives nothing that is added later.
      this.#byAge = undefined;
      this.#oldest = undefined;
      return undefined;
    }
    this.#byAge ??= streams.entries();
    while (this.#oldest === undefined || streams.get(this.#oldest[0]) !== this.#oldest[1])
      this.#oldest = this.#byAge.next().value as [number, Remembered];
    return this.#oldest;
  }
}
