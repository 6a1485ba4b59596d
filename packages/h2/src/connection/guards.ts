/**
 * Counts what a peer does for nothing against its allowances (`guard-limits.ts` has them, with their reasons); past one the
 * connection ends with ENHANCE_YOUR_CALM.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import type { Allowance, GuardLimits } from "../options/guard-limits.js";

/** A token bucket on the connection's own time. */
export class Budget {
  readonly #what: string;
  readonly #debugText: string | undefined;
  readonly #burst: number;
  readonly #perSecond: number;
  #spent = 0;
  #at = 0;

  /** `debugText`: what peers look for in the GOAWAY, where that is not the message. */
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

  trySpend(now: number): boolean {
    if (now > this.#at) {
      this.#spent = Math.max(0, this.#spent - ((now - this.#at) / 1_000) * this.#perSecond);
      this.#at = now;
    }
    if (this.#spent + 1 > this.#burst) return false;
    this.#spent += 1;
    return true;
  }

  clear(): void {
    this.#spent = 0;
  }
}

/** How many of the latest streams are looked at to tell an attack from a user who cancels. */
const resetSample = 1_000;
const uselessPerStream = 4;

export class Guards {
  readonly pings: Budget;
  readonly settings: Budget;
  readonly forcedResets: Budget;
  readonly #useless: Budget;
  readonly #earlyResets: Budget;
  readonly #earlyResetMs: number;
  readonly #ended: Uint8Array = new Uint8Array(resetSample);
  #endedCount = 0;
  #earlyInSample = 0;
  #trafficSeen = 0;
  #uselessFrames = 0;
  #windowUpdates = 0;

  constructor(limits: Required<GuardLimits>) {
    this.pings = new Budget("PING frames without traffic", limits.pings, "too_many_pings");
    this.settings = new Budget("SETTINGS frames without traffic", limits.settings);
    this.forcedResets = new Budget("streams reset for protocol errors", limits.forcedResets);
    this.#useless = new Budget("frames that carry nothing", limits.uselessFrames);
    this.#earlyResets = new Budget("streams reset right after they were opened", limits.earlyResets);
    this.#earlyResetMs = limits.earlyResetMs;
  }

  /** Forgives what traffic explains: `traffic` counts HEADERS and DATA sent and DATA received. */
  sawTraffic(traffic: number): void {
    if (traffic === this.#trafficSeen) return;
    this.#trafficSeen = traffic;
    this.pings.clear();
    this.settings.clear();
  }

  /** A stream of the peer is over, in whatever way; `early`: the peer reset it within `earlyResetMs` and before we had begun to answer. */
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

  /** Whether a reset `ageMs` after the opening counts as early. */
  isEarly(ageMs: number, answered: boolean): boolean {
    return !answered && ageMs < this.#earlyResetMs;
  }

  /**
   * A frame that carries nothing. Some on each stream are no attack: priority signals and extensions that we do not know, an
   * empty DATA, a reset that crosses the stream's end.
   */
  useless(streams: number, now: number): void {
    this.#uselessFrames += 1;
    if (this.#uselessFrames > uselessPerStream * streams) this.#useless.spend(now);
  }

  /** A peer has reason for 5 WINDOW_UPDATEs at the start, 2 a stream and 20 a frame that we sent (Envoy's rule). */
  windowUpdate(streams: number, framesSent: number, now: number): void {
    this.#windowUpdates += 1;
    if (this.#windowUpdates > 5 + 2 * (streams + 10 * framesSent)) this.#useless.spend(now);
  }
}
