/**
 * The sessions that a peer has left, so that the other one, which comes back, is told and does not wait for its whole
 * time. Time is an argument.
 */

/** The end of a session at one of its peers. */
export interface LeftSession {
  /** The gRPC status, 0 where both directions were complete. */
  readonly status: number;
  readonly message: string;
  readonly untilMs: number;
}

/** A peer looks for the other one for at most as long as `resumeTimeoutMs` allows by default, with some to spare. */
const keptMs = 150_000;
/** The number of sessions: with the longest messages 10 MB. */
const maxKept = 10_000;

export class LeftSessions {
  /** The sessions by name, the first one to be forgotten in front. */
  readonly #left: Map<string, LeftSession> = new Map();

  add(session: string, status: number, message: string, nowMs: number): void {
    this.#left.delete(session);
    this.#left.set(session, { status, message, untilMs: nowMs + keptMs });
    for (const [oldest, { untilMs }] of this.#left) {
      if (untilMs > nowMs && this.#left.size <= maxKept) break;
      this.#left.delete(oldest);
    }
  }

  find(session: string, nowMs: number): LeftSession | undefined {
    const left = this.#left.get(session);
    return left !== undefined && left.untilMs > nowMs ? left : undefined;
  }
}
