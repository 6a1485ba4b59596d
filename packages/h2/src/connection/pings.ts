/** Our PINGs that wait for their answers, and the round-trip time that they measure. */
import { readUint32 } from "../frame/header.js";
import type { Output } from "./output.js";

/** The number of unanswered PINGs that are remembered. The answers to more of them measure nothing. */
const maxOutstanding = 16;

export class Pings {
  readonly #output: Output;
  #sentAt: Map<number, number> | undefined = undefined;
  #nextId = 1;
  /** The shortest of the recent round trips in milliseconds; undefined before the first answer. */
  roundTripMs: number | undefined = undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;

  constructor(output: Output) {
    this.#output = output;
  }

  get outstanding(): number {
    return this.#sentAt?.size ?? 0;
  }

  /** The time when a measurement last came back, or when a PING for one went out. */
  get measuredAt(): number {
    return this.#measuredAt;
  }

  /** Sends a PING. `must` says that its answer has to be known, however many others are unanswered. */
  send(now: number, must = false): number {
    const pingId = this.#nextId;
    this.#nextId = (this.#nextId % 0xffffffff) + 1;
    if (must || this.outstanding < maxOutstanding) {
      this.#sentAt ??= new Map();
      this.#sentAt.set(pingId, now);
    }
    this.#measuredAt = now;
    this.#output.ping(pingId);
    return pingId;
  }

  /**
   * Returns the number of the answered PING and its round trip; undefined for an answer to no PING that is remembered.
   */
  answered(bytes: Uint8Array, start: number, now: number): { pingId: number; roundTripMs: number } | undefined {
    const pingId = readUint32(bytes, start + 4);
    const sentAt = readUint32(bytes, start) === 0 ? this.#sentAt?.get(pingId) : undefined;
    if (sentAt === undefined) return undefined;
    this.#sentAt?.delete(pingId);
    const roundTripMs = Math.max(0, now - sentAt);
    // A path that got longer shows within a few measurements; one slow answer of a busy peer hardly counts.
    const last = this.roundTripMs ?? roundTripMs;
    this.roundTripMs = roundTripMs < last ? roundTripMs : last + (roundTripMs - last) / 8;
    this.#measuredAt = now;
    return { pingId, roundTripMs };
  }
}
