/**
 * A call at its server: headers, messages and the one status that ends it. A call can be over while its handler still runs; its place
 * in the connection is free only when both are.
 */

import { reasonText } from "@trunkline/base";
import { type Connection, ErrorCode, type HeaderField, type Http2Stream, type StreamReset } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, ClosedStreamError, streamClock } from "@trunkline/streams";
import { callPeer, type Peer } from "../connection/peer.js";
import type { ServerCall } from "../contract/call.js";
import { Deadline } from "../contract/deadline.js";
import { type HookChain, hooksOf } from "../hooks/chain.js";
import { RequestEvent } from "../hooks/events.js";
import { asError, CallUsageError, GrpcError } from "../wire/errors.js";
import { metadataOf, type RequestHeaders } from "../wire/headers.js";
import { Status } from "../wire/status.js";
import { errorOfReset } from "../wire/wire-status.js";
import { AnsweringCall } from "./answering-call.js";
import type { ServedMethod } from "./dispatch.js";
import { endOf, errorForClient } from "./interception.js";
import type { ServerCore } from "./server-core.js";

/** What a call needs of its connection. */
export interface ServerCallHost {
  readonly http2: Connection;
  readonly peer: Peer;
  readonly core: ServerCore;
}

export class ServerCallStream<Request extends {}, Response extends {}>
  extends AnsweringCall<Request, Response>
  implements ServerCall<Request, Response>
{
  readonly role = "server";
  readonly incomingName = "request";
  readonly #host: ServerCallHost;
  readonly #served: ServedMethod;
  readonly #fields: readonly HeaderField[];
  #metadata: Metadata | undefined = undefined;
  #deadline: Deadline | undefined = undefined;
  #abortController: AbortController | undefined = undefined;
  #handlerRuns = false;
  /** Interceptors have let it through. */
  #admitted = false;
  #requestEnded = false;
  /** For those who send from an iterable. */
  onEnded: (() => void) | undefined = undefined;

  constructor(
    host: ServerCallHost,
    stream: Http2Stream,
    served: ServedMethod,
    request: RequestHeaders,
    fields: readonly HeaderField[],
  ) {
    const { core } = host;
    super(host, stream, served.method, request);
    if (request.encoding !== undefined) this.inbox.encoding = core.compressions.ofEncoding(request.encoding);
    this.#host = host;
    this.#served = served;
    this.#fields = fields;
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#fields);
    return this.#metadata;
  }

  get deadline(): Deadline | undefined {
    return this.#deadline;
  }

  get peer(): Peer {
    return this.#host.peer;
  }

  get userAgent(): string | undefined {
    return this.request.userAgent;
  }

  get signal(): AbortSignal {
    if (this.#abortController === undefined) {
      this.#abortController = new AbortController();
      if (this.failure !== undefined) this.#abortController.abort(this.failure);
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
    const { timeoutMs } = this.request;
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
      if (!this.over && request.deadline !== this.#deadline) this.#watchDeadline(request.deadline);
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
    if (this.over) this.handlerDone();
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
      if (running) this.hookFailed(error);
      else this.handlerFailed(error);
    }
  }

  /** Ends the call with what a hook threw. @returns what it ends with */
  protected hookFailed(thrown: unknown): GrpcError {
    const error = errorForClient(thrown);
    if (error !== thrown) this.report(thrown);
    this.fail(error, false);
    return error;
  }

  /** The one request message, which has come. */
  takeRequest(): Request {
    return this.inbox.shift() as Request;
  }

  // Receiving.

  decode(bytes: Uint8Array): Request {
    const message = this.method.request.decode(bytes) as Request;
    if (this.hooks === undefined) return message;
    try {
      return this.hooks.requestMessage(message) as Request;
    } catch (error) {
      if (!(error instanceof GrpcError)) this.report(error);
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
    if (this.#admitted && this.#served.wantsRequest && !this.over) this.#runHandler();
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
    if (this.over) return;
    this.onOver();
    this.#failed(error);
  }

  // Ending.

  onDue(): void {
    this.fail(new GrpcError(Status.DEADLINE_EXCEEDED, "the deadline passed before the call had ended"), true);
  }

  abort(reason?: unknown): void {
    const closed = new ClosedStreamError(
      reason === undefined ? "the call was aborted" : `the call was aborted: ${reasonText(reason)}`,
    );
    this.inbox.close(closed);
    if (this.over) return;
    this.#tellStatus(
      reason instanceof GrpcError ? reason : new GrpcError(Status.CANCELLED, "the server aborted the call"),
      true,
    );
    this.#failed(closed);
  }

  /**
   * Ends the call with an error, whatever its handler is doing. `urgent`: ahead of messages that wait for the client to read, if that has to be by a reset,
   * which carries no status.
   */
  fail(error: GrpcError, urgent: boolean): void {
    if (this.over) return;
    this.#tellStatus(error, urgent);
    if (urgent) this.inbox.fail(error);
    else this.inbox.end(error);
    this.#failed(error);
  }

  /** Ends the call with an error, and its stream without waiting for the handler. */
  abandon(error: GrpcError): void {
    this.fail(error, true);
    this.stream?.release();
  }

  #tellStatus(error: GrpcError, urgent: boolean): void {
    const { stream } = this;
    if (urgent && stream !== undefined && stream.bufferedBytes > 0) {
      this.onOver();
      stream.reset(ErrorCode.CANCEL);
    } else {
      this.sendStatus(error, this.withTrailing(error.metadata));
    }
  }

  #failed(error: GrpcError | ClosedStreamError): void {
    this.failure = error;
    this.failSending(() => error);
    this.#abortController?.abort(error);
    this.#releaseIfDone();
  }

  protected onOver(): void {
    this.over = true;
    if (this.heapIndex !== -1) this.#host.core.timers.remove(this);
    this.onEnded?.();
  }

  // What the handler's runner calls.

  /** The one response message and status OK, in one go. */
  reply(message: Response): void {
    if (!this.over) {
      try {
        if (message === undefined || message === null)
          throw new CallUsageError(`the handler of ${this.path} returned no response message`);
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
    if (!this.over && !this.outbox.ended) await this.sendEof();
  }

  handlerFailed(error: unknown): void {
    // After the call was over, what the handler throws is most likely only that.
    if (!this.over) {
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
    if (!this.over || this.#handlerRuns) return;
    this.stream?.release();
    if (!this.hooks?.has("onEnd")) return;
    const end = endOf(this.sentStatus, this.failure, this.inbox.received, this.messagesSent);
    this.hooks.end(end, (error) => this.report(error));
  }

  protected report(error: unknown): void {
    this.#host.core.report(asError(error), this as unknown as ServerCallStream<{}, {}>);
  }
}

const nothing = new Uint8Array(0);
