/**
 * Notices that the other side of a session is silent, or acknowledges nothing. It reads always, however slow its
 * application is: so where nothing comes, and a PING is not answered, the call leads nowhere, and another one is tried;
 * and where a peer that answers acknowledges nothing all the same, it does not do its part, and the session ends.
 */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { SharedTimer } from "../shared-timers.js";
import type { ResolvedLiveness } from "../stream/liveness.js";
import type { Session } from "./session.js";

export interface PeerWatchOptions extends ResolvedLiveness {
  readonly clock: Clock;
  readonly session: Session;
  /** Writes the PING that the session was told to ask. */
  write(): void;
  /** Gives up the attachment of an attempt. */
  cut(attempt: number, cause: GrpcError): void;
  /** Ends the session. */
  fail(error: GrpcError): void;
}

/** The time without an acknowledgement after which the other side is asked whether it lives, and then given up. */
const lookMs = 10_000;
/** The time for which a peer that lives may acknowledge nothing. */
const maxUnacknowledgedMs = 60_000;

export class PeerWatch {
  readonly #options: PeerWatchOptions;
  /** The number of frames that have come. */
  #frames = 0;
  /** The number of frames that had come at the last look. */
  #framesSeen = 0;
  /** True once a PING was asked, until the looking begins anew. */
  #asked = false;
  #askedId = 0n;
  /** True where the looking began with something unacknowledged. */
  #isBusy = false;
  /** The number of acknowledged records when the looking began, and the time. */
  #acknowledged = 0;
  #sinceMs = 0;
  readonly #timer: SharedTimer;
  #stopped = false;

  constructor(options: PeerWatchOptions) {
    this.#options = options;
    this.#timer = new SharedTimer(options.clock, () => this.#look());
    this.#begin();
  }

  /** A frame has come. */
  heard(): void {
    this.#frames += 1;
  }

  /** A record was sent: until it is acknowledged, the looks follow each other more closely. */
  sent(): void {
    if (!this.#isBusy) this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer.cancel();
  }

  #begin(): void {
    const { session, clock, pingIntervalMs } = this.#options;
    this.#isBusy = !session.replay.isEmpty;
    this.#acknowledged = session.replay.acknowledged;
    this.#sinceMs = clock.nowMs();
    this.#framesSeen = this.#frames;
    this.#asked = false;
    this.#lookIn(this.#isBusy ? lookMs : pingIntervalMs);
  }

  #lookIn(ms: number): void {
    if (ms === Number.POSITIVE_INFINITY || this.#stopped) this.#timer.cancel();
    else this.#timer.set(ms);
  }

  #look(): void {
    const { liveAttempt } = this.#options.session;
    const isSilent = this.#framesSeen === this.#frames;
    if (liveAttempt === undefined) this.#begin();
    else if (this.#isBusy) this.#lookBusy(liveAttempt, isSilent);
    else if (!isSilent) this.#begin();
    else if (this.#asked) this.#cut(liveAttempt, this.#options.pingTimeoutMs);
    else this.#ask(this.#options.pingTimeoutMs);
  }

  #lookBusy(liveAttempt: number, isSilent: boolean): void {
    const { clock, session, fail } = this.#options;
    const { replay } = session;
    if (replay.isEmpty || replay.acknowledged !== this.#acknowledged) {
      this.#begin();
    } else if (clock.nowMs() - this.#sinceMs >= maxUnacknowledgedMs) {
      const waiting = `${replay.bytes} bytes wait`;
      const message = `the other side has acknowledged nothing for ${maxUnacknowledgedMs} ms, ${waiting}`;
      fail(new GrpcError(Status.UNAVAILABLE, message));
    } else if (isSilent && this.#asked) {
      this.#cut(liveAttempt, lookMs);
    } else {
      this.#ask(lookMs);
    }
  }

  #ask(answerMs: number): void {
    const { session, write } = this.#options;
    this.#framesSeen = this.#frames;
    this.#asked = true;
    this.#askedId += 1n;
    session.ask(this.#askedId);
    this.#lookIn(answerMs);
    write();
  }

  #cut(attempt: number, ms: number): void {
    this.#begin();
    const message = `nothing came for ${ms} ms, and a PING was not answered`;
    this.#options.cut(attempt, new GrpcError(Status.UNAVAILABLE, message));
  }
}
