/**
 * A call at its server: the request as it comes, the handler as it runs, and the one end. A call can be over while its
 * handler still runs; its place in the connection is free only when both are. What it sends is its `OutgoingResponse`,
 * what it receives comes through its `Inbox`.
 */
import { reasonText } from "@trunkline/base";
import { ErrorCode, type HeaderField, type Http2Stream, type StreamReset } from "@trunkline/h2";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
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
import { type Explained, explainedBlock } from "../call/explained.js";
import { Inbox, type InboxOwner } from "../call/inbox.js";
import { Lifecycle, type LifecycleOwner } from "../call/lifecycle.js";
import type { MessageBudget } from "../call/message-budget.js";
import { callPeer, type Peer } from "../connection/peer.js";
import type { MessageOptions, ResponseOptions, StatusOptions } from "../contract/call.js";
import { asDeadline, Deadline } from "../contract/deadline.js";
import { type CallExplanation, explanation } from "../contract/explanation.js";
import type { AttemptChain } from "../hooks/attempts.js";
import { type HookChain, hooksOf } from "../hooks/chain.js";
import type { CallerContext } from "../hooks/context.js";
import { AttemptEvent, RequestEvent } from "../hooks/events.js";
import type { CallEnd } from "../hooks/interceptor.js";
import type { Method } from "../service/method.js";
import { asError, CallUsageError, GrpcError } from "../wire/errors.js";
import { metadataOf, type RequestHeaders, readPreviousAttempts } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { endOf, errorForClient } from "./call-end.js";
import type { ServerCore } from "./core.js";
import type { HandledCall } from "./handler-runner.js";
import { type LostCall, tellLost } from "./lost-calls.js";
import type { ServedMethod } from "./method-table.js";
import { OutgoingResponse, type ResponseOwner, rejectedQuietly } from "./response.js";

/** The connection of a call. */
export interface ServerCallHost {
  readonly peer: Peer;
  readonly core: ServerCore;
  readonly peerMaxHeaderListSize: number;
  /** Returns the error of all calls that end with the connection. */
  lossOf(reset: StreamReset): GrpcError;
}

export class ServerCallStream implements HandledCall, LostCall, ResponseOwner, InboxOwner<{}>, LifecycleOwner {
  readonly #host: ServerCallHost;
  readonly #stream: Http2Stream;
  readonly #served: ServedMethod;
  readonly requestHeaders: RequestHeaders;
  readonly #fields: readonly HeaderField[];
  readonly #inbox: Inbox<{}>;
  readonly #response: OutgoingResponse;
  readonly #life: Lifecycle;
  /** The call's own context: what its handler or a hook changes of it reaches no other call. */
  readonly #context: CallerContext;
  hooks: HookChain | undefined = undefined;
  attempt: AttemptChain | undefined = undefined;
  #metadata: Metadata | undefined = undefined;
  #abortController: AbortController | undefined = undefined;
  #handlerRuns = false;
  /** True once the interceptors have let the call through. */
  #admitted = false;
  #requestEnded = false;
  /**
   * The step that waits until there is room for the response: the decoding of the one request, the call of the handler,
   * or the encoding of its reply.
   */
  #awaitsRoom: { readonly reply: {} | null | undefined } | "request" | "handler" | undefined = undefined;
  /** Lets the decompression of the request ask again whether there is room. */
  #askAgain: (() => void) | undefined = undefined;
  /** The attributes that interceptors have provided. */
  #provided: Map<AttributeKey<unknown>, unknown> | undefined = undefined;

  constructor(
    host: ServerCallHost,
    stream: Http2Stream,
    served: ServedMethod,
    request: RequestHeaders,
    fields: readonly HeaderField[],
  ) {
    const { core } = host;
    this.#host = host;
    this.#context = core.context.fork();
    this.#stream = stream;
    this.#served = served;
    this.requestHeaders = request;
    this.#fields = fields;
    this.#inbox = new Inbox<{}>(this);
    if (request.encoding !== undefined) this.#inbox.encoding = core.compressions.ofEncoding(request.encoding);
    this.#response = new OutgoingResponse(this, core, stream);
    this.#life = new Lifecycle(this, core.clock, core.timers);
  }

  get role(): "server" {
    return "server";
  }

  get carriesMetadata(): false {
    return false;
  }

  get incomingName(): "request" {
    return "request";
  }

  get singleMessage(): boolean {
    return this.#served.method.singleRequest;
  }

  get maxIncomingBytes(): number {
    return this.#served.maxReceiveMessageBytes ?? this.#host.core.maxReceiveMessageBytes;
  }

  get messageBudget(): MessageBudget {
    return this.#host.core.messageBudget;
  }

  get method(): Method {
    return this.#served.method;
  }

  get path(): string {
    return this.#served.method.path;
  }

  get previousAttempts(): number {
    return readPreviousAttempts(this.#fields);
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#fields);
    return this.#metadata;
  }

  get trailingMetadata(): Metadata {
    return this.#response.trailingMetadata;
  }

  get deadline(): Deadline | undefined {
    return this.#life.deadline;
  }

  get peer(): Peer {
    return this.#host.peer;
  }

  get peerMaxHeaderListSize(): number {
    return this.#host.peerMaxHeaderListSize;
  }

  get userAgent(): string | undefined {
    return this.requestHeaders.userAgent;
  }

  get signal(): AbortSignal {
    if (this.#abortController === undefined) {
      this.#abortController = new AbortController();
      if (this.error !== undefined) this.#abortController.abort(this.error);
    }
    return this.#abortController.signal;
  }

  nowMs(): number {
    return this.#life.clock.nowMs();
  }

  explain(): CallExplanation {
    const [step, what, sinceMs] = this.#explained();
    const told = { path: this.path, peer: this.peer.address };
    return explanation(told, step, what, sinceMs === undefined ? undefined : this.nowMs() - sinceMs);
  }

  #explained(): Explained {
    if (this.ended && this.#handlerRuns) return ["program", "has ended, and its handler still works"];
    if (this.ended) return ["ended", "has ended"];
    const stream = this.#stream;
    const { openedAt } = stream;
    if (!this.#admitted) return ["interceptor", "waits for an interceptor", openedAt];
    const blocked = explainedBlock(stream, this.#response.outbox, "the client");
    if (blocked !== undefined) return blocked;
    const isWhole = this.#requestEnded;
    if (!this.#handlerRuns && !isWhole) return ["messages", "waits for the client's request", openedAt];
    if (this.#inbox.isWaiting && !isWhole) return ["messages", "waits for the client's next message or its end"];
    if (this.#inbox.hasUnread) return ["unread", "has messages of the client that its handler does not read"];
    return ["program", "waits for its handler", openedAt];
  }

  get extraAttributes(): Attributes {
    const attributes = new Map<AttributeKey<unknown>, unknown>(this.#provided);
    attributes.set(streamClock, this.#life.clock);
    attributes.set(callPeer, this.peer);
    return attributes;
  }

  extra<T>(key: AttributeKey<T>): T | undefined {
    return this.extraAttributes.get(key) as T | undefined;
  }

  get ended(): boolean {
    return this.#life.ended;
  }

  get error(): Error | undefined {
    return this.#life.error;
  }

  set onEnded(listener: (() => void) | undefined) {
    this.#life.onEnded = listener;
  }

  // The steps.

  send(message: {}, options?: MessageOptions): Promise<void> {
    return this.#response.outbox.send(message, options);
  }

  sendEof(options?: WaitOptions): Promise<void> {
    return this.#life.sendEof(options);
  }

  get eofSent(): boolean {
    return this.#life.eofSent;
  }

  receive(options?: WaitOptions): Promise<{} | undefined> {
    return this.#inbox.receive(options);
  }

  receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<{}> | undefined> {
    return this.receive(options).then(messageOf);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<{}, undefined> {
    return iterate(() => this.receive());
  }

  sendInitialMetadata(metadata?: MetadataInit, options?: ResponseOptions): Promise<void> {
    return this.#response.sendInitialMetadata(metadata, options);
  }

  sendTrailingMetadata(metadata?: MetadataInit, options: StatusOptions = {}): Promise<void> {
    if (this.error !== undefined) return rejectedQuietly(this.error);
    const refused = this.#response.giveStatus(metadata, options);
    return refused === undefined ? this.sendEof() : Promise.reject(refused);
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#life.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#life.eofSent || this.#life.closing) return this.close();
    this.abort(new Error("the stream was disposed of before its end was sent"));
  }

  endOutput(): Promise<void> {
    return this.#response.sendEnd();
  }

  discardInput(): Promise<void> {
    return this.#inbox.discard();
  }

  // Beginning.

  /** Starts the deadline, and the handler if it need not wait for the request. `ended`: the request has no message. */
  begin(ended: boolean): void {
    const { timeoutMs } = this.requestHeaders;
    const { interceptors } = this.#served;
    if (timeoutMs !== undefined) this.#watchDeadline(Deadline.after(timeoutMs, this.#life.clock));
    if (interceptors !== undefined)
      this.hooks = hooksOf(interceptors, this, this.#context, (error) => this.report(error));
    if (this.hooks?.has("onRequest") || this.hooks?.has("onAttempt")) this.#prepare(this.hooks);
    else this.#admit();
    if (ended) this.onData(nothing, true);
  }

  #watchDeadline(deadline: Deadline | undefined): void {
    this.#life.watchDeadline(deadline, this.#life.clock.nowMs());
  }

  /**
   * Lets interceptors see and change the request, which may take a while. Until they have, the call is not admitted,
   * and keeps its place.
   */
  #prepare(hooks: HookChain): void {
    const request = new RequestEvent(
      () => this.metadata,
      this.deadline,
      (key, value) => this.#provide(key, value),
    );
    const go = (): void => {
      if (request.changed !== undefined) this.#metadata = request.changed.freeze();
      if (!this.ended && request.deadline !== this.deadline) this.#watchDeadline(asDeadline(request.deadline));
      this.#admit();
    };
    this.#handlerRuns = true;
    try {
      if (hooks.has("onAttempt")) this.#beginAttempt(hooks);
      const waiting = hooks.request(request);
      if (waiting === undefined) go();
      else waiting.then(go).catch((error: unknown) => this.handlerFailed(error));
    } catch (error) {
      this.handlerFailed(error);
    }
  }

  #beginAttempt(hooks: HookChain): void {
    const attempt = new AttemptEvent(() => this.metadata, this.previousAttempts, false);
    this.attempt = hooks.attempt(attempt);
    this.#inbox.observe(this.attempt);
  }

  #provide<T>(key: AttributeKey<T>, value: T): void {
    this.#provided ??= new Map();
    this.#provided.set(key, value);
  }

  #admit(): void {
    this.#admitted = true;
    if (this.ended) this.handlerDone();
    else if (!this.#served.wantsRequest || (this.#requestEnded && this.#inbox.encoding === undefined))
      this.#runHandler();
    else this.#awaitRequest();
  }

  /**
   * Receives the one request, and calls the handler once it is there. Without room for the response it is not decoded:
   * requests whose handlers may not run yet take no more memory than flow control allows.
   */
  #awaitRequest(): void {
    this.#handlerRuns = false;
    if (!this.hasRoom) return;
    this.#awaitsRoom = undefined;
    this.#inbox.awaitEnd();
    if (!this.#requestEnded || this.ended) return;
    if (!this.#inbox.inflates) {
      this.#runHandler();
      return;
    }
    this.#inbox.whenDecoded(() => {
      if (!this.ended) this.#runHandler();
    });
  }

  get lane(): object {
    return this.#host;
  }

  get hasRoom(): boolean {
    if (!this.method.singleResponse || this.#stream.isWritable) return true;
    this.#awaitsRoom ??= "request";
    return false;
  }

  mustWait(): Promise<void> | undefined {
    if (!this.#served.wantsRequest || this.ended || this.hasRoom) return undefined;
    return new Promise((resolve) => {
      this.#askAgain = resolve;
    });
  }

  /** Calls the handler, but one with a single response only when there is room for that. */
  #runHandler(): void {
    if (this.method.singleResponse && !this.#stream.isWritable) {
      this.#handlerRuns = false;
      this.#awaitsRoom = "handler";
      return;
    }
    this.#handlerRuns = true;
    this.#context.run(runHandler, this);
  }

  /** Calls the handler, inside of what the hooks put around it. */
  runInHooks(): void {
    if (!this.hooks?.has("run")) {
      this.#served.run(this);
      return;
    }
    let running = false;
    try {
      this.hooks.run(() => {
        running = true;
        this.#served.run(this);
      });
    } catch (error) {
      if (running) this.hookFailed(error);
      else this.handlerFailed(error);
    }
  }

  hookFailed(thrown: unknown): GrpcError {
    const error = errorForClient(thrown);
    if (error !== thrown) this.report(thrown);
    this.fail(error, false);
    return error;
  }

  takeRequest(): {} {
    return this.#inbox.shift() as {};
  }

  // Receiving.

  acknowledge(bytes: number): void {
    this.#stream.acknowledge(bytes);
  }

  extendWindow(bytes: number): void {
    this.#stream.extendWindow(bytes);
  }

  get keepsViews(): boolean {
    return this.method.request.keepsViews !== false;
  }

  decode(bytes: Uint8Array): {} {
    const message = this.method.request.decode(bytes, this.#host.core.decodeLimits);
    if (this.hooks === undefined) return message;
    try {
      return this.hooks.requestMessage(message);
    } catch (error) {
      if (!(error instanceof GrpcError)) this.report(error);
      throw errorForClient(error);
    }
  }

  onInputEnd(): void {
    this.#inbox.checkComplete();
    if (this.method.singleRequest && this.#inbox.received === 0)
      throw new GrpcError(Status.UNIMPLEMENTED, "the request ended without its message");
    this.#inbox.end();
    this.#requestEnded = true;
    if (this.#admitted && this.#served.wantsRequest && !this.ended) this.#awaitRequest();
  }

  onBadInput(error: GrpcError): void {
    this.fail(error, false);
  }

  // The events of its stream.

  onData(data: Uint8Array, end: boolean): void {
    this.#inbox.onData(data, end);
  }

  /** Takes trailers of a request, of which gRPC has none, as its end. */
  onTrailers(): void {
    this.onData(nothing, true);
  }

  onBudgetExhausted(): void {
    this.#inbox.onBudgetExhausted();
  }

  onWritable(): void {
    const waiting = this.#awaitsRoom;
    this.#awaitsRoom = undefined;
    this.#askAgain?.();
    if (waiting === "request") this.#awaitRequest();
    else if (waiting === "handler") this.#runHandler();
    else if (waiting !== undefined) this.reply(waiting.reply);
    else this.#response.outbox.flush();
  }

  onReset(reset: StreamReset): void {
    if (reset.scope === "connection") tellLost(this, this.#host.lossOf(reset));
    else this.onLost(errorOfReset(reset, "the client"));
  }

  onLost(error: GrpcError): void {
    // What came before is delivered first: a peer that is gone takes nothing back.
    this.#inbox.end(error);
    if (this.ended) return;
    this.onEnd(error);
    this.#failed(error);
  }

  // Ending.

  onDeadline(): void {
    this.fail(new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline passed before the call had ended"), true);
  }

  abort(reason?: unknown): void {
    const closed = new ClosedStreamError(
      reason === undefined ? "the call was aborted" : `the call was aborted: ${reasonText(reason)}`,
    );
    this.#inbox.close(closed);
    if (this.ended) return;
    const told = reason instanceof GrpcError ? reason : new GrpcError(Status.CANCELLED, "the server aborted the call");
    this.#tellStatus(told, closed, true);
    this.#failed(closed);
  }

  /**
   * Ends the call with an error, whatever its handler is doing. `urgent`: ahead of messages that wait for the client to
   * read, if that has to be by a reset, which carries no status.
   */
  fail(error: GrpcError, urgent: boolean): void {
    if (this.ended) return;
    this.#tellStatus(error, error, urgent);
    if (urgent) this.#inbox.fail(error);
    else this.#inbox.end(error);
    this.#failed(error);
  }

  /** Ends the call with an error, and frees its place without waiting for its handler. */
  abandon(error: GrpcError): void {
    this.fail(error, true);
    this.#stream.release();
  }

  #tellStatus(told: GrpcError, error: Error, urgent: boolean): void {
    if (urgent && this.#stream.bufferedBytes > 0) {
      this.onEnd(error);
      this.#stream.reset(ErrorCode.CANCEL);
    } else {
      this.#response.sendFailure(told, error);
    }
  }

  #failed(error: Error): void {
    const waiting = this.#awaitsRoom;
    this.#awaitsRoom = undefined;
    this.#askAgain?.();
    // The handler of a reply that waits has ended already.
    if (typeof waiting === "object") this.#handlerRuns = false;
    this.#response.outbox.fail(() => error);
    if (this.#abortController !== undefined) this.#context.run(abort, this.#abortController, error);
    this.#releaseIfDone();
  }

  onEnd(error: Error | undefined): void {
    if (!this.#life.end(error)) return;
    this.attempt?.end(this.#end());
    this.#life.tellEnded();
  }

  // The steps of the handler's runner.

  reply(message: {} | null | undefined): void {
    if (!this.ended) {
      if (!this.#stream.isWritable) {
        this.#awaitsRoom = { reply: message };
        return;
      }
      try {
        if (message === undefined || message === null)
          throw new CallUsageError(`the handler of ${this.path} returned no response message`);
        this.#response.transmit(this.#response.outbox.frame(message));
        this.#response.transmitEnd();
      } catch (error) {
        this.handlerFailed(error);
        return;
      }
    }
    this.handlerDone();
  }

  async endOk(): Promise<void> {
    if (!this.ended && !this.#response.outbox.ended) await this.sendEof();
  }

  handlerFailed(error: unknown): void {
    // What the handler throws after the call was over is most likely only that.
    if (!this.ended) {
      if (!(error instanceof GrpcError)) this.report(error);
      this.fail(
        error instanceof GrpcError ? error : new GrpcError(Status.UNKNOWN, "the handler failed", { cause: error }),
        false,
      );
    }
    this.handlerDone();
  }

  handlerDone(): void {
    this.#handlerRuns = false;
    this.#releaseIfDone();
  }

  #releaseIfDone(): void {
    if (!this.ended || this.#handlerRuns) return;
    this.#stream.release();
    if (!this.hooks?.has("onEnd")) return;
    this.hooks.end(this.#end());
  }

  #end(): CallEnd {
    return endOf(this.#response.sentStatus, this.error, this.#inbox.received, this.#response.messages);
  }

  report(error: unknown): void {
    this.#host.core.report(asError(error), this);
  }
}

const nothing = new Uint8Array(0);

function abort(controller: AbortController, reason: Error): void {
  controller.abort(reason);
}

function runHandler(call: ServerCallStream): void {
  call.runInHooks();
}
