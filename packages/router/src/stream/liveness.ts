/**
 * Notices that the other side of a stream is gone although the connection to the router lives: a router in between may
 * answer for itself and forward nothing. It asks by PING, and concludes only where a peer that lives must have
 * answered. It knows neither frames nor calls.
 *
 * A peer reads a stream only as fast as its application does, so that a PING waits behind data that is not taken:
 * silence alone proves nothing. But a peer that has answered a PING goes on reading until the next DATA. So once an
 * answer has come and no DATA was sent since, a PING finds the way free, and a peer that does not answer it is gone.
 */
import { type Clock, durationMs, maxTimerMs, wholeNumber } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { SharedTimer } from "../shared-timers.js";

/** Options of the liveness check of one stream. */
export interface LivenessOptions {
  /**
   * The time without a frame from the other side after which it is sent a PING, if it knows that frame; `Infinity` for
   * never. Default 60,000 ms: the keepalive of the connections notices most losses sooner, and thousands of idle
   * streams stay cheap.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * The time for the answer before the stream breaks with UNAVAILABLE; one that can be resumed looks for another way.
   * Default 35,000 ms: longer than most networks stall.
   */
  readonly pingTimeoutMs?: number | undefined;
}

/** The names of the options. */
export const livenessOptionNames: { readonly [Name in keyof LivenessOptions]-?: true } = {
  pingIntervalMs: true,
  pingTimeoutMs: true,
};

export type ResolvedLiveness = { readonly [Name in keyof LivenessOptions]-?: number };

/** Returns both times, with their defaults. @throws RangeError for a time out of its range */
export function resolveLiveness(options: LivenessOptions): ResolvedLiveness {
  return {
    pingIntervalMs: durationMs("pingIntervalMs", options.pingIntervalMs ?? 60_000, 1),
    pingTimeoutMs: wholeNumber("pingTimeoutMs", options.pingTimeoutMs ?? 35_000, 1, maxTimerMs),
  };
}

/** A stream, as its liveness check sees it. */
export interface LivenessSubject {
  /** The number of frames received so far. */
  readonly framesReceived: number;
  /** The number of DATA frames sent so far. */
  readonly dataFramesSent: number;
  /** True while this side waits for a frame, and may send a PING that the other side understands. */
  readonly isAskable: boolean;
  /** True once the check has no more use. */
  readonly isOver: boolean;
  /** Sends a PING. */
  ask(id: bigint): void;
  /** Breaks the stream. */
  onGone(error: GrpcError): void;
}

/** The PING that has not been answered yet. */
interface Question {
  readonly id: bigint;
  readonly dataFramesSent: number;
  /** True if a peer that lives must answer: it is known to read, and nothing lies before the PING. */
  readonly isConclusive: boolean;
  /**
   * True after the first look past the time. A second one follows: after a stall of this process, timers come before
   * the bytes that waited.
   */
  isLate: boolean;
}

/** The second look comes after this part of the time for the answer. */
const secondLook = 0.1;

/** The liveness check of one stream. */
export class Liveness {
  readonly #subject: LivenessSubject;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  /** The timer of the next look; undefined before the first one. */
  #timer: SharedTimer | undefined;
  /** The number of frames received at the last look. */
  #framesReceived = 0;
  #question: Question | undefined;
  /**
   * The number of DATA frames that the other side had read when it answered last; undefined before its first answer.
   */
  #confirmedDataFrames: number | undefined;
  #lastId = 0n;

  /** @throws RangeError for a time out of its range */
  constructor(subject: LivenessSubject, options: LivenessOptions) {
    this.#subject = subject;
    const { pingIntervalMs, pingTimeoutMs } = resolveLiveness(options);
    this.#intervalMs = pingIntervalMs;
    this.#timeoutMs = pingTimeoutMs;
  }

  /** True once the looking has begun, or where it never will. */
  get hasStarted(): boolean {
    return this.#timer !== undefined || this.#intervalMs === Number.POSITIVE_INFINITY;
  }

  /** Begins to look, unless `hasStarted`. */
  start(clock: Clock): void {
    if (this.hasStarted) return;
    this.#timer = new SharedTimer(clock, () => this.#onDue());
    this.#lookIn(this.#intervalMs);
  }

  /** Ends the looking. */
  stop(): void {
    this.#timer?.cancel();
  }

  /** The answer to a PING has come. */
  onAnswer(id: bigint): void {
    if (this.#question?.id !== id) return;
    this.#confirmedDataFrames = this.#question.dataFramesSent;
    this.#question = undefined;
  }

  #onDue(): void {
    const subject = this.#subject;
    if (subject.isOver) return;
    const heard = subject.framesReceived !== this.#framesReceived;
    this.#framesReceived = subject.framesReceived;
    // Frames that this side does not read may wait for it: it cannot tell.
    const isSilent = !heard && subject.isAskable;
    if (isSilent && this.#question === undefined) {
      this.#ask();
    } else if (isSilent && this.#question?.isConclusive) {
      this.#onSilence(this.#question);
    } else {
      if (this.#question !== undefined) this.#question.isLate = false;
      this.#lookIn(this.#intervalMs);
    }
  }

  #ask(): void {
    const { dataFramesSent } = this.#subject;
    const isConclusive = this.#confirmedDataFrames === dataFramesSent;
    this.#lastId += 1n;
    this.#question = { id: this.#lastId, dataFramesSent, isConclusive, isLate: false };
    this.#lookIn(this.#timeoutMs);
    this.#subject.ask(this.#lastId);
  }

  #onSilence(question: Question): void {
    if (!question.isLate) {
      question.isLate = true;
      this.#lookIn(Math.ceil(this.#timeoutMs * secondLook));
      return;
    }
    this.#subject.onGone(
      new GrpcError(
        Status.UNAVAILABLE,
        `the other side of the stream has not answered a PING within pingTimeoutMs (${this.#timeoutMs})`,
      ),
    );
  }

  #lookIn(ms: number): void {
    this.#timer?.set(ms);
  }
}
