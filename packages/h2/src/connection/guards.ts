/**
 * Counts what a peer does for nothing against its allowances (`options/limits.ts` has them, with their reasons). Past
 * one the connection ends with ENHANCE_YOUR_CALM.
 *
 * An allowance is given back by time and by work: what a peer does for nothing is explained by as much that it did not
 * do for nothing. No single frame clears a budget.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import type { Allowance, ResolvedLimits } from "../options/limits.js";

/** A token bucket on the connection's own time. */
export class Budget {
  readonly #what: string;
  readonly #debugText: string | undefined;
  readonly #burst: number;
  readonly #perSecond: number;
  #spent = 0;
  #at = 0;

  /** `debugText` is what peers look for in the GOAWAY, where that is not the message. */
  constructor(what: string, { burst, perSecond }: Allowance, debugText?: string) {
    this.#what = what;
    this.#debugText = debugText;
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** @throws H2Error ENHANCE_YOUR_CALM when the burst is used up. */
  spend(now: number): void {
    if (!this.trySpend(now)) {
      const message = `${this.#what}: more than ${this.#burst}, and ${this.#perSecond} a second`;
      throw connectionError(ErrorCode.ENHANCE_YOUR_CALM, message, this.#debugText);
    }
  }

  /** Returns false when the burst is used up. */
  trySpend(now: number): boolean {
    if (now > this.#at) {
      this.refill(((now - this.#at) / 1_000) * this.#perSecond);
      this.#at = now;
    }
    if (this.#spent + 1 > this.#burst) return false;
    this.#spent += 1;
    return true;
  }

  /** Gives back what time or work explains. */
  refill(count: number): void {
    this.#spent = Math.max(0, this.#spent - count);
  }
}

/** The number of the latest streams that are looked at to tell an attack from a user who cancels. */
const resetSample = 1_000;
const uselessFramesPerStream = 4;

export class Guards {
  readonly #pings: Budget;
  readonly #settings: Budget;
  readonly forcedResets: Budget;
  readonly #uselessFrameBudget: Budget;
  readonly #earlyResets: Budget;
  readonly #earlyResetMs: number;
  readonly #ended: Uint8Array = new Uint8Array(resetSample);
  #endedCount = 0;
  #earlyInSample = 0;
  #trafficSeen = 0;
  #workSeen = 0;
  #uselessFrames = 0;
  #windowUpdates = 0;

  constructor(limits: ResolvedLimits) {
    this.#pings = new Budget("PING frames without traffic", limits.pings, "too_many_pings");
    this.#settings = new Budget("SETTINGS frames without traffic", limits.settings);
    this.forcedResets = new Budget("streams reset for protocol errors", limits.forcedResets);
    this.#uselessFrameBudget = new Budget("frames that carry nothing", limits.uselessFrames);
    this.#earlyResets = new Budget("streams reset right after they were opened", limits.earlyResets);
    this.#earlyResetMs = limits.earlyResetMs;
  }

  /**
   * Counts a PING. `traffic` is the number of HEADERS and DATA sent and of DATA received so far: each of them explains
   * one PING, except while the answers are not read.
   */
  ping(traffic: number, answersRead: boolean, now: number): void {
    if (answersRead) this.#pings.refill(traffic - this.#trafficSeen);
    this.#trafficSeen = traffic;
    this.#pings.spend(now);
  }

  /**
   * Counts a SETTINGS frame. `work` is what the peer has done so far that explains as many: streams begun, and many
   * DATA frames.
   */
  settings(work: number, now: number): void {
    this.#settings.refill(work - this.#workSeen);
    this.#workSeen = work;
    this.#settings.spend(now);
  }

  /**
   * Counts a stream of the peer that is over and released. `early` says that the peer reset it before we had begun to
   * answer, and that it held its slot for less than `earlyResetMs`. A stream that holds its slot for longer needs no
   * other bound.
   * @throws H2Error ENHANCE_YOUR_CALM
   */
  streamEnded(early: boolean, now: number): void {
    const slot = this.#endedCount % resetSample;
    this.#earlyInSample += (early ? 1 : 0) - (this.#ended[slot] as number);
    this.#ended[slot] = early ? 1 : 0;
    this.#endedCount += 1;
    if (early && !this.#earlyResets.trySpend(now) && this.#earlyInSample * 2 > resetSample) {
      throw connectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `${this.#earlyInSample} of the last ${resetSample} streams were reset right after they were opened`,
      );
    }
  }

  /** Returns whether a stream that held its slot for so long has ended early. */
  isEarly(heldMs: number): boolean {
    return heldMs < this.#earlyResetMs;
  }

  /**
   * Counts a frame that carries nothing. Some on each stream are no attack: priority signals and extensions that we do
   * not know, an empty DATA, a reset that crosses the stream's end.
   */
  countUselessFrame(streams: number, now: number): void {
    this.#uselessFrames += 1;
    if (this.#uselessFrames > uselessFramesPerStream * streams) this.#uselessFrameBudget.spend(now);
  }

  /**
   * Counts a WINDOW_UPDATE: a peer has reason for 5 at the start, 2 a stream and 20 a frame that we sent (Envoy's
   * rule).
   */
  windowUpdate(streams: number, framesSent: number, now: number): void {
    this.#windowUpdates += 1;
    if (this.#windowUpdates > 5 + 2 * (streams + 10 * framesSent)) this.#uselessFrameBudget.spend(now);
  }
}
