/**
 * The further attempts of one call by its policy (gRFC A6): a retry follows an attempt that has failed, a hedge runs
 * beside those that are under way. The first attempt is the call's own. This file must not know what an attempt sends.
 */
import type { Clock } from "@trunkline/streams";
import { Status } from "../wire/status.js";
import type { AttemptPolicy, RetryThrottle } from "./service-config.js";

/** The number of times that an attempt is sent again which the server has surely not begun to work on. */
export const maxResends = 2;

/** The end of an attempt that has failed, as policies see it. */
export interface AttemptFailure {
  readonly status: Status;
  /** The server's `grpc-retry-pushback-ms`. */
  readonly pushback?: string | undefined;
}

/** An attempt beside the call's own one. */
export interface SideAttempt {
  /** Asks for a stream. */
  begin(): void;
  /** Ends it, because another attempt has won or the call is over. */
  cancel(): void;
}

/** The call whose attempts these are. */
export interface AttemptsOwner {
  /** True while the call's own attempt is under way. */
  readonly attempting: boolean;
  /** The milliseconds within which a further attempt has to begin; undefined for any time. */
  readonly timeForAttemptsMs: number | undefined;
  /** Begins the call's own attempt again. */
  attemptAgain(): void;
  /** Makes an attempt beside the call's own. */
  attemptBeside(previousAttempts: number): SideAttempt;
}

export class Attempts {
  readonly #policy: AttemptPolicy;
  readonly #throttle: RetryThrottle | undefined;
  readonly #owner: AttemptsOwner;
  readonly #clock: Clock;
  /** The attempts beside the call's own one. */
  readonly #beside: Set<SideAttempt> = new Set();
  #longestWaitMs: number;
  /** The number of attempts that were begun. */
  #begun = 1;
  /** Cancels the wait for the next attempt. */
  #cancelNext: (() => void) | undefined = undefined;
  /** True once hedges may be sent: the request is whole. */
  #hedging = false;
  /** True once no further attempt is begun; those that are under way go on. */
  #exhausted = false;
  /** True once one attempt has won, or the call is over. */
  #over = false;
  /** The number of attempts that were begun before the one that the call goes on with. */
  previousAttempts = 0;

  constructor(policy: AttemptPolicy, throttle: RetryThrottle | undefined, owner: AttemptsOwner, clock: Clock) {
    this.#policy = policy;
    this.#throttle = throttle;
    this.#owner = owner;
    this.#clock = clock;
    this.#longestWaitMs = policy.backoff?.initialMs ?? 0;
  }

  /** True while the next attempt waits for its time, or another one than the call's own is under way. */
  get pending(): boolean {
    return this.#cancelNext !== undefined || this.#beside.size > 0;
  }

  /** Begins to hedge, where the policy says so. Called when the request is whole. */
  hedge(): void {
    if (this.#hedging) return;
    this.#hedging = true;
    this.#planHedge();
  }

  /**
   * Counts an attempt that has failed: `side`, or the call's own. Where the call goes on without it, `leave` is called
   * before the next attempt begins. @returns whether the call goes on
   */
  failed({ status, pushback }: AttemptFailure, side: SideAttempt | undefined, leave: () => void): boolean {
    if (this.#over || status === Status.OK) return false;
    const isRetryable = this.#policy.statuses.has(status);
    const says = pushback === undefined ? undefined : pushbackMs(pushback);
    const isAllowed = isRetryable || says === "never" ? (this.#throttle?.failed() ?? true) : true;
    if (!isRetryable) return false;
    if (says === "never" || !isAllowed) this.#stop();
    const waitMs = this.#nextWaitMs(says);
    if (waitMs === undefined && !this.#othersThan(side)) return false;
    if (side !== undefined) this.#beside.delete(side);
    leave();
    if (waitMs !== undefined) this.#plan(waitMs);
    return true;
  }

  /** Cancels all attempts but one, for good: `winner`, or the call's own. */
  commit(winner?: SideAttempt): void {
    if (this.#over) return;
    this.#over = true;
    this.#stop();
    for (const each of this.#beside) if (each !== winner) each.cancel();
    this.#beside.clear();
  }

  /** The call has ended with OK. */
  succeeded(): void {
    this.#throttle?.succeeded();
  }

  #othersThan(side: SideAttempt | undefined): boolean {
    if (this.#cancelNext !== undefined) return true;
    return side === undefined ? this.#beside.size > 0 : this.#owner.attempting || this.#beside.size > 1;
  }

  /** Begins no further attempt. */
  #stop(): void {
    this.#exhausted = true;
    this.#cancelNext?.();
    this.#cancelNext = undefined;
  }

  get #mayBegin(): boolean {
    return !this.#exhausted && this.#begun < this.#policy.maxAttempts;
  }

  /** Returns the wait before the next attempt after a failure; undefined where there is to be none. */
  #nextWaitMs(says: number | "never" | undefined): number | undefined {
    if (!this.#mayBegin || says === "never") return undefined;
    const waitMs = says ?? this.#backoffMs();
    // The waits begin anew after one that the server has chosen.
    if (says !== undefined) this.#longestWaitMs = this.#policy.backoff?.initialMs ?? 0;
    const leftMs = this.#owner.timeForAttemptsMs;
    return leftMs !== undefined && waitMs >= leftMs ? undefined : waitMs;
  }

  /** A hedge takes the place of one that has failed at once; retries wait. */
  #backoffMs(): number {
    const { backoff } = this.#policy;
    if (backoff === undefined) return 0;
    const waitMs = Math.random() * Math.min(this.#longestWaitMs, backoff.maxMs);
    this.#longestWaitMs = Math.min(backoff.maxMs, this.#longestWaitMs * backoff.multiplier);
    return waitMs;
  }

  #planHedge(): void {
    const { hedgingDelayMs } = this.#policy;
    if (this.#hedging && hedgingDelayMs !== undefined && this.#mayBegin) this.#plan(hedgingDelayMs);
  }

  #plan(waitMs: number): void {
    this.#cancelNext?.();
    this.#cancelNext = undefined;
    if (waitMs === 0) {
      this.#begin();
      return;
    }
    const begin = (): void => {
      this.#cancelNext = undefined;
      this.#begin();
    };
    this.#cancelNext = this.#clock.at(this.#clock.nowMs() + waitMs, begin, "work");
  }

  #begin(): void {
    const { attempting } = this.#owner;
    // An attempt after a failure was allowed when that was counted.
    if ((attempting || this.#beside.size > 0) && this.#throttle?.allows === false) {
      this.#stop();
      return;
    }
    const previousAttempts = this.#begun;
    this.#begun += 1;
    if (attempting) {
      const side = this.#owner.attemptBeside(previousAttempts);
      this.#beside.add(side);
      side.begin();
    } else {
      this.previousAttempts = previousAttempts;
      this.#owner.attemptAgain();
    }
    this.#planHedge();
  }
}

/** A negative number, and text that is none, forbids a further attempt. */
function pushbackMs(text: string): number | "never" {
  return /^\d{1,10}$/.test(text) ? Math.min(Number(text), 2 ** 31 - 1) : "never";
}
