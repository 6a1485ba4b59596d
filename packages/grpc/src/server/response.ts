/**
 * The response of a server to one call: initial metadata once, messages, and one status; each through the interceptors,
 * and compressed in a way that the client accepts.
 */
import { checkOptionNames } from "@trunkline/base";
import type { HeaderField, Http2Stream } from "@trunkline/h2";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { endOfMessage, endStream, keepOpen, Outbox, type OutboxOwner } from "../call/outbox.js";
import type { ResponseOptions, StatusOptions } from "../contract/call.js";
import { responseOptionNames, statusOptionNames } from "../contract/call.js";
import type { AttemptChain } from "../hooks/attempts.js";
import type { HookChain } from "../hooks/chain.js";
import { MetadataEvent, StatusEvent } from "../hooks/events.js";
import type { Method, RuntimeCodec } from "../service/method.js";
import { accepts, type Compression, type CompressionOption } from "../wire/compression.js";
import { CallUsageError, GrpcError } from "../wire/errors.js";
import { encodingField, oversize, type RequestHeaders, responseHead } from "../wire/headers.js";
import { type FramedMessage, messageSizes } from "../wire/message.js";
import { isStatus, Status } from "../wire/status.js";
import { noDetails, packDetail } from "../wire/status-details.js";
import { errorForClient } from "./call-end.js";
import type { ServerCore } from "./core.js";
import { okStatus, type StatusToSend, statusFields } from "./status-fields.js";

/** The call whose response an `OutgoingResponse` is. */
export interface ResponseOwner {
  /** Returns the time on the call's clock. */
  nowMs(): number;
  readonly method: Method;
  readonly requestHeaders: RequestHeaders;
  readonly hooks: HookChain | undefined;
  /** The hooks that observe the call's one attempt. */
  readonly attempt: AttemptChain | undefined;
  /** True once the status, or a reset, is with the engine. */
  readonly ended: boolean;
  /** The error that the call ended with before its handler ended it. */
  readonly error: Error | undefined;
  /** The largest header section that the client takes. */
  readonly peerMaxHeaderListSize: number;
  /** Ends the call with what a hook threw. @returns the error that it ends with */
  hookFailed(thrown: unknown): GrpcError;
  /** Tells the server's user of an error that the client is not told of. */
  report(error: unknown): void;
  /**
   * Called right before the status goes: nothing may follow it. `error` is given where the handler did not end the
   * call.
   */
  onEnd(error: Error | undefined): void;
}

export class OutgoingResponse implements OutboxOwner {
  readonly #owner: ResponseOwner;
  readonly #core: ServerCore;
  readonly #stream: Http2Stream;
  readonly outbox: Outbox;
  #trailingMetadata: Metadata | undefined = undefined;
  /** True once the response headers are with the engine. */
  #headersSent = false;
  /** The number of messages that are with the engine. */
  messages = 0;
  /** The status that a pending `sendTrailingMetadata` will send. */
  #status: StatusToSend = okStatus;
  /** The status that was sent, where interceptors want to know; undefined where the call was reset. */
  sentStatus: StatusToSend | undefined = undefined;

  constructor(owner: ResponseOwner, core: ServerCore, stream: Http2Stream) {
    this.#owner = owner;
    this.#core = core;
    this.#stream = stream;
    const { compression } = core;
    this.outbox = new Outbox(this, compression === undefined ? undefined : this.#ifAccepted(compression));
    this.outbox.attach(stream);
  }

  get outgoingName(): "response" {
    return "response";
  }

  get trailingMetadata(): Metadata {
    this.#trailingMetadata ??= new Metadata();
    return this.#trailingMetadata;
  }

  // Initial metadata.

  sendInitialMetadata(metadata: MetadataInit | undefined, options: ResponseOptions | undefined): Promise<void> {
    const { error, ended, method, peerMaxHeaderListSize } = this.#owner;
    if (error !== undefined) return rejectedQuietly(error);
    if (this.#headersSent || ended) {
      return Promise.reject(
        new CallUsageError(
          `initial metadata of ${method.path} can be sent once, before the first message, and not after the end`,
        ),
      );
    }
    let fields: readonly HeaderField[];
    try {
      if (options !== undefined) checkOptionNames("sendInitialMetadata", options, responseOptionNames);
      fields = metadata === undefined ? [] : Metadata.from(metadata).toWire();
      if (options?.compression !== undefined) this.#compressWith(options.compression);
    } catch (error) {
      return Promise.reject(error);
    }
    const refused = oversize("response headers", fields, peerMaxHeaderListSize);
    if (refused !== undefined) return Promise.reject(refused);
    try {
      this.#sendHeaders(fields);
      return Promise.resolve();
    } catch (error) {
      return rejectedQuietly(error as Error);
    }
  }

  #ifAccepted(compression: Compression): Compression | undefined {
    const { acceptEncoding, encoding } = this.#owner.requestHeaders;
    return accepts(acceptEncoding, encoding, compression) ? compression : undefined;
  }

  /** @throws TypeError, CallUsageError */
  #compressWith(option: CompressionOption): void {
    const wanted = this.#core.compressions.resolve(option);
    const compression = wanted === undefined ? undefined : this.#ifAccepted(wanted);
    if (this.outbox.hasCompressed && compression !== this.outbox.compression) {
      const { path } = this.#owner.method;
      throw new CallUsageError(`a response message of ${path} that waits to be sent is compressed already`);
    }
    this.outbox.compression = compression;
  }

  /** @throws GrpcError of an interceptor, with which the call has ended */
  #sendHeaders(given: readonly HeaderField[]): void {
    const { hooks, requestHeaders } = this.#owner;
    const metadata = hooks?.has("onInitialMetadata") ? this.#initialThrough(hooks, given) : given;
    this.#headersSent = true;
    const { compression } = this.outbox;
    const plain = responseHead(requestHeaders.contentType);
    const head = compression === undefined ? plain : [...plain, encodingField(compression)];
    this.#stream.sendHeaders(metadata.length === 0 ? head : [...head, ...metadata], keepOpen);
  }

  #initialThrough(hooks: HookChain, given: readonly HeaderField[]): readonly HeaderField[] {
    const event = new MetadataEvent(() => Metadata.fromWire(given));
    try {
      hooks.initialMetadata(event);
      const fields = event.changed?.toWire() ?? given;
      const refused = oversize("response headers", fields, this.#owner.peerMaxHeaderListSize);
      if (refused !== undefined) throw refused;
      return fields;
    } catch (error) {
      throw this.#owner.hookFailed(error);
    }
  }

  nowMs(): number {
    return this.#owner.nowMs();
  }

  // Messages, as the outbox asks.

  beforeSend(): CallUsageError | undefined {
    return this.#replied && !this.#owner.ended ? this.#secondReply() : undefined;
  }

  /** True once the one response message is with the engine. */
  get #replied(): boolean {
    return this.#owner.method.singleResponse && this.messages > 0;
  }

  #secondReply(): CallUsageError {
    return new CallUsageError(`${this.#owner.method.path} has one response message, and it was sent already`);
  }

  get outgoingCodec(): RuntimeCodec {
    return this.#owner.method.response;
  }

  get maxSendMessageBytes(): number {
    return this.#core.maxSendMessageBytes;
  }

  encodingError(cause: unknown): GrpcError {
    this.#owner.report(cause);
    return new GrpcError(Status.INTERNAL, "response message could not be encoded", { cause });
  }

  messageThroughHooks(message: {}): {} {
    const { hooks } = this.#owner;
    if (hooks === undefined) return message;
    try {
      return hooks.responseMessage(message);
    } catch (error) {
      throw this.#owner.hookFailed(error);
    }
  }

  transmit(framed: FramedMessage): void {
    if (this.#replied) throw this.#secondReply();
    if (!this.#headersSent) this.#sendHeaders([]);
    this.messages += 1;
    this.#owner.attempt?.messageSent(messageSizes(framed));
    this.#stream.sendData(framed, endOfMessage(framed));
  }

  // The status.

  /** Takes the status of a call from its handler. @returns why it cannot be sent */
  giveStatus(metadata: MetadataInit | undefined, options: StatusOptions): Error | undefined {
    const { status = Status.OK, message = "" } = options;
    if (this.#owner.ended || this.outbox.ended)
      return new CallUsageError(`the status of ${this.#owner.method.path} was sent already`);
    if (!isStatus(status)) return new RangeError(`a status is a whole number from 0 to 16, not ${String(status)}`);
    if (status === Status.OK && this.#lacksReply) return this.#missingReply();
    try {
      checkOptionNames("sendTrailingMetadata", options, statusOptionNames);
      const details = options.details === undefined ? noDetails : options.details.map(packDetail);
      if (metadata !== undefined) this.#trailingMetadata = this.#withTrailing(Metadata.from(metadata));
      this.#status = { status, message, details };
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  get #lacksReply(): boolean {
    return this.#owner.method.singleResponse && this.messages === 0;
  }

  #missingReply(): CallUsageError {
    const { path } = this.#owner.method;
    return new CallUsageError(`${path} has one response message, and it was not sent before the status OK`);
  }

  /** Sends the status, after everything before it. */
  sendEnd(): Promise<void> {
    if (this.#status.status === Status.OK && this.#lacksReply && this.#owner.error === undefined)
      return Promise.reject(this.#missingReply());
    return this.outbox.sendEnd();
  }

  transmitEnd(): void {
    this.#sendStatus(this.#status, this.#trailingMetadata, undefined);
  }

  /**
   * Sends the status of an error, ahead of everything that waits in the outbox. `cause` is the error that this side's
   * steps have from now on.
   */
  sendFailure(error: GrpcError, cause: Error): void {
    this.#sendStatus(error, this.#withTrailing(error.metadata), cause);
  }

  #sendStatus(given: StatusToSend, givenMetadata: Metadata | undefined, cause: Error | undefined): void {
    const { hooks, requestHeaders, peerMaxHeaderListSize } = this.#owner;
    let [sent, metadata] = [given, givenMetadata];
    if (hooks !== undefined) [sent, metadata] = this.#statusThrough(hooks, sent, metadata);
    const trailers = statusFields(sent, metadata, peerMaxHeaderListSize);
    const fields = this.#headersSent ? trailers : [...responseHead(requestHeaders.contentType), ...trailers];
    this.#headersSent = true;
    this.#owner.onEnd(cause);
    this.#stream.sendHeaders(fields, endStream);
  }

  #statusThrough(
    hooks: HookChain,
    given: StatusToSend,
    metadata: Metadata | undefined,
  ): readonly [StatusToSend, Metadata | undefined] {
    let sent: readonly [StatusToSend, Metadata | undefined] = [given, metadata];
    try {
      if (hooks.has("onStatus")) sent = changedStatus(hooks, given, metadata);
    } catch (error) {
      const told = errorForClient(error);
      if (told !== error) this.#owner.report(error);
      sent = [told, told.metadata];
    }
    this.sentStatus = sent[0];
    return sent;
  }

  /** Returns `metadata` added to the trailing metadata of the call. */
  #withTrailing(metadata: Metadata): Metadata {
    const own = this.#trailingMetadata;
    if (own === undefined) return metadata;
    return metadata.size === 0 ? own : own.merge(metadata);
  }
}

/** Returns the status and the trailing metadata as the hooks want them. @throws what a hook throws */
function changedStatus(
  hooks: HookChain,
  given: StatusToSend,
  metadata: Metadata | undefined,
): readonly [StatusToSend, Metadata | undefined] {
  const event = new StatusEvent(() => metadata ?? Metadata.empty, given);
  hooks.status(event);
  const { status, message } = event;
  if (!isStatus(status)) throw new RangeError(`a hook set the status to ${String(status)}, which is none`);
  return [{ status, message, details: event.details.map(packDetail) }, event.changed ?? metadata];
}

/** Returns a rejection that ends no process: the handler learns of the error from every other step, too. */
export function rejectedQuietly(error: Error): Promise<never> {
  const rejected = Promise.reject(error);
  rejected.catch(() => {});
  return rejected;
}
