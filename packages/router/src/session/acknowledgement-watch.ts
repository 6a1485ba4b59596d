/**
 * Notices that the other side of a session acknowledges nothing. It reads always, however slow its application is: so
 * where nothing comes, and a PING is not answered, the call leads nowhere; and where a peer that answers acknowledges
 * nothing all the same, it does not do its part.
 */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { Session } from "./session.js";

export interface AcknowledgementWatchOptions {
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

export class AcknowledgementWatch {
  readonly #options: AcknowledgementWatchOptions;
  /** The number of frames that have come. */
  #frames = 0;
  /** The number of frames that had come at the last look; undefined before the first one. */
  #framesSeen: number | undefined;
  /** The number of acknowledged records when the looking began, or began anew. */
  #acknowledged = 0;
  #sinceMs = 0;
  #askedId = 0n;
  #cancel: (() => void) | undefined;

  constructor(options: AcknowledgementWatchOptions) {
    this.#options = options;
  }

  /** A frame has come. */
  heard(): void {
    this.#frames += 1;
  }

  /** Begins to look, for as long as something is unacknowledged, unless it has begun. */
  start(): void {
    if (this.#cancel === undefined) this.#begin();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #begin(): void {
    this.#acknowledged = this.#options.session.replay.acknowledged;
    this.#sinceMs = this.#options.clock.nowMs();
    this.#framesSeen = undefined;
    this.#lookLater();
  }

  #lookLater(): void {
    const { clock } = this.#options;
    this.#cancel = clock.at(clock.nowMs() + lookMs, () => this.#look(), "watch");
  }

  #look(): void {
    this.#cancel = undefined;
    const { clock, session, write, cut, fail } = this.#options;
    const { replay, liveAttempt } = session;
    if (replay.isEmpty) return;
    if (liveAttempt === undefined || replay.acknowledged !== this.#acknowledged) {
      this.#begin();
    } else if (clock.nowMs() - this.#sinceMs >= maxUnacknowledgedMs) {
      const { bytes } = replay;
      const message = `the other side has acknowledged nothing for ${maxUnacknowledgedMs} ms, ${bytes} bytes wait`;
      fail(new GrpcError(Status.UNAVAILABLE, message));
    } else if (this.#framesSeen === this.#frames) {
      this.#begin();
      cut(liveAttempt, new GrpcError(Status.UNAVAILABLE, `nothing came for ${lookMs} ms, and a PING was not answered`));
    } else {
      this.#framesSeen = this.#frames;
      this.#askedId += 1n;
      session.ask(this.#askedId);
      this.#lookLater();
      write();
    }
  }
}
