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
    for (const [streamId, { untilMs }] of streams) {
      if (untilMs > now && streams.size < this.#maxStreams) return;
      streams.delete(streamId);
    }
  }
}
