/**
 * A stream of frames over a session: it does what the session says. It opens the calls, moves what they bring and what
 * is to be written, and keeps the times. The session decides, and knows neither calls nor clocks.
 */
import { type AbortSignalLike, Backoff, type Clock, callObserver, type Deferred, deferred } from "@trunkline/base";
import { type ClientCall, GrpcError, Status } from "@trunkline/grpc";
import {
  type AttributeKey,
  type Attributes,
  ClosedStreamError,
  type SendOptions,
  streamClock,
  type WaitOptions,
} from "@trunkline/streams";
import { BaseStream, BreakSignal, ReceiveQueue, SendQueue, sentAtOnce } from "@trunkline/streams/kit";
import { SharedTimer } from "../shared-timers.js";
import { type Frame, RouterFrameType } from "../stream/frame.js";
import type { ResolvedLiveness } from "../stream/liveness.js";
import { abortError } from "../stream/payloads.js";
import type { FrameCarrier } from "../stream/peer-features.js";
import { Appointments } from "./appointments.js";
import { attachmentEnd } from "./final.js";
import type { MemoryPool } from "./memory.js";
import type { ResolvedResumeOptions } from "./options.js";
import { PeerWatch } from "./peer-watch.js";
import { ReceiveWindow } from "./receive-window.js";
import { isRecord } from "./records.js";
import { type ResumptionEvent, ResumptionView, resumption } from "./resumption.js";
import { type AttachmentEnd, Session } from "./session.js";

/** A call that carries a session: messages go out as they are, and frames come in. */
export type SessionCall = ClientCall<Uint8Array, Frame>;

/** The way from one side of a session to a router, and to the exchange. */
export interface SessionWay {
  /**
   * Opens the call of an attempt. `again` is true until the other side was heard: the stream is offered to it again.
   * @throws GrpcError
   */
  open(attempt: number, again: boolean, signal: AbortSignalLike): Promise<SessionCall>;
  /** Tells the exchange that the session has ended here. @throws GrpcError */
  leave(status: number, message: string, signal: AbortSignalLike): Promise<void>;
  /** Renews the ticket. @throws GrpcError */
  renew(): Promise<void>;
}

export interface SessionStreamOptions extends ResolvedResumeOptions, ResolvedLiveness {
  /** The name of the session. */
  readonly session: string;
  readonly dialler: boolean;
  readonly way: SessionWay;
  /** The time for the other side to say hello for the first time. */
  readonly waitMs: number;
  readonly clock: Clock;
  /** The memory for all that waits for an acknowledgement, and for all that waits to be read. */
  readonly replayMemory: MemoryPool;
  readonly unreadMemory: MemoryPool;
  readonly onEvent: ((event: ResumptionEvent) => void) | undefined;
  /** Called once, when the session can be forgotten. */
  onOver(): void;
}

/** The delay of an acknowledgement, and of credit: some 20 a second cost nothing, and keep the replay buffer small. */
const ackDelayMs = 50;
/** The time for the other side's hello, once both halves are joined. */
const helloTimeoutMs = 5_000;
/** The time for one attempt to reach the router. */
const openTimeoutMs = 10_000;
/** The time for telling the other side of an abort. */
const leaveTimeoutMs = 5_000;
/** The time after which a lost attachment counts as a good one: the next attempt is made at once. */
const goodAttachmentMs = 1_000;
/** The time between two moves that a router asks for. */
const moveIntervalMs = 5_000;
/** Half the life of a ticket. */
const renewMs = 3.5 * 86_400_000;

const ignore = (): void => {};

/** The call of an attempt, with the state of its writing. */
interface CarryingCall {
  readonly attempt: number;
  readonly call: SessionCall;
  writing: boolean;
}

export class SessionStream extends BaseStream<Frame> implements FrameCarrier {
  readonly role = "session";
  readonly #session: Session;
  readonly #options: SessionStreamOptions;
  #attributes: Attributes | undefined;
  readonly #sends: SendQueue<Frame>;
  readonly #receives: ReceiveQueue<Frame> = new ReceiveQueue();
  /** The calls of the attempts that are of use, mostly one. An array, since each frame goes through it. */
  #calls: readonly CarryingCall[] = [];
  /** Settles when the other side has this side's end; made when that is waited for, as is the next one. */
  #endTaken: Deferred<void> | undefined;
  /** Settles when the other side has said hello for the first time. */
  #met: Deferred<void> | undefined;
  /** The error of a session that ended before the other side was heard. */
  #notMet: Error | undefined;
  readonly #backoff: Backoff = new Backoff({ initialMs: 50, maxMs: 2_000, multiplier: 2 });
  /** The signals of requests that are under way, which end with the session. Node's own cost several times as much. */
  readonly #requests: Set<BreakSignal> = new Set();
  readonly #times: Appointments<"ack" | "retry" | "deadline" | "leave" | "renew" | "hello">;
  readonly #watch: PeerWatch;
  /** The bytes that this session has taken of the shared replay memory. */
  #replayTaken = 0;
  /** The time at which the session was attached or lost last. */
  #changedAtMs: number;
  #attached = false;
  /** True after the loss of an attachment that was a good one: the next attempt is made without a wait. */
  #retriesAtOnce = false;
  /** True while the session moves because its router has asked for it. */
  #isMoving = false;
  #movedAtMs = Number.NEGATIVE_INFINITY;
  /** The time for which the session was detached, before the last change. */
  #detachedMs = 0;
  /** The attempt that carries the session, or did last. */
  #carriedBy: number | undefined;
  readonly #broken: BreakSignal = new BreakSignal();
  /** True once this side has aborted the stream. */
  #isAborted = false;
  #leaving = false;
  #concluded = false;
  #over = false;

  constructor(options: SessionStreamOptions) {
    super();
    const { session: name, dialler, maxReplayBytes, maxUnreadBytes, unreadMemory, clock, waitMs } = options;
    const { pingIntervalMs, pingTimeoutMs } = options;
    this.#options = options;
    const window = new ReceiveWindow({ maxBytes: maxUnreadBytes, reserve: (bytes) => unreadMemory.reserve(bytes) });
    this.#session = new Session({ name, dialler, maxReplayBytes, window });
    this.#sends = new SendQueue({
      hasRoom: () => this.#hasRoom(),
      accept: (frame) => this.#accept(frame),
      end: () => this.#whenEndTaken(),
    });
    this.#times = new Appointments(clock);
    this.#watch = new PeerWatch({
      pingIntervalMs,
      pingTimeoutMs,
      clock,
      session: this.#session,
      write: () => this.#pumpAll(),
      cut: (attempt, cause) => this.#giveUp(attempt, cause),
      fail: (error) => this.#fail(error),
    });
    this.#changedAtMs = clock.nowMs();
    this.#times.set("deadline", waitMs, (late) => this.#onDeadline(late));
    this.#times.set("renew", renewMs, () => this.#renew());
    this.#attempt();
  }

  // The stream of frames.

  get carriesMetadata(): boolean {
    return false;
  }

  /** The counts over what was sent and received, which are the proofs of both ends. */
  get proofs(): FrameCarrier["proofs"] {
    return { sent: this.#session.replay.sent.proof, received: this.#session.received.proof };
  }

  /** Waits until the other side has said hello for the first time. @throws GrpcError when the session ends before */
  joined(): Promise<void> {
    if (this.#notMet !== undefined) return Promise.reject(this.#notMet);
    if (this.#session.met) return Promise.resolve();
    this.#met ??= deferred(true);
    return this.#met.promise;
  }

  override get extraAttributes(): Attributes {
    this.#attributes ??= new Map<AttributeKey<unknown>, unknown>([
      [streamClock, this.#options.clock],
      [resumption, new ResumptionView(this.#session)],
    ]);
    return this.#attributes;
  }

  override extra<T>(key: AttributeKey<T>): T | undefined {
    // Each stream is asked for its clock when it ends: that alone needs no table.
    return key === (streamClock as AttributeKey<unknown>) ? (this.#options.clock as T) : super.extra(key);
  }

  /** Sends a record. Other frames belong to one call, and the session makes its own. */
  send(frame: Frame, options?: SendOptions): Promise<void> {
    return isRecord(frame.frameType) ? this.#sends.send(frame, options) : Promise.resolve();
  }

  receive(options?: WaitOptions): Promise<Frame | undefined> {
    const taken = this.#receives.take(options);
    // Otherwise nothing is read, so that nothing is due either.
    if (this.#session.unread.size > 0) {
      this.#deliver();
      this.#stepAfterRecord();
    }
    return taken;
  }

  protected endOutput(): Promise<void> {
    return this.#sends.end();
  }

  /** Waits until the other side has the end; not where it has, or where the session is over. */
  #whenEndTaken(): Promise<void> | undefined {
    if (this.#session.endAcknowledged || this.#over) return undefined;
    this.#endTaken = deferred(true);
    return this.#endTaken.promise;
  }

  protected async discardInput(): Promise<void> {
    const discarded = this.#receives.discard();
    this.#deliver();
    this.#step();
    await discarded;
  }

  override get brokenSignal(): BreakSignal {
    return this.#broken;
  }

  abort(reason?: unknown): void {
    this.#isAborted = true;
    this.#session.unread.clear();
    this.#fail(abortError(reason));
  }

  #fail(error: GrpcError): void {
    this.#session.abort(error);
    this.#update();
  }

  /** The time for which no call has carried the stream, in all. */
  get detachedMs(): number {
    return this.#detachedMs + (this.#attached ? 0 : this.#options.clock.nowMs() - this.#changedAtMs);
  }

  /** Tries at once: the exchange has offered the stream again, so the other side may be there. */
  nudge(): void {
    this.#times.cancel("retry");
    this.#update();
  }

  // Moving.

  #hasRoom(): boolean {
    const { replayMemory } = this.#options;
    if (!this.#session.hasRoom) return false;
    if (this.#session.replay.isEmpty || replayMemory.hasRoom) return true;
    replayMemory.onRoom(this.#flush);
    return false;
  }

  readonly #flush = (): void => this.#sends.flush();

  #accept(frame: Frame): void {
    this.#session.send(frame);
    this.#countReplay();
    this.#watch.sent();
    this.#pumpAll();
  }

  /** Brings what this session has taken of the shared memory up to date. */
  #countReplay(): void {
    const { replayMemory } = this.#options;
    const { bytes } = this.#session.replay;
    const more = bytes - this.#replayTaken;
    this.#replayTaken = bytes;
    if (more > 0) replayMemory.take(more);
    else if (more < 0) replayMemory.giveBack(-more);
  }

  /** Gives what has arrived to a reader that waits, and the end behind it. */
  #deliver(): void {
    const { unread } = this.#session;
    while (unread.size > 0 && this.#receives.hasWaitingReader) this.#receives.push(this.#session.read() as Frame);
    if (unread.size > 0) return;
    const { outcome } = this.#session;
    if (outcome?.error !== undefined) this.#receives.end(outcome.error);
    else if (outcome !== undefined || this.#session.isComplete) this.#receives.end();
  }

  /** Does what is due after a frame has come or gone. */
  #step(): void {
    const session = this.#session;
    if (this.#replayTaken !== session.replay.bytes) {
      this.#countReplay();
      this.#sends.flush();
    }
    if (session.endAcknowledged) this.#endTaken?.resolve();
    this.#pumpAll();
    this.#acknowledgeLater();
  }

  /** Does what is due after a record has come, or was read: nothing but the word of it. */
  #stepAfterRecord(): void {
    if (this.#session.isAckDue) this.#pumpAll();
    this.#acknowledgeLater();
  }

  #acknowledgeLater(): void {
    const session = this.#session;
    if (this.#times.has("ack") || !session.owesAck || !session.isAttached) return;
    this.#times.set("ack", ackDelayMs, () => {
      session.acknowledgeSoon();
      this.#pumpAll();
    });
  }

  #pumpAll(): void {
    for (const carrying of this.#calls) this.#pump(carrying);
  }

  /** Writes the messages of a call, as fast as the call takes them. */
  #pump(carrying: CarryingCall): void {
    const { attempt, call } = carrying;
    while (!carrying.writing) {
      const message = this.#session.write(attempt);
      if (message === undefined) return;
      const taken = message === "end" ? call.sendEof() : call.send(message);
      if (taken === sentAtOnce) continue;
      carrying.writing = true;
      const onTaken = (): void => {
        carrying.writing = false;
        this.#pump(carrying);
      };
      // Where the call fails, its reader learns why.
      taken.then(onTaken, ignore);
    }
  }

  // Attachments.

  /** Makes an attempt now. */
  #attempt(): void {
    const session = this.#session;
    const attempt = session.begin();
    const isFirst = !session.met;
    void this.#open(attempt, isFirst).then(
      (call) => {
        if (!session.has(attempt)) {
          call.cancel("the session needs this call no more");
          return;
        }
        this.#calls = [...this.#calls, { attempt, call, writing: false }];
        session.opened(attempt);
        this.#watchJoining(attempt, call);
        void this.#read(attempt, call);
        this.#step();
      },
      (error: Error) => this.#onClosed(attempt, attachmentEnd(error)),
    );
  }

  #open(attempt: number, again: boolean): Promise<SessionCall> {
    const { way, clock } = this.#options;
    const request = this.#request();
    const limit = new SharedTimer(clock, () =>
      request.fire(new GrpcError(Status.DEADLINE_EXCEEDED, `the router was not reached within ${openTimeoutMs} ms`)),
    );
    limit.set(openTimeoutMs);
    return way.open(attempt, again, request).finally(() => {
      limit.cancel();
      this.#requests.delete(request);
    });
  }

  /** Returns a signal that fires when the session is over. */
  #request(): BreakSignal {
    const request = new BreakSignal();
    this.#requests.add(request);
    return request;
  }

  /** Says hello when both halves are joined, and gives up where the other side says none. */
  #watchJoining(attempt: number, call: SessionCall): void {
    const session = this.#session;
    const onLate = (): void => {
      if (session.phaseOf(attempt) !== "greeting") return;
      const text = `the other side said no hello within ${helloTimeoutMs} ms`;
      this.#giveUp(attempt, new GrpcError(Status.UNAVAILABLE, text));
    };
    const onJoined = (): void => {
      session.joined(attempt);
      this.#step();
      // An older attempt that still waits is left once this one has heard the other side.
      if (session.phaseOf(attempt) === "greeting") this.#times.set("hello", helloTimeoutMs, onLate);
    };
    call.receiveInitialMetadata().then(onJoined, ignore);
  }

  /** Reads a call to its end, however slowly the reader of the stream is: what it may hold is bounded by credit. */
  async #read(attempt: number, call: SessionCall): Promise<void> {
    const session = this.#session;
    let end: AttachmentEnd = { kind: "ok" };
    try {
      for (let frame = await call.receive(); frame !== undefined; frame = await call.receive()) {
        this.#watch.heard();
        session.joined(attempt);
        const broken = session.frame(attempt, frame);
        if (broken !== undefined) {
          call.cancel(broken.message);
          this.#leaveCall(attempt);
          this.#update();
          return;
        }
        this.#deliver();
        if (changesAttachments(frame.frameType) || session.isComplete) this.#update();
        else if (isRecord(frame.frameType)) this.#stepAfterRecord();
        else this.#step();
      }
    } catch (error) {
      end = attachmentEnd(error as Error);
    }
    this.#onClosed(attempt, end);
  }

  /** Leaves a call that leads nowhere. */
  #giveUp(attempt: number, cause: GrpcError): void {
    this.#calls.find((carrying) => carrying.attempt === attempt)?.call.cancel(cause);
    this.#onClosed(attempt, { kind: "cut", cause });
  }

  #leaveCall(attempt: number): void {
    this.#calls = this.#calls.filter((carrying) => carrying.attempt !== attempt);
  }

  #onClosed(attempt: number, end: AttachmentEnd): void {
    this.#leaveCall(attempt);
    this.#session.closed(attempt, end);
    this.#update();
  }

  /** Does what is due after an attachment, or the session, has changed. */
  #update(): void {
    if (this.#over) return;
    const session = this.#session;
    this.#tellAttachment();
    for (const { attempt, call } of this.#calls) {
      if (session.has(attempt)) continue;
      this.#leaveCall(attempt);
      call.cancel("the session has left this call");
    }
    this.#step();
    this.#deliver();
    this.#conclude();
    if (session.isOver) this.#finish();
    else if (session.mustLeave) this.#leave();
    else if (session.wantsAttempt && !this.#times.has("retry")) this.#attemptIn(this.#retryDelayMs());
  }

  #tellAttachment(): void {
    const session = this.#session;
    const { clock, resumeTimeoutMs, onEvent } = this.#options;
    const { name, liveAttempt, isAttached, lastCause, outcome, isComplete } = session;
    const isGoing = outcome === undefined && !isComplete;
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - this.#changedAtMs;
    const wasAttached = this.#attached;
    if (session.met) this.#met?.resolve();
    if (isAttached !== wasAttached) {
      this.#attached = isAttached;
      this.#changedAtMs = nowMs;
    }
    if (liveAttempt !== undefined && liveAttempt !== this.#carriedBy) {
      this.#times.cancel("deadline");
      this.#times.cancel("hello");
      const attempts = liveAttempt - (this.#carriedBy ?? 0);
      const pausedMs = wasAttached ? 0 : sinceMs;
      if (!wasAttached) this.#detachedMs += sinceMs;
      if (this.#carriedBy !== undefined && isGoing)
        tell(onEvent, { kind: "resumed", session: name, attempts, pausedMs });
      this.#carriedBy = liveAttempt;
      this.#isMoving = false;
    } else if (wasAttached && !isAttached) {
      this.#retriesAtOnce = sinceMs >= goodAttachmentMs;
      if (this.#retriesAtOnce) this.#backoff.reset();
      this.#times.set("deadline", resumeTimeoutMs, (late) => this.#onDeadline(late));
      if (isGoing && lastCause !== undefined) tell(onEvent, { kind: "detached", session: name, cause: lastCause });
    }
  }

  /** The first attempt after a good attachment is made at once, each further one later than the one before. */
  #retryDelayMs(): number {
    const nowMs = this.#options.clock.nowMs();
    if (this.#session.moving && !this.#isMoving) {
      this.#isMoving = true;
      const waitMs = Math.max(0, this.#movedAtMs + moveIntervalMs - nowMs);
      this.#movedAtMs = nowMs + waitMs;
      return waitMs;
    }
    const isFirst = this.#retriesAtOnce;
    this.#retriesAtOnce = false;
    return isFirst ? 0 : this.#backoff.next();
  }

  #attemptIn(ms: number): void {
    const attempt = (): void => {
      if (this.#session.wantsAttempt) this.#attempt();
    };
    if (ms <= 0) attempt();
    else this.#times.set("retry", ms, attempt, true);
  }

  // Times.

  /** The time for the other side's hello is over. A process that was held up itself gets one more attempt. */
  #onDeadline(isLate: boolean): void {
    const session = this.#session;
    const { clock, resumeTimeoutMs, waitMs } = this.#options;
    if (session.isComplete) {
      this.forget();
      return;
    }
    if (isLate) {
      this.#times.set("deadline", openTimeoutMs, () => this.#onDeadline(false));
      this.nudge();
      return;
    }
    const { attempts, lastCause, met, replay } = session;
    const cause = lastCause === undefined ? "" : `; the last one: ${lastCause.message}`;
    const tries = `${attempts - (met ? (this.#carriedBy ?? 0) : 0)} attempts${cause}`;
    const pausedMs = Math.round(clock.nowMs() - this.#changedAtMs);
    const error = met
      ? new GrpcError(
          Status.UNAVAILABLE,
          `the stream was not resumed within resumeTimeoutMs (${resumeTimeoutMs}): detached for ${pausedMs} ms, ` +
            `${replay.bytes} bytes unacknowledged, ${tries}`,
          { cause: lastCause },
        )
      : new GrpcError(
          Status.DEADLINE_EXCEEDED,
          `the other side of the stream did not come in time (${waitMs} ms): ${tries}`,
          { cause: lastCause },
        );
    this.#fail(error);
  }

  #renew(): void {
    this.#options.way.renew().catch(ignore);
    this.#times.set("renew", renewMs, () => this.#renew());
  }

  // The end.

  /** Tells the user's side of the end, once. */
  #conclude(): void {
    const { outcome } = this.#session;
    const error = outcome?.error;
    if (error === undefined || this.#concluded) return;
    this.#concluded = true;
    this.#sends.fail(error);
    this.#endTaken?.reject(error);
    if (!this.#session.met) this.#notMet = error;
    this.#met?.reject(error);
    if (!this.#isAborted) this.#broken.fire(error);
    this.#countReplay();
    // The other side hears of it by this call, or is told by the exchange.
    this.#times.set("leave", leaveTimeoutMs, () => this.forget());
  }

  /** Tells the exchange that the session has ended here, since no call can tell the other side. */
  #leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    const { leaveReason } = this.#session;
    const { way } = this.#options;
    this.#times.set("leave", leaveTimeoutMs, () => this.forget());
    const left = way.leave(leaveReason?.status ?? Status.OK, leaveReason?.message ?? "", this.#request());
    const forget = (): void => this.forget();
    left.then(forget, forget);
  }

  /** Ends the session here, whatever the other side knows. */
  forget(): void {
    this.#session.forget();
    this.#finish();
  }

  /** Ends the session for good, within a short time: with the word that it is complete, or by an abort. */
  dismiss(error: GrpcError): void {
    const session = this.#session;
    if (session.isComplete && !session.isOver) this.#leave();
    else this.#fail(error);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#times.end();
    this.#watch.stop();
    for (const { call } of this.#calls) call.cancel("the session is over");
    this.#calls = [];
    if (this.#requests.size > 0) {
      const error = new ClosedStreamError("the session is over");
      for (const request of this.#requests) request.fire(error);
      this.#requests.clear();
    }
    const { replayMemory, unreadMemory, onOver } = this.#options;
    replayMemory.forget(this.#flush);
    this.#countReplay();
    unreadMemory.giveBack(this.#session.window.reserved);
    if (this.#session.outcome?.error === undefined) this.#endTaken?.resolve();
    this.#deliver();
    onOver();
  }
}

/** Returns true for a frame after which another call may be needed, or one less. */
function changesAttachments(frameType: number): boolean {
  return (
    frameType === RouterFrameType.SETTINGS ||
    frameType === RouterFrameType.RST_STREAM ||
    frameType === RouterFrameType.ALTSVC
  );
}

function tell(onEvent: SessionStreamOptions["onEvent"], event: ResumptionEvent): void {
  // An error of the callback must not end the stream.
  callObserver(() => onEvent?.(event));
}
