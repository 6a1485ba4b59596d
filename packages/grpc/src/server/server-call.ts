/**
 * A call at its server: headers, messages and the one status that ends it. A call can be over while its handler still runs; its place
 * in the connection is free only when both are.
 */
import { type Connection, ErrorCode, type HeaderField, type StreamReset } from "@trunkline/h2";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, ClosedStreamError, reasonText, streamClock } from "@trunkline/streams";
import { CallStream, endStream, keepOpen } from "../call/call-stream.js";
import type { ResponseOptions, ServerCall, StatusOptions } from "../call.js";
import { accepts, type Compression, type CompressionOption } from "../compression.js";
import { Deadline } from "../deadline.js";
import { checkSendMessageBytes } from "../defaults.js";
import { asError, CallUsageError, GrpcError } from "../errors.js";
import { encodingField, metadataOf, oversize, type RequestHeaders, responseHead } from "../headers.js";
import { RequestEvent } from "../interceptors/events.js";
import { type HookChain, hooksOf } from "../interceptors/hook-chain.js";
import type { FramedMessage } from "../message.js";
import { callPeer, type Peer } from "../peer.js";
import { isStatus, Status } from "../status.js";
import { noDetails, packDetail } from "../status-details.js";
import { errorOfReset } from "../wire-status.js";
import type { ServedMethod } from "./dispatch.js";
import { endOf, errorForClient, throughInitialMetadata, throughStatus } from "./interception.js";
import type { ServerCore } from "./server-core.js";
import { okStatus, type StatusToSend, statusFields } from "./status-fields.js";

/** What a call needs of its connection. */
export interface ServerCallHost {
  readonly http2: Connection<ServerCallStream<{}, {}>>;
  readonly peer: Peer;
  readonly core: ServerCore;
  /** The call is over and its handler has ended. */
  finished(streamId: number): void;
}

export class ServerCallStream<Request extends {}, Response extends {}>
  extends CallStream<Response, Request>
  implements ServerCall<Request, Response>
{
  readonly role = "server";
  readonly incomingName = "request";
  protected readonly outgoingName = "response";
  readonly #host: ServerCallHost;
  readonly #served: ServedMethod;
  readonly #request: RequestHeaders;
  readonly #fields: readonly HeaderField[];
  #metadata: Metadata | undefined = undefined;
  #trailingMetadata: Metadata | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #abortController: AbortController | undefined = undefined;
  /** Response headers are with the engine. */
  #headersSent = false;
  #messagesSent = 0;
  /** The status that a pending `sendTrailingMetadata` will send. */
  #status: StatusToSend = okStatus;
  /** Trailers, or a reset, are with the engine. */
  #over = false;
  /** Why the call was over before its handler said so. */
  #failure: GrpcError | ClosedStreamError | undefined = undefined;
  #handlerRuns = false;
  /** Interceptors have let it through. */
  #admitted = false;
  #requestEnded = false;
  /** What was sent last of all; undefined where the call was reset. */
  #sentStatus: StatusToSend | undefined = undefined;
  /** For those who send from an iterable. */
  onEnded: (() => void) | undefined = undefined;

  constructor(host: ServerCallHost, streamId: number, served: ServedMethod, request: RequestHeaders, fields: readonly HeaderField[]) {
    const { core } = host;
    super(served.method, served.method.singleRequest, core.maxReceiveMessageBytes);
    if (request.encoding !== undefined) this.inbox.encoding = core.compressions.ofEncoding(request.encoding);
    this.#host = host;
    this.#served = served;
    this.#request = request;
    this.#fields = fields;
    this.http2 = host.http2 as unknown as typeof this.http2;
    this.streamId = streamId;
    if (core.compression !== undefined) this.compression = this.#ifAccepted(core.compression);
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#fields);
    return this.#metadata;
  }

  get trailingMetadata(): Metadata {
    this.#trailingMetadata ??= new Metadata();
    return this.#trailingMetadata;
  }

  get deadline(): Deadline | undefined {
    return this.#deadline;
  }

  get peer(): Peer {
    return this.#host.peer;
  }

  get userAgent(): string | undefined {
    return this.#request.userAgent;
  }

  get signal(): AbortSignal {
    if (this.#abortController === undefined) {
      this.#abortController = new AbortController();
      if (this.#failure !== undefined) this.#abortController.abort(this.#failure);
    }
    return this.#abortController.signal;
  }

  override get extraAttributes(): Attributes {
    const attributes = new Map<AttributeKey<unknown>, unknown>(this.provided);
    attributes.set(streamClock, this.#host.core.clock);
    attributes.set(callPeer, this.peer);
    return attributes;
  }

  // Beginning.

  /** Starts the deadline, and the handler if it need not wait for the request. */
  begin(ended: boolean): void {
    const { timeoutMs } = this.#request;
    const { interceptors } = this.#served;
    if (timeoutMs !== undefined) this.#watchDeadline(Deadline.after(timeoutMs, this.#host.core.clock));
    if (interceptors !== undefined) this.hooks = hooksOf(interceptors, this as unknown as ServerCall<{}, {}>);
    if (this.hooks?.has("onRequest")) this.#prepare(this.hooks);
    else this.#admit();
    if (ended) this.onData(nothing, true);
  }

  #watchDeadline(deadline: Deadline | undefined): void {
    const { clock, timers } = this.#host.core;
    if (this.heapIndex !== -1) timers.remove(this);
    this.#deadline = deadline;
    if (deadline !== undefined && deadline.atMs !== Number.POSITIVE_INFINITY)
      timers.add(this, deadline.clock === clock ? deadline.atMs : deadline.atMsOn(clock, clock.nowMs()));
  }

  /** Lets interceptors see and change the request, which may take a while. Until they have, the call is not admitted, and keeps its place. */
  #prepare(hooks: HookChain): void {
    const request = new RequestEvent(
      () => this.metadata,
      this.#deadline,
      (key, value) => this.provide(key, value),
    );
    const go = (): void => {
      if (request.changed !== undefined) this.#metadata = request.changed.freeze();
      if (!this.#over && request.deadline !== this.#deadline) this.#watchDeadline(request.deadline);
      this.#admit();
    };
    this.#handlerRuns = true;
    try {
      const waiting = hooks.request(request);
      if (waiting === undefined) go();
      else waiting.then(go).catch((error: unknown) => this.handlerFailed(error));
    } catch (error) {
      this.handlerFailed(error);
    }
  }

  #admit(): void {
    this.#admitted = true;
    if (this.#over) this.handlerDone();
    else if (!this.#served.wantsRequest || this.#requestEnded) this.#runHandler();
    else {
      // Until the request is there, no handler runs.
      this.#handlerRuns = false;
      this.inbox.awaitEnd();
    }
  }

  #runHandler(): void {
    this.#handlerRuns = true;
    const call = this as unknown as ServerCallStream<{}, {}>;
    if (!this.hooks?.has("run")) {
      this.#served.run(call);
      return;
    }
    let running = false;
    try {
      this.hooks.run(() => {
        running = true;
        this.#served.run(call);
      });
    } catch (error) {
      if (running) this.#hookFailed(error);
      else this.handlerFailed(error);
    }
  }

  /** Ends the call with what a hook threw. @returns what it ends with */
  #hookFailed(thrown: unknown): GrpcError {
    const error = errorForClient(thrown);
    if (error !== thrown) this.#report(thrown);
    this.fail(error, false);
    return error;
  }

  /** The one request message, which has come. */
  takeRequest(): Request {
    return this.inbox.shift() as Request;
  }

  // Sending.

  sendInitialMetadata(metadata?: MetadataInit, options?: ResponseOptions): Promise<void> {
    if (this.#failure !== undefined) return quietly(this.#failure);
    if (this.#headersSent || this.#over) {
      return Promise.reject(
        new CallUsageError(`initial metadata of ${this.path} can be sent once, before the first message, and not after the end`),
      );
    }
    let fields: readonly HeaderField[];
    try {
      fields = metadata === undefined ? [] : Metadata.from(metadata).toWire();
      if (options?.compression !== undefined) this.#compressWith(options.compression);
    } catch (error) {
      return Promise.reject(error);
    }
    const refused = oversize("response headers", fields, this.#host.http2.peerMaxHeaderListSize);
    if (refused !== undefined) return Promise.reject(refused);
    try {
      this.#sendHeaders(fields);
      return Promise.resolve();
    } catch (error) {
      return quietly(error as Error);
    }
  }

  #ifAccepted(compression: Compression): Compression | undefined {
    const { acceptEncoding, encoding } = this.#request;
    return accepts(acceptEncoding, encoding, compression) ? compression : undefined;
  }

  /** @throws TypeError, CallUsageError */
  #compressWith(option: CompressionOption): void {
    const wanted = this.#host.core.compressions.resolve(option);
    const compression = wanted === undefined ? undefined : this.#ifAccepted(wanted);
    if (this.hasCompressed && compression !== this.compression) {
      throw new CallUsageError(`a response message of ${this.path} that waits to be sent is compressed already`);
    }
    this.compression = compression;
  }

  /** @throws GrpcError of an interceptor, with which the call has ended */
  #sendHeaders(given: readonly HeaderField[]): void {
    const metadata = this.hooks?.has("onInitialMetadata") ? this.#initialThrough(this.hooks, given) : given;
    this.#headersSent = true;
    const plain = responseHead(this.#request.contentType);
    const head = this.compression === undefined ? plain : [...plain, encodingField(this.compression)];
    this.http2?.sendHeaders(this.streamId, metadata.length === 0 ? head : [...head, ...metadata], keepOpen);
  }

  #initialThrough(hooks: HookChain, given: readonly HeaderField[]): readonly HeaderField[] {
    try {
      const fields = throughInitialMetadata(hooks, Metadata.fromWire(given)).toWire();
      const refused = oversize("response headers", fields, this.#host.http2.peerMaxHeaderListSize);
      if (refused !== undefined) throw refused;
      return fields;
    } catch (error) {
      throw this.#hookFailed(error);
    }
  }

  sendTrailingMetadata(metadata?: MetadataInit, options: StatusOptions = {}): Promise<void> {
    const { status = Status.OK, message = "" } = options;
    let details = noDetails;
    if (this.#failure !== undefined) return quietly(this.#failure);
    if (this.#over || this.outbox.ended) return Promise.reject(new CallUsageError(`the status of ${this.path} was sent already`));
    if (!isStatus(status)) return Promise.reject(new RangeError(`a status is a whole number from 0 to 16, not ${String(status)}`));
    if (status === Status.OK && this.#lacksReply()) return Promise.reject(this.#missingReply());
    try {
      if (options.details !== undefined) details = options.details.map(packDetail);
      if (metadata !== undefined) this.#trailingMetadata = this.#withTrailing(Metadata.from(metadata));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#status = { status, message, details };
    return this.sendEof();
  }

  #lacksReply(): boolean {
    return this.method.singleResponse && this.#messagesSent === 0;
  }

  #missingReply(): CallUsageError {
    return new CallUsageError(`${this.path} has one response message, and it was not sent before the status OK`);
  }

  protected override endOutput(): Promise<void> {
    if (this.#status.status === Status.OK && this.#lacksReply() && this.#failure === undefined) return Promise.reject(this.#missingReply());
    return super.endOutput();
  }

  protected beforeSend(): CallUsageError | undefined {
    return this.method.singleResponse && this.#messagesSent > 0 && !this.#over ? this.#secondReply() : undefined;
  }

  #secondReply(): CallUsageError {
    return new CallUsageError(`${this.path} has one response message, and it was sent already`);
  }

  protected encode(message: Response): Uint8Array {
    const given = this.hooks === undefined ? message : this.#responseThrough(this.hooks, message);
    let body: Uint8Array;
    try {
      body = this.method.response.encode(given);
    } catch (cause) {
      this.#report(cause);
      throw new GrpcError(Status.INTERNAL, "response message could not be encoded", { cause });
    }
    checkSendMessageBytes("response", body, this.#host.core.maxSendMessageBytes);
    return body;
  }

  #responseThrough(hooks: HookChain, message: Response): {} {
    try {
      return hooks.responseMessage(message);
    } catch (error) {
      throw this.#hookFailed(error);
    }
  }

  protected transmit(framed: FramedMessage): void {
    if (this.method.singleResponse && this.#messagesSent > 0) throw this.#secondReply();
    if (!this.#headersSent) this.#sendHeaders([]);
    this.#messagesSent += 1;
    this.http2?.sendData(this.streamId, framed, keepOpen);
  }

  protected transmitEnd(): void {
    this.#sendStatus(this.#status, this.#trailingMetadata);
  }

  #sendStatus(given: StatusToSend, givenMetadata: Metadata | undefined): void {
    let [sent, metadata] = [given, givenMetadata];
    if (this.hooks !== undefined) [sent, metadata] = this.#statusThrough(this.hooks, sent, metadata);
    const trailers = statusFields(sent, metadata, this.#host.http2.peerMaxHeaderListSize);
    const fields = this.#headersSent ? trailers : [...responseHead(this.#request.contentType), ...trailers];
    this.#headersSent = true;
    this.#end();
    this.http2?.sendHeaders(this.streamId, fields, endStream);
  }

  #statusThrough(hooks: HookChain, given: StatusToSend, metadata: Metadata | undefined): readonly [StatusToSend, Metadata | undefined] {
    let sent: readonly [StatusToSend, Metadata | undefined] = [given, metadata];
    try {
      if (hooks.has("onStatus")) sent = throughStatus(hooks, given, metadata);
    } catch (error) {
      const told = errorForClient(error);
      if (told !== error) this.#report(error);
      sent = [told, told.metadata];
    }
    this.#sentStatus = sent[0];
    return sent;
  }

  // Receiving.

  decode(bytes: Uint8Array): Request {
    const message = this.method.request.decode(bytes) as Request;
    if (this.hooks === undefined) return message;
    try {
      return this.hooks.requestMessage(message) as Request;
    } catch (error) {
      if (!(error instanceof GrpcError)) this.#report(error);
      throw errorForClient(error);
    }
  }

  protected onIncomingEnd(): void {
    this.inbox.checkComplete();
    if (this.method.singleRequest && this.inbox.received === 0) {
      throw new GrpcError(Status.UNIMPLEMENTED, "the request ended without its message");
    }
    this.inbox.end();
    this.#requestEnded = true;
    if (this.#admitted && this.#served.wantsRequest && !this.#over) this.#runHandler();
  }

  onBadInput(error: GrpcError): void {
    this.fail(error, false);
  }

  /** Trailers of a request: gRPC has none, so they are only its end. */
  onTrailers(): void {
    this.onData(nothing, true);
  }

  onReset(reset: StreamReset): void {
    const error = errorOfReset(reset, "the client");
    // What came before is delivered first: a peer that is gone takes nothing back.
    this.inbox.end(error);
    if (this.#over) return;
    this.#end();
    this.#failed(error);
  }

  // Ending.

  onDue(): void {
    this.fail(new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline passed before the call had ended"), true);
  }

  abort(reason?: unknown): void {
    const closed = new ClosedStreamError(reason === undefined ? "the call was aborted" : `the call was aborted: ${reasonText(reason)}`);
    this.inbox.close(closed);
    if (this.#over) return;
    this.#tellStatus(reason instanceof GrpcError ? reason : new GrpcError(Status.CANCELLED, "the server aborted the call"), true);
    this.#failed(closed);
  }

  /**
   * Ends the call with an error, whatever its handler is doing. `urgent`: ahead of messages that wait for the client to read, if that has to be by a reset,
   * which carries no status.
   */
  fail(error: GrpcError, urgent: boolean): void {
    if (this.#over) return;
    this.#tellStatus(error, urgent);
    if (urgent) this.inbox.fail(error);
    else this.inbox.end(error);
    this.#failed(error);
  }

  #tellStatus(error: GrpcError, urgent: boolean): void {
    const { http2 } = this.#host;
    if (urgent && http2.bufferedBytes(this.streamId) > 0) {
      this.#end();
      http2.reset(this.streamId, ErrorCode.CANCEL);
    } else {
      this.#sendStatus(error, this.#withTrailing(error.metadata));
    }
  }

  #withTrailing(metadata: Metadata): Metadata {
    const own = this.#trailingMetadata;
    if (own === undefined) return metadata;
    return metadata.size === 0 ? own : own.merge(metadata);
  }

  #failed(error: GrpcError | ClosedStreamError): void {
    this.#failure = error;
    this.failSending(() => error);
    this.#abortController?.abort(error);
    this.#releaseIfDone();
  }

  #end(): void {
    this.#over = true;
    if (this.heapIndex !== -1) this.#host.core.timers.remove(this);
    this.onEnded?.();
  }

  // What the handler's runner calls.

  /** The one response message and status OK, in one go. */
  reply(message: Response): void {
    if (!this.#over) {
      try {
        if (message === undefined || message === null) throw new CallUsageError(`the handler of ${this.path} returned no response message`);
        this.transmit(this.frame(message));
        this.transmitEnd();
      } catch (error) {
        this.handlerFailed(error);
        return;
      }
    }
    this.handlerDone();
  }

  /** Ends the call with OK if the handler has not ended it itself. */
  async endOk(): Promise<void> {
    if (!this.#over && !this.outbox.ended) await this.sendEof();
  }

  handlerFailed(error: unknown): void {
    // After the call was over, what the handler throws is most likely only that.
    if (!this.#over) {
      if (!(error instanceof GrpcError)) this.#report(error);
      this.fail(error instanceof GrpcError ? error : new GrpcError(Status.UNKNOWN, "the handler failed", { cause: error }), false);
    }
    this.handlerDone();
  }

  handlerDone(): void {
    this.#handlerRuns = false;
    this.#releaseIfDone();
  }

  #releaseIfDone(): void {
    if (!this.#over || this.#handlerRuns) return;
    this.#host.finished(this.streamId);
    if (!this.hooks?.has("onEnd")) return;
    const end = endOf(this.#sentStatus, this.#failure, this.inbox.received, this.#messagesSent);
    this.hooks.end(end, (error) => this.#report(error));
  }

  #report(error: unknown): void {
    this.#host.core.report(asError(error), this as unknown as ServerCallStream<{}, {}>);
  }
}

const nothing = new Uint8Array(0);

/** Rejects with a failure that the handler learns from every other step too. */
function quietly(error: Error): Promise<never> {
  const rejected = Promise.reject(error);
  rejected.catch(() => {});
  return rejected;
}
