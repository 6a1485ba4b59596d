/**
 * What may still come on streams that we reset: the peer had sent it before it saw our RST_STREAM (RFC 9113 §5.1, closed). It
 * is let pass, as much as the peer may have had on its way, and more is an error like any other.
 */
import type { GuardLimits } from "../options/guard-limits.js";

/** Informational responses, the response, trailers. */
const sectionsOnTheirWay = 4;

type LateFramesLimits = Required<Pick<GuardLimits, "maxLateStreams" | "lateFramesMs">>;

interface Allowance {
  bytes: number;
  sections: number;
  readonly until: number;
}

export class LateFrames {
  readonly #allowances: Map<number, Allowance> = new Map();
  /** Identifiers, oldest first, some of them forgotten already; what was passed is dropped in large steps. */
  readonly #order: number[] = [];
  #head = 0;
  readonly #maxStreams: number;
  readonly #rememberedMs: number;

  constructor({ maxLateStreams, lateFramesMs }: LateFramesLimits) {
    this.#maxStreams = maxLateStreams;
    this.#rememberedMs = lateFramesMs;
  }

  /** Streams remembered now. */
  get size(): number {
    return this.#allowances.size;
  }

  /** We reset the stream while the peer may have `window` bytes of it on the way. */
  expect(streamId: number, window: number, now: number): void {
    this.#forgetOld(now);
    this.#allowances.set(streamId, { bytes: window, sections: sectionsOnTheirWay, until: now + this.#rememberedMs });
    this.#order.push(streamId);
  }

  /** True for DATA that the peer may have sent before it saw our reset. */
  takeData(streamId: number, bytes: number, endStream: boolean): boolean {
    const allowance = this.#allowances.get(streamId);
    if (allowance === undefined || allowance.bytes < bytes) return false;
    allowance.bytes -= bytes;
    if (endStream) this.#allowances.delete(streamId);
    return true;
  }

  /** The same for a header section. */
  takeHeaders(streamId: number, endStream: boolean): boolean {
    const allowance = this.#allowances.get(streamId);
    if (allowance === undefined || allowance.sections === 0) return false;
    allowance.sections -= 1;
    if (endStream) this.#allowances.delete(streamId);
    return true;
  }

  /** The same for RST_STREAM, after which nothing may come. */
  takeReset(streamId: number): boolean {
    return this.#allowances.delete(streamId);
  }

  #forgetOld(now: number): void {
    while (this.#head < this.#order.length) {
      const oldest = this.#order[this.#head] as number;
      const allowance = this.#allowances.get(oldest);
      if (allowance !== undefined && allowance.until > now && this.#allowances.size < this.#maxStreams) break;
      this.#allowances.delete(oldest);
      this.#head += 1;
    }
    if (this.#head >= 1_024 && this.#head * 2 >= this.#order.length) {
      this.#order.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
