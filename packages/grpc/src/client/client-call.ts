/**
 * A call at its client: from being started, over waiting for a stream, to its one end. Everything that can end it comes to `#finish`.
 */

import { abortable, type Deferred, deferred, reasonText } from "@trunkline/base";
import { ErrorCode, type HeaderField, type Http2Stream, type StreamReset } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import {
  type AttributeKey,
  type Attributes,
  ClosedStreamError,
  streamClock,
  type WaitOptions,
} from "@trunkline/streams";
import { endStream, keepOpen } from "../call/call-stream.js";
import { keepStack, rejectionAtCaller, throwTraced, traceHere } from "../call/caller-stack.js";
import type { CallOptions } from "../call/options.js";
import { callPeer, type Peer } from "../connection/peer.js";
import type { ClientCall } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import { type HookChain, hooksOf } from "../hooks/chain.js";
import { asError, GrpcError } from "../wire/errors.js";
import { oversize, requestFields } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { Answer } from "./answer.js";
import type { BoundMethod } from "./bound-method.js";
import { cancelled, deadlineExceeded, endedWithOk, endOf, warn } from "./call-errors.js";
import { CallPlan } from "./call-plan.js";
import { abortedBy, watchSignals } from "./cancellation.js";
import type { ClientConnection } from "./client-connection.js";
import type { WaitingCall } from "./connection-manager.js";
import { interceptorError, throughConnection, throughInitialMetadata, throughStatus } from "./interception.js";
import { Milestones } from "./milestones.js";
import { RequestingCall } from "./requesting-call.js";

/** A call that the server has surely not begun to work on is sent again this often. */
const maxResends = 2;

export class ClientCallStream<Request extends {}, Response extends {}>
  extends RequestingCall<Request, Response>
  implements ClientCall<Request, Response>, WaitingCall
{
  readonly role = "client";
  readonly incomingName = "response";
  readonly #bound: BoundMethod;
  readonly #options: CallOptions;
  #startedAtMs = 0;
  #connection: ClientConnection | undefined = undefined;
  #resends = 0;
  readonly #answer: Answer;
  #milestones: Milestones | undefined = undefined;
  #reply: Deferred<Response> | undefined = undefined;
  #unwatch: (() => void) | undefined = undefined;
  #intercepted = false;
  /** An interceptor makes the call wait. */
  #preparing = false;
  #closing = false;

  /** @throws MetadataError, RangeError, TypeError for options that cannot be */
  constructor(bound: BoundMethod, options: CallOptions) {
    const { method, defaults } = bound;
    const plan = new CallPlan(defaults, options);
    super(method, plan);
    this.#bound = bound;
    this.#options = options;
    this.#answer = new Answer(bound.json);
  }

  get deadline(): Deadline | undefined {
    return this.plan.deadline;
  }

  get waitForReady(): boolean {
    return this.plan.waitForReady;
  }

  get peer(): Peer | undefined {
    return this.#connection?.peer;
  }

  get initialMetadata(): Metadata | undefined {
    return this.#answer.initialMetadata;
  }

  get trailingMetadata(): Metadata | undefined {
    return this.#answer.trailingMetadata;
  }

  override get extraAttributes(): Attributes {
    const { peer } = this;
    const attributes = new Map<AttributeKey<unknown>, unknown>(this.provided);
    attributes.set(streamClock, this.#bound.channel.clock);
    if (peer !== undefined) attributes.set(callPeer, peer);
    return attributes;
  }

  // The short forms of methods with one response.

  /** One message there, one back. */
  callUnary(request: Request): Promise<Response> {
    this.#intercept();
    try {
      this.request = this.frame(request);
      this.sentMessages = 1;
    } catch (error) {
      this.#finish(asError(error), true);
      return Promise.reject(error);
    }
    return this.callForReply();
  }

  /** Waits for the one response; who calls sends the requests. */
  callForReply(): Promise<Response> {
    // An interceptor has cancelled it already.
    if (this.phase === "ended") return this.#settled(undefined as never);
    const reply = deferred<Response>();
    this.#reply = reply;
    this.inbox.awaitEnd();
    this.begin();
    return reply.promise;
  }

  // The steps.

  start(): Promise<void> {
    this.begin();
    if (this.phase === "open") return Promise.resolve();
    if (this.phase === "ended") return this.#settled(undefined);
    return this.#awaited.started();
  }

  override receive(options?: WaitOptions): Promise<Response | undefined> {
    this.begin();
    if (this.phase === "ended") this.#giveUpRest(abortedBy(this.#options.signal, this.#options.parent));
    return super.receive(options);
  }

  receiveInitialMetadata(options?: WaitOptions): Promise<Metadata> {
    this.begin();
    const { initialMetadata } = this;
    if (initialMetadata !== undefined) return Promise.resolve(initialMetadata);
    if (this.phase === "ended") return this.#settled(Metadata.empty);
    return abortable(this.#awaited.headers(), options?.signal);
  }

  receiveTrailingMetadata(options?: WaitOptions): Promise<Metadata> {
    this.begin();
    // A message that was there already may be a bad one, which ends the call.
    if (this.phase !== "ended" && this.method.singleResponse) this.inbox.awaitEnd();
    const given = (): Metadata => this.trailingMetadata ?? Metadata.empty;
    if (this.phase === "ended") return this.#settled(given());
    return abortable(this.#awaited.end(), options?.signal).then(given, throwTraced);
  }

  /** Of a call that has ended: what it ended with, or `value`. */
  #settled<T>(value: T): Promise<T> {
    return this.error === undefined ? Promise.resolve(value) : Promise.reject(traceHere(this.error));
  }

  get #awaited(): Milestones {
    this.#milestones ??= new Milestones();
    return this.#milestones;
  }

  cancel(reason?: unknown): void {
    if (this.phase === "ended") this.#giveUpRest(cancelled(reason));
    else this.cancelWith(cancelled(reason));
  }

  /** The server has ended the call, but what it sent is not read to its end: for who reads, it is not over. */
  #giveUpRest(error: GrpcError | undefined): void {
    if (error !== undefined) this.inbox.fail(error);
  }

  abort(reason?: unknown): void {
    if (this.phase === "ended") {
      this.inbox.close(new ClosedStreamError("the call was aborted"));
      return;
    }
    const closed = new ClosedStreamError(
      reason === undefined ? "the call was aborted" : `the call was aborted: ${reasonText(reason)}`,
    );
    this.inbox.close(closed);
    this.cancelWith(closed);
  }

  protected override closeGracefully(closeTimeoutMs: number | undefined): Promise<void> {
    this.#closing = true;
    // Without its request message, or before anything was sent, there is no graceful end.
    const unsent = this.phase === "new" || (this.method.singleRequest && this.request === undefined);
    if (!unsent) return super.closeGracefully(closeTimeoutMs);
    this.abort("the call was closed");
    return Promise.resolve();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.phase === "ended") return;
    if (this.#closing) await this.close();
    else this.abort("the call was disposed of before its end");
  }

  // Beginning.

  protected begin(): void {
    if (this.phase !== "new") return;
    this.phase = "waiting";
    this.#intercept();
    if (this.phase !== "waiting") return;
    const { signal, parent } = this.#options;
    const { channel } = this.#bound;
    if (signal !== undefined || parent !== undefined) {
      this.#unwatch = watchSignals(signal, parent, (error) => this.cancelWith(error));
      if (this.phase !== "waiting") return;
    }
    this.plan.begin(channel.clock);
    if (this.plan.deadline !== undefined || this.hooks !== undefined) {
      this.#startedAtMs = channel.clock.nowMs();
      this.#watchDeadline(this.#startedAtMs);
      if (this.phase !== "waiting") return;
    }
    if (this.hooks?.has("onRequest")) this.#prepare(this.hooks);
    else channel.connections.start(this);
  }

  #watchDeadline(nowMs: number): void {
    const { deadline } = this.plan;
    const { clock, timers } = this.#bound.channel;
    if (this.heapIndex !== -1) timers.remove(this);
    if (deadline === undefined || deadline.atMs === Number.POSITIVE_INFINITY) return;
    const dueMs = deadline.atMsOn(clock, nowMs);
    if (dueMs <= nowMs)
      this.#finish(new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline had passed before the call began"), true);
    else timers.add(this, dueMs);
  }

  #intercept(): void {
    if (this.#intercepted) return;
    this.#intercepted = true;
    const { interceptors } = this.plan;
    if (interceptors.length > 0) this.hooks = hooksOf(interceptors, this as unknown as ClientCall<{}, {}>);
  }

  /** Lets interceptors see and change the request, which may take a while. What one throws ends the call. */
  #prepare(hooks: HookChain): void {
    const before = this.plan.deadline;
    const go = (): void => this.#depart(before);
    try {
      const waiting = this.plan.through(hooks, (key, value) => this.provide(key, value));
      this.#preparing = waiting !== undefined;
      if (waiting === undefined) go();
      else waiting.then(go, (error: unknown) => this.cancelWith(interceptorError(error)));
    } catch (error) {
      this.cancelWith(interceptorError(error));
    }
  }

  #depart(before: Deadline | undefined): void {
    this.#preparing = false;
    if (this.phase !== "waiting") return;
    if (this.plan.deadline !== before) this.#watchDeadline(this.#bound.channel.clock.nowMs());
    if (this.phase === "waiting") this.#bound.channel.connections.start(this);
  }

  onOpened(connection: ClientConnection, stream: Http2Stream): void {
    this.phase = "open";
    this.#connection = connection;
    this.stream = stream;
    const unwanted = throughConnection(this.hooks, connection.peer);
    if (unwanted !== undefined) {
      this.cancelWith(unwanted);
      return;
    }
    const remainingMs = this.heapIndex === -1 ? undefined : this.dueMs - this.#bound.channel.clock.nowMs();
    const { fields: metadata } = this.plan;
    const fields = requestFields(this.#bound.head, remainingMs, metadata, this.compression);
    const refused =
      metadata.length === 0 ? undefined : oversize("request headers", fields, connection.http2.peerMaxHeaderListSize);
    if (refused !== undefined) {
      this.cancelWith(refused);
      return;
    }
    stream.sendHeaders(fields, keepOpen);
    if (this.request !== undefined) stream.sendData(this.request, endStream);
    else if (this.endGiven) stream.sendData([], endStream);
    else this.flush();
    this.#milestones?.onStarted();
  }

  onRefused(error: GrpcError): void {
    this.#finish(error, true);
  }

  // Receiving.

  decode(bytes: Uint8Array): Response {
    const message = this.method.response.decode(bytes) as Response;
    if (this.hooks === undefined) return message;
    try {
      return this.hooks.responseMessage(message) as Response;
    } catch (error) {
      throw interceptorError(error);
    }
  }

  onHeaders(fields: readonly HeaderField[], end: boolean): void {
    if (this.#connection !== undefined) this.#connection.answered = true;
    if (this.phase !== "open") return;
    if (end) {
      this.#onStatus(this.#answer.readTrailersOnly(fields));
      return;
    }
    const error = this.#answer.readInitial(fields) ?? throughInitialMetadata(this.hooks, this.#answer);
    if (error !== undefined) {
      this.cancelWith(error);
      return;
    }
    this.inbox.encoding = this.#bound.defaults.compressions.ofEncoding(this.#answer.encoding);
    this.#milestones?.onHeaders(this.initialMetadata as Metadata);
    if (this.#options.onInitialMetadata !== undefined)
      this.#tell(this.#options.onInitialMetadata, this.initialMetadata);
  }

  onTrailers(fields: readonly HeaderField[]): void {
    if (this.phase === "open") this.#onStatus(this.#answer.readTrailers(fields));
  }

  /** The server has ended the call. */
  #onStatus(told: GrpcError | undefined): void {
    let error = throughStatus(this.hooks, this.#answer, told) ?? this.#incompleteAnswer();
    if (error?.status === Status.CANCELLED && this.deadline?.expired) error = this.#deadlineExceeded();
    if (this.#options.onTrailingMetadata !== undefined)
      this.#tell(this.#options.onTrailingMetadata, this.trailingMetadata);
    this.#finish(error, false);
  }

  /** What is missing of an answer with status OK. */
  #incompleteAnswer(): GrpcError | undefined {
    try {
      this.inbox.checkComplete();
    } catch (error) {
      return error as GrpcError;
    }
    if (!this.method.singleResponse || this.inbox.received > 0) return undefined;
    return new GrpcError(Status.UNIMPLEMENTED, "the server ended the call with OK but without its response message");
  }

  #tell(listener: (metadata: Metadata) => void, metadata: Metadata | undefined): void {
    if (metadata === undefined) return;
    try {
      listener(metadata);
    } catch (error) {
      this.cancelWith(asError(keepStack(error)));
    }
  }

  protected onIncomingEnd(): void {
    throw new GrpcError(Status.INTERNAL, "the server's answer ended without trailers, so without a status");
  }

  onBadInput(error: GrpcError): void {
    this.cancelWith(error, false);
  }

  onReset(reset: StreamReset): void {
    if (this.phase !== "open") return;
    if (reset.unprocessed && !this.committed && !this.#answer.begun && this.#resends < maxResends) {
      this.#resends += 1;
      this.#leaveStream();
      this.phase = "waiting";
      this.#bound.channel.connections.start(this);
      return;
    }
    const error = errorOfReset(reset, "the server");
    this.#finish(error.status === Status.CANCELLED && this.deadline?.expired ? this.#deadlineExceeded() : error, false);
  }

  // Ending.

  onDue(): void {
    this.cancelWith(this.#deadlineExceeded());
  }

  #deadlineExceeded(): GrpcError {
    const { clock } = this.#bound.channel;
    return deadlineExceeded(clock.nowMs() - this.#startedAtMs, this.#waitsFor);
  }

  get #waitsFor(): string | undefined {
    if (this.#preparing) return "an interceptor";
    return this.phase === "waiting" ? this.#bound.channel.connections.describeWait() : undefined;
  }

  /** Fails the call with what its requests came from. */
  failBecauseOfRequests(error: unknown): void {
    this.cancelWith(asError(keepStack(error)));
  }

  /** This side ends it. */
  protected cancelWith(error: Error, dropUnread = true): void {
    if (this.phase === "open") this.stream?.reset(ErrorCode.CANCEL);
    this.#finish(error, dropUnread);
  }

  /** The one end. `dropUnread`: what has come and was not read is of no use any more. */
  #finish(error: Error | undefined, dropUnread: boolean): void {
    if (this.phase === "ended") return;
    const { timers, connections } = this.#bound.channel;
    if (this.phase === "open") this.#leaveStream();
    else if (this.phase === "waiting") connections.forget(this);
    this.phase = "ended";
    this.error = error;
    if (this.heapIndex !== -1) timers.remove(this);
    this.#unwatch?.();
    this.#endHalves(error, dropUnread);
    this.#milestones?.onEnd(error);
    this.onEnded?.();
    if (this.hooks?.has("onEnd")) this.hooks.end(endOf(error, this.sentMessages, this.inbox.received), warn);
  }

  #endHalves(error: Error | undefined, dropUnread: boolean): void {
    this.failSending(error === undefined ? endedWithOk : () => error);
    const reply = this.#reply;
    if (reply === undefined) {
      if (error !== undefined && dropUnread) this.inbox.fail(error);
      else this.inbox.end(error);
      return;
    }
    if (error === undefined) reply.resolve(this.inbox.shift() as Response);
    else reply.resolve(rejectionAtCaller(error));
  }

  #leaveStream(): void {
    const { stream } = this;
    this.stream = undefined;
    if (stream !== undefined) this.#connection?.finished(stream);
  }

  /** For those who send from an iterable. */
  onEnded: (() => void) | undefined = undefined;
}
