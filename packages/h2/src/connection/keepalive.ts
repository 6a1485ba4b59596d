/**
 * Finds out by PINGs whether a silent peer is still there. Looked at when a deadline passes, never when bytes come: a
 * busy connection pays one assignment a chunk for it and moves no timer.
 */
import type { ResolvedLifetime } from "../options/lifetime.js";

type KeepaliveOptions = Pick<
  ResolvedLifetime,
  "keepaliveIntervalMs" | "keepaliveTimeoutMs" | "keepaliveWithoutStreams"
>;

/**
 * The delay at which a deadline that is noticed late says that this process slept or was busy, not that the peer is
 * gone.
 */
const oversleptMs = 1_000;

export class Keepalive {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #withoutStreams: boolean;
  #receivedAt = 0;
  /** The time of the last PING; `#waiting` says whether nothing has come since. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #waiting = false;
  /** The time to look next; undefined while there is no reason to. */
  #checkAt: number | undefined;

  constructor({ keepaliveIntervalMs, keepaliveTimeoutMs, keepaliveWithoutStreams }: KeepaliveOptions) {
    this.#intervalMs = keepaliveIntervalMs;
    this.#timeoutMs = keepaliveTimeoutMs;
    this.#withoutStreams = keepaliveWithoutStreams;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Takes note of octets from the peer, of whatever kind. */
  received(now: number): void {
    this.#receivedAt = now;
    this.#waiting = false;
  }

  /** Returns when `check` has to be called, for a connection with so many streams. */
  deadline(streams: number): number {
    if (this.#checkAt === undefined && (streams > 0 || this.#withoutStreams)) this.#checkAt = this.#dueAt;
    return this.#checkAt ?? Number.POSITIVE_INFINITY;
  }

  /** Returns what is to be done at `now`: send a PING, give the peer up, or nothing. */
  check(now: number, streams: number): "ask" | "giveUp" | undefined {
    const checkAt = this.deadline(streams);
    if (now < checkAt) return undefined;
    if (this.#waiting) {
      const lostAt = this.#askedAt + this.#timeoutMs;
      if (now < lostAt) this.#checkAt = lostAt;
      else if (now < checkAt + oversleptMs) return "giveUp";
      else this.#checkAt = now + this.#timeoutMs;
      return undefined;
    }
    if (streams === 0 && !this.#withoutStreams) this.#checkAt = undefined;
    else if (now < this.#dueAt) this.#checkAt = this.#dueAt;
    else {
      this.#askedAt = now;
      this.#waiting = true;
      this.#checkAt = now + Math.min(this.#timeoutMs, this.#intervalMs);
      return "ask";
    }
    return undefined;
  }

  get #dueAt(): number {
    return Math.max(this.#receivedAt, this.#askedAt) + this.#intervalMs;
  }
}
