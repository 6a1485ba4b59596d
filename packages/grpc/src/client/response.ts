/**
 * The response to one call: what the server has said in header sections, through the interceptors, and its messages on
 * their way out of the `Inbox`. Metadata is made of the fields when it is first read.
 */
import { callObserver } from "@trunkline/base";
import type { HeaderField, Http2Stream } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import { keepStack } from "../call/caller-stack.js";
import { Inbox, type InboxOwner } from "../call/inbox.js";
import type { MessageBudget } from "../call/message-budget.js";
import type { CallOptions } from "../call/options.js";
import type { AttemptChain } from "../hooks/attempts.js";
import type { HookChain } from "../hooks/chain.js";
import type { CallerContext } from "../hooks/context.js";
import { MetadataEvent, StatusEvent } from "../hooks/events.js";
import { asError, GrpcError } from "../wire/errors.js";
import { isGrpcContentType, isGrpcJsonContentType, metadataOf, readResponse } from "../wire/headers.js";
import { HttpAnswer } from "../wire/http-answer.js";
import { Status } from "../wire/status.js";
import { errorOfTrailers } from "../wire/wire-status.js";
import type { BoundMethod } from "./bound-method.js";
import { interceptorError } from "./call-errors.js";

/** The call whose response an `IncomingResponse` is. */
export interface ResponseOwner {
  readonly hooks: HookChain | undefined;
  /** Ends the call from this side. `dropUnread` false: the messages that have come stay readable. Default true. */
  cancelWith(error: Error, dropUnread?: boolean): void;
}

export class IncomingResponse implements InboxOwner<{}> {
  readonly #owner: ResponseOwner;
  readonly #bound: BoundMethod;
  readonly #options: CallOptions;
  readonly maxIncomingBytes: number;
  readonly inbox: Inbox<{}>;
  /** The context of the caller, where there are listeners or hooks to be called in it. */
  listenerContext: CallerContext | undefined = undefined;
  #stream: Http2Stream | undefined = undefined;
  /** The answer of a server or proxy that does not speak gRPC. */
  #other: HttpAnswer | undefined = undefined;
  #initialFields: readonly HeaderField[] | undefined = undefined;
  #trailingFields: readonly HeaderField[] | undefined = undefined;
  #initialMetadata: Metadata | undefined = undefined;
  #trailingMetadata: Metadata | undefined = undefined;

  constructor(owner: ResponseOwner, bound: BoundMethod, options: CallOptions, maxMessageBytes: number) {
    this.#owner = owner;
    this.#bound = bound;
    this.#options = options;
    this.maxIncomingBytes = maxMessageBytes;
    this.inbox = new Inbox<{}>(this);
  }

  get incomingName(): "response" {
    return "response";
  }

  get singleMessage(): boolean {
    return this.#bound.method.singleResponse;
  }

  get messageBudget(): MessageBudget {
    return this.#bound.channel.messageBudget;
  }

  /** Receives from `stream` from now on; undefined takes the stream away. */
  attach(stream: Http2Stream | undefined): void {
    this.#stream = stream;
  }

  /** Tells the hooks of an attempt of each message that begins to come; undefined takes them away. */
  observe(attempt: AttemptChain | undefined): void {
    this.inbox.observe(attempt);
  }

  /** True once a header section has come. */
  get begun(): boolean {
    return this.#initialFields !== undefined || this.#trailingFields !== undefined;
  }

  get initialMetadata(): Metadata | undefined {
    if (this.#initialFields === undefined) return undefined;
    this.#initialMetadata ??= metadataOf(this.#initialFields);
    return this.#initialMetadata;
  }

  get trailingMetadata(): Metadata | undefined {
    if (this.#trailingFields === undefined) return undefined;
    this.#trailingMetadata ??= metadataOf(this.#trailingFields);
    return this.#trailingMetadata;
  }

  // Header sections.

  /**
   * Takes the response headers. Where they are not those of a gRPC server, `other` is the answer from then on, and its
   * text follows: the error of the call holds the beginning of it. @returns the error that the call must end with
   */
  takeInitial(fields: readonly HeaderField[]): GrpcError | undefined {
    const { httpStatus, contentType, contentEncoding, encoding } = readResponse(fields);
    if (httpStatus !== "200" || !this.#isGrpc(contentType)) {
      this.#other = new HttpAnswer(httpStatus, contentType, contentEncoding);
      return undefined;
    }
    this.#initialFields = fields;
    if (encoding !== undefined) this.inbox.encoding = this.#bound.defaults.compressions.ofEncoding(encoding);
    const { hooks } = this.#owner;
    return hooks?.has("onInitialMetadata") ? this.#initialThrough(hooks) : undefined;
  }

  /** The answer of a server or proxy that does not speak gRPC; undefined for one that does. */
  get other(): HttpAnswer | undefined {
    return this.#other;
  }

  #initialThrough(hooks: HookChain): GrpcError | undefined {
    const event = new MetadataEvent(() => this.initialMetadata ?? Metadata.empty);
    try {
      hooks.initialMetadata(event);
    } catch (error) {
      return interceptorError(error);
    }
    if (event.changed !== undefined) this.#initialMetadata = event.changed.freeze();
    return undefined;
  }

  /**
   * Takes response headers that are the trailers, too. @returns the error that the call must end with, if there is one
   */
  takeTrailersOnly(fields: readonly HeaderField[]): GrpcError | undefined {
    const { httpStatus, contentType } = readResponse(fields);
    const isGrpc = httpStatus === "200" && this.#isGrpc(contentType);
    if (isGrpc || fields.some(({ name }) => name === "grpc-status")) return this.takeTrailers(fields);
    return this.#statusThrough(new HttpAnswer(httpStatus, contentType).error()) ?? this.#incomplete();
  }

  /** Takes the trailers. @returns the error that the call must end with, if there is one */
  takeTrailers(fields: readonly HeaderField[]): GrpcError | undefined {
    this.#trailingFields = fields;
    const told = errorOfTrailers(fields, () => metadataOf(fields));
    return this.#statusThrough(told) ?? this.#incomplete();
  }

  #statusThrough(told: GrpcError | undefined): GrpcError | undefined {
    const { hooks } = this.#owner;
    if (!hooks?.has("onStatus")) return told;
    const event = new StatusEvent(() => this.trailingMetadata ?? Metadata.empty, told);
    try {
      hooks.status(event);
      if (event.changed !== undefined) this.#trailingMetadata = event.changed.freeze();
      if (event.untouched) return told;
      if (event.status === Status.OK) return undefined;
      return new GrpcError(event.status, event.message, {
        metadata: this.trailingMetadata,
        details: event.details,
        cause: told,
      });
    } catch (error) {
      return interceptorError(error);
    }
  }

  /** Returns the error for what is missing in a response with status OK. */
  #incomplete(): GrpcError | undefined {
    try {
      this.inbox.checkComplete();
    } catch (error) {
      return error as GrpcError;
    }
    if (!this.#bound.method.singleResponse || this.inbox.received > 0) return undefined;
    return new GrpcError(Status.UNIMPLEMENTED, "the server ended the call with OK but without its response message");
  }

  #isGrpc(contentType: string | undefined): boolean {
    return isGrpcContentType(contentType) || (this.#bound.json && isGrpcJsonContentType(contentType));
  }

  /** Calls the option `onInitialMetadata`. */
  tellInitial(): void {
    const { onInitialMetadata } = this.#options;
    if (onInitialMetadata !== undefined && this.initialMetadata !== undefined)
      this.#tell(onInitialMetadata, this.initialMetadata);
  }

  /** Calls the option `onTrailingMetadata`. */
  tellTrailing(): void {
    const { onTrailingMetadata } = this.#options;
    if (onTrailingMetadata !== undefined && this.trailingMetadata !== undefined)
      this.#tell(onTrailingMetadata, this.trailingMetadata);
  }

  #tell(listener: (metadata: Metadata) => void, metadata: Metadata): void {
    const { listenerContext: context } = this;
    callObserver(
      () => (context === undefined ? listener(metadata) : context.run(listener, metadata)),
      (error) => this.#owner.cancelWith(asError(keepStack(error))),
    );
  }

  // Messages, as the inbox asks.

  acknowledge(bytes: number): void {
    this.#stream?.acknowledge(bytes);
  }

  extendWindow(bytes: number): void {
    this.#stream?.extendWindow(bytes);
  }

  get lane(): object {
    return this.#bound.channel;
  }

  get hasRoom(): true {
    return true;
  }

  mustWait(): undefined {
    return undefined;
  }

  get keepsViews(): boolean {
    return this.#bound.method.response.keepsViews !== false;
  }

  decode(bytes: Uint8Array): {} {
    const message = this.#bound.method.response.decode(bytes, this.#bound.defaults.decodeLimits);
    const { hooks } = this.#owner;
    if (hooks === undefined) return message;
    try {
      return hooks.responseMessage(message);
    } catch (error) {
      throw interceptorError(error);
    }
  }

  onInputEnd(): void {
    throw new GrpcError(Status.INTERNAL, "the server's answer ended without trailers, so without a status");
  }

  onBadInput(error: GrpcError): void {
    this.#owner.cancelWith(error, false);
  }
}
