/**
 * A call at its client: its steps, from the start over waiting for a stream to its one end. Everything that can end it
 * comes to `#finish`. Its two directions are an `OutgoingRequest` and an `IncomingResponse`; its deadline, signals and
 * closing are its `Lifecycle`.
 */
import { abortable, reasonText } from "@trunkline/base";
import { ErrorCode, type HeaderField, type Http2Stream, type StreamReset } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import {
  type AttributeKey,
  type Attributes,
  ClosedStreamError,
  type CloseOptions,
  type ReceivedMessage,
  streamClock,
  type WaitOptions,
} from "@trunkline/streams";
import { iterate, messageOf } from "@trunkline/streams/kit";
import { keepStack, rejectionAtCaller, throwTraced, traceHere } from "../call/caller-stack.js";
import { abortedBy, cancelled } from "../call/cancellation.js";
import { type Explained, explainedBlock } from "../call/explained.js";
import { Lifecycle, type LifecycleOwner } from "../call/lifecycle.js";
import type { CallOptions } from "../call/options.js";
import { callPeer, type Peer } from "../connection/peer.js";
import type { ClientCall, MessageOptions } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import { type CallExplanation, explanation } from "../contract/explanation.js";
import { callTarget } from "../contract/target.js";
import type { AttemptChain } from "../hooks/attempts.js";
import { type HookChain, hooksOf } from "../hooks/chain.js";
import { CallerContext } from "../hooks/context.js";
import { asError, GrpcError } from "../wire/errors.js";
import { readFailedAnswer } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { type AttemptFailure, Attempts, type AttemptsOwner, maxResends } from "./attempts.js";
import type { BoundMethod } from "./bound-method.js";
import { deadlineExceeded, endedWithOk, endOf, interceptorError, warn } from "./call-errors.js";
import type { WaitingCall } from "./call-queue.js";
import type { CallConnection } from "./connection.js";
import { Hedge, type HedgeOwner } from "./hedge.js";
import { Milestones } from "./milestones.js";
import { OutgoingRequest, type RequestOwner } from "./request.js";
import { IncomingResponse, type ResponseOwner } from "./response.js";

/** The time that an answer that is not gRPC's has for its text. A proxy sends its page at once. */
const otherTextTimeoutMs = 1_000;

export class ClientCallStream
  implements ClientCall<{}, {}>, WaitingCall, RequestOwner, ResponseOwner, LifecycleOwner, AttemptsOwner, HedgeOwner
{
  readonly #bound: BoundMethod;
  readonly #options: CallOptions;
  readonly #request: OutgoingRequest;
  readonly #response: IncomingResponse;
  readonly #life: Lifecycle;
  /** The stage that the call has reached. Whether it is over, `#life` knows. */
  #stage: "new" | "waiting" | "open" = "new";
  #startedAtMs = 0;
  /** The time from which the call waits for a stream. */
  #waitingSinceMs = 0;
  #connection: CallConnection | undefined = undefined;
  /** The stream that the call has while it is open. */
  #stream: Http2Stream | undefined = undefined;
  #resends = 0;
  /** The further attempts by the service config, where the method has a policy for them. */
  #attempts: Attempts | undefined = undefined;
  /** True once the service config is known by which the call goes. */
  #configured = false;
  /** True while the call's own attempt waits for a stream or has one; hedges may run beside it or without it. */
  attempting = false;
  #milestones: Milestones | undefined = undefined;
  /** Settles the promise of the one response message, in a short form. */
  #reply: ((message: {} | PromiseLike<{}>) => void) | undefined = undefined;
  /** Cancels the wait for the text of an answer that is not gRPC's. */
  #cancelOther: (() => void) | undefined = undefined;
  hooks: HookChain | undefined = undefined;
  attempt: AttemptChain | undefined = undefined;
  #intercepted = false;
  /** True while the call asks for a stream: one that it gets now has not been waited for. */
  #atOnce = false;
  /** True while an interceptor makes the call wait. */
  #preparing = false;
  /** The attributes that interceptors have provided. */
  #provided: Map<AttributeKey<unknown>, unknown> | undefined = undefined;

  /** @throws MetadataError, RangeError or TypeError for an option that cannot be used */
  constructor(bound: BoundMethod, options: CallOptions) {
    this.#bound = bound;
    this.#options = options;
    this.#request = new OutgoingRequest(this, bound, options);
    this.#response = new IncomingResponse(this, bound, options, this.#request.maxReceiveMessageBytes);
    this.#life = new Lifecycle(this, bound.channel.clock, bound.channel.timers);
    this.#configure();
  }

  get role(): "client" {
    return "client";
  }

  get carriesMetadata(): false {
    return false;
  }

  get path(): string {
    return this.#bound.method.path;
  }

  get requestMetadata(): Metadata {
    return this.#request.metadata;
  }

  get deadline(): Deadline | undefined {
    return this.#request.deadline;
  }

  get waitForReady(): boolean {
    return this.#request.waitForReady;
  }

  get previousAttempts(): number {
    return this.#attempts?.previousAttempts ?? 0;
  }

  get peer(): Peer | undefined {
    return this.#connection?.peer;
  }

  get initialMetadata(): Metadata | undefined {
    return this.#response.initialMetadata;
  }

  get trailingMetadata(): Metadata | undefined {
    return this.#response.trailingMetadata;
  }

  get extraAttributes(): Attributes {
    const { peer } = this;
    const attributes = new Map<AttributeKey<unknown>, unknown>(this.#provided);
    attributes.set(streamClock, this.#life.clock);
    attributes.set(callTarget, this.#bound.channel.targetUri);
    if (peer !== undefined) attributes.set(callPeer, peer);
    return attributes;
  }

  extra<T>(key: AttributeKey<T>): T | undefined {
    return this.extraAttributes.get(key) as T | undefined;
  }

  // The short forms of methods with one response.

  /** Sends the one request message; resolves with the one response message. */
  callUnary(request: {}): Promise<{}> {
    this.#intercept();
    try {
      this.#request.give(request);
    } catch (error) {
      this.#finish(asError(error), true);
      return Promise.reject(error);
    }
    return this.callForReply();
  }

  /** Waits for the one response message; the caller sends the requests. */
  callForReply(): Promise<{}> {
    // An interceptor has cancelled it already.
    if (this.#life.ended) return this.#settled({});
    const reply = new Promise<{}>((resolve) => {
      this.#reply = resolve;
    });
    this.#response.inbox.awaitEnd();
    this.begin();
    return reply;
  }

  // The steps.

  start(): Promise<void> {
    this.begin();
    if (this.#life.ended) return this.#settled(undefined);
    return this.#stage === "open" ? Promise.resolve() : this.#awaited.started();
  }

  send(message: {}, options?: MessageOptions): Promise<void> {
    return this.#request.outbox.send(message, options);
  }

  sendEof(options?: WaitOptions): Promise<void> {
    return this.#life.sendEof(options);
  }

  get eofSent(): boolean {
    return this.#life.eofSent;
  }

  receive(options?: WaitOptions): Promise<{} | undefined> {
    this.begin();
    if (this.#life.ended) this.#giveUpRest(abortedBy(this.#options.signal, this.#options.parent));
    return this.#response.inbox.receive(options);
  }

  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<{}> | undefined> {
    return this.receive(options).then(messageOf);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<{}, undefined> {
    return iterate(() => this.receive());
  }

  receiveInitialMetadata(options?: WaitOptions): Promise<Metadata> {
    this.begin();
    const { initialMetadata } = this;
    if (initialMetadata !== undefined) return Promise.resolve(initialMetadata);
    if (this.#life.ended) return this.#settled(Metadata.empty);
    return abortable(this.#awaited.headers(), options?.signal);
  }

  receiveTrailingMetadata(options?: WaitOptions): Promise<Metadata> {
    this.begin();
    // A message that was there already may be a bad one, which ends the call.
    if (!this.#life.ended && this.#bound.method.singleResponse) this.#response.inbox.awaitEnd();
    const given = (): Metadata => this.trailingMetadata ?? Metadata.empty;
    if (this.#life.ended) return this.#settled(given());
    return abortable(this.#awaited.end(), options?.signal).then(given, throwTraced);
  }

  /** Settles a step of a call that has ended, with the call's error or with `value`. */
  #settled<T>(value: T): Promise<T> {
    const { error } = this.#life;
    return error === undefined ? Promise.resolve(value) : Promise.reject(traceHere(error));
  }

  get #awaited(): Milestones {
    this.#milestones ??= new Milestones();
    return this.#milestones;
  }

  cancel(reason?: unknown): void {
    if (this.#life.ended) this.#giveUpRest(cancelled(reason));
    else this.cancelWith(cancelled(reason));
  }

  /** Fails what was not read of a call that the server has ended: for its reader, the call is not over. */
  #giveUpRest(error: GrpcError | undefined): void {
    if (error !== undefined) this.#response.inbox.fail(error);
  }

  abort(reason?: unknown): void {
    if (this.#life.ended) {
      this.#response.inbox.close(new ClosedStreamError("the call was aborted"));
      return;
    }
    const closed = new ClosedStreamError(
      reason === undefined ? "the call was aborted" : `the call was aborted: ${reasonText(reason)}`,
    );
    this.#response.inbox.close(closed);
    this.cancelWith(closed);
  }

  close(options?: CloseOptions): Promise<void> {
    // Before anything was sent, or without its one request message, a call has no graceful end.
    const unsent = this.#stage === "new" || (this.#bound.method.singleRequest && !this.#request.complete);
    return this.#life.close(options, unsent ? () => this.abort("the call was closed") : undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#life.ended) return;
    if (this.#life.closing) await this.close();
    else this.abort("the call was disposed of before its end");
  }

  // Beginning.

  /** Takes the further attempts of the service config, once that is known. Returns whether it has become known. */
  #configure(): boolean {
    const { policy, channel, method } = this.#bound;
    if (this.#configured || !channel.config.known) return false;
    this.#configured = true;
    const further = policy?.attempts;
    // A stream of requests is not kept, so that no second attempt could send it.
    const applies = further?.hedgingDelayMs === undefined || method.singleRequest;
    if (further !== undefined && applies)
      this.#attempts = new Attempts(further, channel.config.current?.throttle, this, channel.clock);
    return true;
  }

  /** Takes a service config that has come after the call began. */
  onServiceConfig(): void {
    if (this.#life.ended || !this.#configure()) return;
    const before = this.deadline;
    this.#request.limitTime(this.#startedAtMs, this.#life.clock);
    if (this.deadline !== before && !this.#life.watchDeadline(this.deadline, this.#life.clock.nowMs())) {
      this.onDeadline();
      return;
    }
    if (this.attempting && this.#request.complete) this.#attempts?.hedge();
  }

  begin(): void {
    if (this.#stage !== "new" || this.#life.ended) return;
    this.#stage = "waiting";
    this.#intercept();
    if (this.#life.ended) return;
    const { signal, parent } = this.#options;
    this.#life.watchSignals(signal, parent, (error) => this.cancelWith(error));
    if (this.#life.ended) return;
    this.#configure();
    this.#request.beginTime(this.#life.clock);
    if (this.deadline !== undefined || this.hooks !== undefined || !this.#configured) {
      this.#startedAtMs = this.#life.clock.nowMs();
      this.#watchDeadline(this.#startedAtMs);
      if (this.#life.ended) return;
    }
    if (this.hooks?.has("onRequest")) this.#prepare(this.hooks);
    else this.#attemptOnce(false);
  }

  #watchDeadline(nowMs: number): void {
    if (!this.#life.watchDeadline(this.deadline, nowMs))
      this.#finish(new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline had passed before the call began"), true);
  }

  #intercept(): void {
    if (this.#intercepted) return;
    this.#intercepted = true;
    const { interceptors } = this.#request;
    const { onInitialMetadata, onTrailingMetadata } = this.#options;
    if (interceptors.length === 0 && onInitialMetadata === undefined && onTrailingMetadata === undefined) return;
    const context = new CallerContext();
    this.#response.listenerContext = context;
    if (interceptors.length > 0) this.hooks = hooksOf(interceptors, this, context, warn);
  }

  /** Lets interceptors see and change the request, which may take a while. What one of them throws ends the call. */
  #prepare(hooks: HookChain): void {
    const before = this.deadline;
    const go = (): void => this.#depart(before);
    try {
      const waiting = this.#request.through(hooks, (key, value) => this.#provide(key, value));
      this.#preparing = waiting !== undefined;
      if (waiting === undefined) go();
      else {
        this.#bound.channel.connections.prepare(this);
        waiting.then(go, (error: unknown) => this.cancelWith(interceptorError(error)));
      }
    } catch (error) {
      this.cancelWith(interceptorError(error));
    }
  }

  #provide<T>(key: AttributeKey<T>, value: T): void {
    this.#provided ??= new Map();
    this.#provided.set(key, value);
  }

  #depart(before: Deadline | undefined): void {
    this.#preparing = false;
    if (this.#life.ended) return;
    if (this.deadline !== before) this.#watchDeadline(this.#life.clock.nowMs());
    if (!this.#life.ended) this.#attemptOnce(false);
  }

  /** Asks the connections for a stream. Each time is an attempt, of which interceptors hear. */
  #attemptOnce(transparent: boolean): void {
    this.onServiceConfig();
    if (this.#life.ended) return;
    const { hooks } = this;
    if (hooks?.has("onAttempt")) {
      try {
        this.attempt = this.#request.beginAttempt(hooks, transparent);
        this.#response.observe(this.attempt);
      } catch (error) {
        this.cancelWith(interceptorError(error));
        return;
      }
    }
    this.attempting = true;
    this.#atOnce = true;
    this.#bound.channel.connections.start(this);
    this.#atOnce = false;
    if (this.#stage === "waiting") this.#waitingSinceMs = this.#life.clock.nowMs();
    if (this.#request.complete) this.#attempts?.hedge();
  }

  onRequestComplete(): void {
    if (this.attempting) this.#attempts?.hedge();
  }

  /** Tells the hooks of the present attempt that it is over. */
  #endAttempt(status: Status, message: string): void {
    const { attempt } = this;
    if (attempt === undefined) return;
    this.attempt = undefined;
    this.#response.observe(undefined);
    attempt.end({ status, message });
  }

  onOpened(connection: CallConnection, stream: Http2Stream): void {
    this.#stage = "open";
    this.#connection = connection;
    this.#stream = stream;
    this.#response.attach(stream);
    try {
      this.hooks?.connection(connection.peer);
      this.attempt?.stream(!this.#atOnce);
    } catch (error) {
      this.cancelWith(interceptorError(error));
      return;
    }
    const refused = this.#request.sendOn(stream, this.#life.remainingMs, connection.peerMaxHeaderListSize);
    if (refused === undefined) this.#milestones?.onStarted();
    else this.cancelWith(refused);
  }

  onRefused(error: GrpcError): void {
    if (!this.#goesOnAfter(error)) this.#finish(error, true);
  }

  // The events of its stream.

  onHeaders(fields: readonly HeaderField[], end: boolean): void {
    this.#connection?.onAnswer();
    if (this.#stream === undefined) return;
    if (end) {
      const failed = this.#attempts && readFailedAnswer(fields);
      if (failed !== undefined && this.#goesOnAfter(failed as AttemptFailure)) return;
      this.#onStatus(this.#response.takeTrailersOnly(fields));
      return;
    }
    this.#attempts?.commit();
    const error = this.#response.takeInitial(fields);
    if (this.#response.other !== undefined) {
      this.#awaitOther();
      return;
    }
    if (error !== undefined) {
      this.cancelWith(error);
      return;
    }
    if (this.#milestones !== undefined) this.#milestones.onHeaders(this.initialMetadata ?? Metadata.empty);
    this.#response.tellInitial();
  }

  /** Waits for the text of an answer that is not gRPC's, for a short time: it may never end. */
  #awaitOther(): void {
    const { clock } = this.#life;
    if (this.#response.other?.complete) this.#failWithOther();
    else this.#cancelOther = clock.at(clock.nowMs() + otherTextTimeoutMs, () => this.#failWithOther(), "work");
  }

  #failWithOther(): void {
    const { other } = this.#response;
    if (other !== undefined && !this.#life.ended) this.cancelWith(other.error(), true, false);
  }

  onData(data: Uint8Array, end: boolean): void {
    const { other } = this.#response;
    if (other === undefined) {
      this.#response.inbox.onData(data, end);
      return;
    }
    this.#stream?.acknowledge(data.length);
    if (other.push(data) || end) this.#failWithOther();
  }

  onTrailers(fields: readonly HeaderField[]): void {
    if (this.#response.other !== undefined) this.#failWithOther();
    else if (this.#stream !== undefined) this.#onStatus(this.#response.takeTrailers(fields));
  }

  // Further attempts.

  /**
   * Goes on after its own attempt has failed, where the policy and the state of the call allow that: nothing of the
   * attempt has reached a reader, and all that was sent is still here. Returns false where the call ends.
   */
  #goesOnAfter(failure: AttemptFailure): boolean {
    if (this.#attempts === undefined || this.#life.ended) return false;
    if (this.#response.begun || this.#response.other !== undefined || this.#request.committed) return false;
    return this.#attempts.failed(failure, undefined, () => this.#leaveAttempt(failure.status));
  }

  #leaveAttempt(status: Status): void {
    this.attempting = false;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#leaveStream(false);
    this.#endAttempt(status, "");
    this.#stage = "waiting";
    this.#bound.channel.connections.prepare(this);
  }

  get timeForAttemptsMs(): number | undefined {
    return this.#bound.channel.connections.state === "SHUTDOWN" ? 0 : this.#life.remainingMs;
  }

  attemptAgain(): void {
    this.#attemptOnce(false);
  }

  attemptBeside(previousAttempts: number): Hedge {
    return new Hedge(this, this.#bound.channel.connections, previousAttempts);
  }

  prepareHedge(hedge: Hedge, transparent: boolean): boolean {
    const { hooks } = this;
    if (!hooks?.has("onAttempt")) return true;
    try {
      this.#request.beginHedge(hooks, hedge, transparent);
      return true;
    } catch (error) {
      this.cancelWith(interceptorError(error));
      return false;
    }
  }

  openHedge(hedge: Hedge, connection: CallConnection, stream: Http2Stream, waited: boolean): void {
    try {
      this.hooks?.connection(connection.peer);
      hedge.chain?.stream(waited);
    } catch (error) {
      this.cancelWith(interceptorError(error));
      return;
    }
    const refused = this.#request.sendBeside(stream, hedge, this.#life.remainingMs, connection.peerMaxHeaderListSize);
    if (refused !== undefined) this.cancelWith(refused);
  }

  goesOnWithout(hedge: Hedge, failure: AttemptFailure): boolean {
    return this.#attempts?.failed(failure, hedge, () => hedge.leave(failure.status, false)) ?? false;
  }

  onHedgeLost(hedge: Hedge, error: GrpcError): void {
    const isLate = this.#isLate(error);
    if (!isLate && this.goesOnWithout(hedge, error)) return;
    this.#finish(isLate ? this.#deadlineExceeded() : error, true);
  }

  adopt(hedge: Hedge, connection: CallConnection, stream: Http2Stream): void {
    if (this.#attempts !== undefined) this.#attempts.previousAttempts = hedge.previousAttempts;
    this.#attempts?.commit(hedge);
    this.#stream?.reset(ErrorCode.CANCEL);
    if (this.#stream === undefined) this.#bound.channel.connections.forget(this);
    else this.#leaveStream();
    this.#endAttempt(Status.CANCELLED, "");
    this.attempting = true;
    this.#stage = "open";
    this.#connection = connection;
    this.#stream = stream;
    this.attempt = hedge.chain;
    this.#response.observe(hedge.chain);
    this.#response.attach(stream);
    this.#request.attach(stream);
    this.#milestones?.onStarted();
  }

  #onStatus(told: GrpcError | undefined): void {
    if (told === undefined) this.#attempts?.succeeded();
    this.#response.tellTrailing();
    this.#finish(this.#isLate(told) ? this.#deadlineExceeded() : told, false, told === undefined);
  }

  onReset(reset: StreamReset): void {
    if (this.#stream === undefined) return;
    const retriable = reset.unprocessed && !this.#request.committed && !this.#response.begun;
    if (retriable && this.#resends < maxResends) {
      this.#resends += 1;
      this.#leaveStream();
      this.#stage = "waiting";
      this.#endAttempt(Status.UNAVAILABLE, "");
      this.#attemptOnce(true);
      return;
    }
    const error = this.#response.other?.error() ?? errorOfReset(reset, "the server");
    if (!this.#isLate(error) && this.#goesOnAfter(error)) return;
    this.#finish(this.#isLate(error) ? this.#deadlineExceeded() : error, false, reset.unprocessed ? undefined : false);
  }

  onBudgetExhausted(): void {
    this.#response.inbox.onBudgetExhausted();
  }

  onWritable(): void {
    this.#request.outbox.flush();
  }

  // Ending.

  /** Returns true where the server has noticed the deadline first, and has cancelled the call. */
  #isLate(error: GrpcError | undefined): boolean {
    return error?.status === Status.CANCELLED && this.deadline?.expired === true;
  }

  onDeadline(): void {
    this.cancelWith(this.#deadlineExceeded(), true, false);
  }

  #deadlineExceeded(): GrpcError {
    return deadlineExceeded(this.#life.clock.nowMs() - this.#startedAtMs, this.#waitsFor);
  }

  explain(): CallExplanation {
    const [step, what, sinceMs] = this.#explained();
    const peer = this.#connection?.peer.address;
    const waitedMs = sinceMs === undefined ? undefined : this.#life.clock.nowMs() - sinceMs;
    return explanation({ path: this.path, peer }, step, what, waitedMs);
  }

  #explained(): Explained {
    if (this.#life.ended) return ["ended", "has ended"];
    if (this.#stage === "new") return ["not-begun", "has not begun: its program has taken no step"];
    if (this.#preparing) return ["interceptor", "waits for an interceptor"];
    if (!this.attempting && this.#attempts?.pending) return ["next-attempt", "waits for its next attempt"];
    const { connections } = this.#bound.channel;
    const stream = this.#stream;
    if (stream === undefined) {
      const step = connections.state === "READY" ? "stream" : "connection";
      return [step, `waits for ${connections.describeWait()}`, this.#waitingSinceMs];
    }
    const blocked = explainedBlock(stream, this.#request.outbox, "the server");
    if (blocked !== undefined) return blocked;
    const { inbox, begun } = this.#response;
    if (inbox.hasUnread) return ["unread", "has messages of the server that its program does not read"];
    if (!begun && (this.#request.whole || inbox.isWaiting)) {
      const open = this.#request.whole ? "" : ", and the request goes on";
      return ["answer", `waits for the server, which has not answered yet${open}`, stream.openedAt];
    }
    if (inbox.isWaiting || this.#milestones?.waits)
      return ["messages", "waits for the server's next message or its end"];
    return ["program", `waits for its program to ${this.#request.whole ? "read" : "send or to read"}`];
  }

  get #waitsFor(): string | undefined {
    if (this.#preparing) return "an interceptor";
    if (!this.attempting && this.#attempts?.pending) return "its next attempt";
    return this.#stage === "waiting" ? this.#bound.channel.connections.describeWait() : undefined;
  }

  endOutput(): Promise<void> {
    // The server has had enough and says that all is well: no end is needed any more.
    if (this.#life.ended && this.#life.error === undefined) return Promise.resolve();
    return this.#request.sendEnd();
  }

  discardInput(): Promise<void> {
    return this.#response.inbox.discard();
  }

  get ended(): boolean {
    return this.#life.ended;
  }

  /** Calls `listener` when the call ends; undefined takes the listener away. */
  set onEnded(listener: (() => void) | undefined) {
    this.#life.onEnded = listener;
  }

  /** Fails the call with what the source of its requests has thrown. Without effect after its end. */
  failBecauseOfRequests(error: unknown): void {
    this.cancelWith(asError(keepStack(error)));
  }

  /** `succeeded` false: it is the server's fault. */
  cancelWith(error: Error, dropUnread = true, succeeded?: boolean): void {
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#finish(error, dropUnread, succeeded);
  }

  /**
   * Ends the call, once. `dropUnread`: what has come and was not read is dropped. `succeeded`: the outcome at the
   * server, which outlier detection counts; undefined where the end says nothing of the server, whatever its status.
   */
  #finish(error: Error | undefined, dropUnread: boolean, succeeded?: boolean): void {
    if (!this.#life.end(error)) return;
    this.#cancelOther?.();
    this.#attempts?.commit();
    if (this.#stream !== undefined) this.#leaveStream(succeeded);
    else if (this.#stage === "waiting") this.#bound.channel.connections.forget(this);
    this.#endDirections(error, dropUnread);
    this.#milestones?.onEnd(error);
    this.#life.tellEnded();
    if (this.hooks === undefined) return;
    const end = endOf(error, this.#request.messages, this.#response.inbox.received);
    this.#endAttempt(end.status, end.message);
    if (this.hooks.has("onEnd")) this.hooks.end(end);
  }

  #endDirections(error: Error | undefined, dropUnread: boolean): void {
    this.#request.outbox.fail(error === undefined ? endedWithOk : () => error);
    const { inbox } = this.#response;
    const reply = this.#reply;
    if (reply === undefined) {
      if (error !== undefined && dropUnread) inbox.fail(error);
      else inbox.end(error);
      return;
    }
    if (error === undefined) reply(inbox.shift() ?? (inbox.receive() as Promise<{}>));
    else reply(rejectionAtCaller(error));
  }

  #leaveStream(succeeded?: boolean): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    this.#request.leaveStream();
    this.#response.attach(undefined);
    this.#connection?.finished(stream, succeeded);
  }
}
