/**
 * The sending half of a call at its server: initial metadata once, messages, one status; each through the interceptors, in what the client accepts.
 */
import type { Connection, HeaderField, Http2Stream } from "@trunkline/h2";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import type { ClosedStreamError } from "@trunkline/streams";
import { CallStream, endStream, keepOpen } from "../call/call-stream.js";
import { checkSendMessageBytes } from "../call/defaults.js";
import type { ResponseOptions, StatusOptions } from "../contract/call.js";
import type { HookChain } from "../hooks/chain.js";
import type { Method } from "../service/method.js";
import { accepts, type Compression, type CompressionOption } from "../wire/compression.js";
import { CallUsageError, GrpcError } from "../wire/errors.js";
import { encodingField, oversize, type RequestHeaders, responseHead } from "../wire/headers.js";
import type { FramedMessage } from "../wire/message.js";
import { isStatus, Status } from "../wire/status.js";
import { noDetails, packDetail } from "../wire/status-details.js";
import { errorForClient, throughInitialMetadata, throughStatus } from "./interception.js";
import type { ServerCore } from "./server-core.js";
import { okStatus, type StatusToSend, statusFields } from "./status-fields.js";

/** What the sending half needs of the connection. */
interface AnsweringHost {
  readonly http2: Connection;
  readonly core: ServerCore;
}

export abstract class AnsweringCall<Request extends {}, Response extends {}> extends CallStream<Response, Request> {
  protected readonly outgoingName = "response";
  protected readonly request: RequestHeaders;
  readonly #core: ServerCore;
  readonly #connection: Connection;
  #trailingMetadata: Metadata | undefined = undefined;
  /** Response headers are with the engine. */
  #headersSent = false;
  protected messagesSent = 0;
  /** The status that a pending `sendTrailingMetadata` will send. */
  #status: StatusToSend = okStatus;
  /** What was sent last of all, where interceptors want to know; undefined where the call was reset. */
  protected sentStatus: StatusToSend | undefined = undefined;
  /** Trailers, or a reset, are with the engine. */
  protected over = false;
  /** Why the call was over before its handler said so. */
  protected failure: GrpcError | ClosedStreamError | undefined = undefined;

  constructor(host: AnsweringHost, stream: Http2Stream, method: Method, request: RequestHeaders) {
    const { core, http2 } = host;
    super(method, method.singleRequest, core.maxReceiveMessageBytes);
    this.#core = core;
    this.#connection = http2;
    this.request = request;
    this.stream = stream;
    if (core.compression !== undefined) this.compression = this.ifAccepted(core.compression);
  }

  /** The status, or a reset, is about to go: nothing may follow. */
  protected abstract onOver(): void;
  /** Ends the call with what an interceptor threw. @returns what it ends with */
  protected abstract hookFailed(thrown: unknown): GrpcError;
  /** Tells the server's user of what the client is not told of. */
  protected abstract report(error: unknown): void;

  get trailingMetadata(): Metadata {
    this.#trailingMetadata ??= new Metadata();
    return this.#trailingMetadata;
  }

  sendInitialMetadata(metadata?: MetadataInit, options?: ResponseOptions): Promise<void> {
    if (this.failure !== undefined) return quietly(this.failure);
    if (this.#headersSent || this.over) {
      return Promise.reject(
        new CallUsageError(
          `initial metadata of ${this.path} can be sent once, before the first message, and not after the end`,
        ),
      );
    }
    let fields: readonly HeaderField[];
    try {
      fields = metadata === undefined ? [] : Metadata.from(metadata).toWire();
      if (options?.compression !== undefined) this.#compressWith(options.compression);
    } catch (error) {
      return Promise.reject(error);
    }
    const refused = oversize("response headers", fields, this.#connection.peerMaxHeaderListSize);
    if (refused !== undefined) return Promise.reject(refused);
    try {
      this.#sendHeaders(fields);
      return Promise.resolve();
    } catch (error) {
      return quietly(error as Error);
    }
  }

  protected ifAccepted(compression: Compression): Compression | undefined {
    const { acceptEncoding, encoding } = this.request;
    return accepts(acceptEncoding, encoding, compression) ? compression : undefined;
  }

  /** @throws TypeError, CallUsageError */
  #compressWith(option: CompressionOption): void {
    const wanted = this.#core.compressions.resolve(option);
    const compression = wanted === undefined ? undefined : this.ifAccepted(wanted);
    if (this.hasCompressed && compression !== this.compression) {
      throw new CallUsageError(`a response message of ${this.path} that waits to be sent is compressed already`);
    }
    this.compression = compression;
  }

  /** @throws GrpcError of an interceptor, with which the call has ended */
  #sendHeaders(given: readonly HeaderField[]): void {
    const metadata = this.hooks?.has("onInitialMetadata") ? this.#initialThrough(this.hooks, given) : given;
    this.#headersSent = true;
    const plain = responseHead(this.request.contentType);
    const head = this.compression === undefined ? plain : [...plain, encodingField(this.compression)];
    this.stream?.sendHeaders(metadata.length === 0 ? head : [...head, ...metadata], keepOpen);
  }

  #initialThrough(hooks: HookChain, given: readonly HeaderField[]): readonly HeaderField[] {
    try {
      const fields = throughInitialMetadata(hooks, Metadata.fromWire(given)).toWire();
      const refused = oversize("response headers", fields, this.#connection.peerMaxHeaderListSize);
      if (refused !== undefined) throw refused;
      return fields;
    } catch (error) {
      throw this.hookFailed(error);
    }
  }

  sendTrailingMetadata(metadata?: MetadataInit, options: StatusOptions = {}): Promise<void> {
    const { status = Status.OK, message = "" } = options;
    let details = noDetails;
    if (this.failure !== undefined) return quietly(this.failure);
    if (this.over || this.outbox.ended)
      return Promise.reject(new CallUsageError(`the status of ${this.path} was sent already`));
    if (!isStatus(status))
      return Promise.reject(new RangeError(`a status is a whole number from 0 to 16, not ${String(status)}`));
    if (status === Status.OK && this.#lacksReply()) return Promise.reject(this.#missingReply());
    try {
      if (options.details !== undefined) details = options.details.map(packDetail);
      if (metadata !== undefined) this.#trailingMetadata = this.withTrailing(Metadata.from(metadata));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#status = { status, message, details };
    return this.sendEof();
  }

  #lacksReply(): boolean {
    return this.method.singleResponse && this.messagesSent === 0;
  }

  #missingReply(): CallUsageError {
    return new CallUsageError(`${this.path} has one response message, and it was not sent before the status OK`);
  }

  protected override endOutput(): Promise<void> {
    if (this.#status.status === Status.OK && this.#lacksReply() && this.failure === undefined)
      return Promise.reject(this.#missingReply());
    return super.endOutput();
  }

  protected beforeSend(): CallUsageError | undefined {
    return this.method.singleResponse && this.messagesSent > 0 && !this.over ? this.#secondReply() : undefined;
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
      this.report(cause);
      throw new GrpcError(Status.INTERNAL, "response message could not be encoded", { cause });
    }
    checkSendMessageBytes("response", body, this.#core.maxSendMessageBytes);
    return body;
  }

  #responseThrough(hooks: HookChain, message: Response): {} {
    try {
      return hooks.responseMessage(message);
    } catch (error) {
      throw this.hookFailed(error);
    }
  }

  protected transmit(framed: FramedMessage): void {
    if (this.method.singleResponse && this.messagesSent > 0) throw this.#secondReply();
    if (!this.#headersSent) this.#sendHeaders([]);
    this.messagesSent += 1;
    this.stream?.sendData(framed, keepOpen);
  }

  protected transmitEnd(): void {
    this.sendStatus(this.#status, this.#trailingMetadata);
  }

  protected sendStatus(given: StatusToSend, givenMetadata: Metadata | undefined): void {
    let [sent, metadata] = [given, givenMetadata];
    if (this.hooks !== undefined) [sent, metadata] = this.#statusThrough(this.hooks, sent, metadata);
    const trailers = statusFields(sent, metadata, this.#connection.peerMaxHeaderListSize);
    const fields = this.#headersSent ? trailers : [...responseHead(this.request.contentType), ...trailers];
    this.#headersSent = true;
    this.onOver();
    this.stream?.sendHeaders(fields, endStream);
  }

  #statusThrough(
    hooks: HookChain,
    given: StatusToSend,
    metadata: Metadata | undefined,
  ): readonly [StatusToSend, Metadata | undefined] {
    let sent: readonly [StatusToSend, Metadata | undefined] = [given, metadata];
    try {
      if (hooks.has("onStatus")) sent = throughStatus(hooks, given, metadata);
    } catch (error) {
      const told = errorForClient(error);
      if (told !== error) this.report(error);
      sent = [told, told.metadata];
    }
    this.sentStatus = sent[0];
    return sent;
  }

  /** What was said by `trailingMetadata`, and this. */
  protected withTrailing(metadata: Metadata): Metadata {
    const own = this.#trailingMetadata;
    if (own === undefined) return metadata;
    return metadata.size === 0 ? own : own.merge(metadata);
  }
}

/** Rejects with a failure that the handler learns from every other step too. */
function quietly(error: Error): Promise<never> {
  const rejected = Promise.reject(error);
  rejected.catch(() => {});
  return rejected;
}
