/**
 * The request of one call: its options over the defaults, its metadata and deadline as interceptors leave them, and its
 * messages on their way into the `Outbox`. The one message of a method with one request is kept until the call has a
 * stream, and can be sent again.
 */
import { type Clock, checkOptionNames, reasonText } from "@trunkline/base";
import type { HeaderField, Http2Stream } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import type { AttributeKey } from "@trunkline/streams";
import { inheritedDeadline } from "../call/cancellation.js";
import { checkedMessageBytes, checkedTimeoutMs } from "../call/defaults.js";
import { type CallOptions, callOptionNames } from "../call/options.js";
import { endOfMessage, endStream, keepOpen, Outbox, type OutboxOwner } from "../call/outbox.js";
import { asDeadline, Deadline } from "../contract/deadline.js";
import type { AttemptChain } from "../hooks/attempts.js";
import { checkedInterceptors, type HookChain } from "../hooks/chain.js";
import { AttemptEvent, RequestEvent } from "../hooks/events.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import type { RuntimeCodec } from "../service/method.js";
import type { Compression } from "../wire/compression.js";
import { CallUsageError, GrpcError } from "../wire/errors.js";
import { oversize, previousAttemptsField, requestFields } from "../wire/headers.js";
import { type FramedMessage, messageSizes } from "../wire/message.js";
import { Status } from "../wire/status.js";
import type { BoundMethod } from "./bound-method.js";
import { interceptorError } from "./call-errors.js";

/** An attempt beside the call's own, as its request writes it. */
export interface RequestCopy {
  readonly previousAttempts: number;
  /** The hooks of the attempt. */
  chain: AttemptChain | undefined;
  /** The metadata of the attempt, where hooks have changed it. */
  fields: readonly HeaderField[] | undefined;
}

/** The call whose request an `OutgoingRequest` is. */
export interface RequestOwner {
  readonly hooks: HookChain | undefined;
  /** The hooks of the present attempt. */
  readonly attempt: AttemptChain | undefined;
  /** True once the call has ended. */
  readonly ended: boolean;
  /** The number of attempts that have failed before. */
  readonly previousAttempts: number;
  /** Called when the one request message was given. */
  onRequestComplete(): void;
  /** Begins the call, if it has not begun: every step does. */
  begin(): void;
  /** Ends the call from this side. */
  cancelWith(error: Error): void;
}

export class OutgoingRequest implements OutboxOwner {
  readonly #owner: RequestOwner;
  readonly #bound: BoundMethod;
  readonly #options: CallOptions;
  readonly outbox: Outbox;
  /** The metadata as header fields. */
  #fields: readonly HeaderField[];
  /** The metadata of the present attempt, where hooks have changed it. */
  #attemptFields: readonly HeaderField[] | undefined = undefined;
  deadline: Deadline | undefined;
  readonly interceptors: readonly ClientInterceptor[];
  #stream: Http2Stream | undefined = undefined;
  /** The one request message. */
  #message: FramedMessage | undefined = undefined;
  #endGiven = false;
  /** The number of messages that were given to be sent. */
  messages = 0;

  /** @throws MetadataError, RangeError or TypeError for an option that cannot be used */
  constructor(owner: RequestOwner, bound: BoundMethod, options: CallOptions) {
    checkOptionNames("a call", options, callOptionNames);
    const { metadata, interceptors } = options;
    const { defaults } = bound;
    this.#owner = owner;
    this.#bound = bound;
    this.#options = options;
    this.outbox = new Outbox(this, this.#compression);
    this.deadline = asDeadline(options.deadline);
    checkedTimeoutMs(options.timeoutMs);
    this.interceptors =
      interceptors === undefined
        ? defaults.interceptors
        : [...defaults.interceptors, ...checkedInterceptors(interceptors)];
    if (metadata === undefined) this.#fields = defaults.fields;
    else {
      const own = Metadata.from(metadata);
      this.#fields = (defaults.fields.length === 0 ? own : defaults.metadata.merge(own)).toWire();
    }
  }

  nowMs(): number {
    return this.#bound.channel.clock.nowMs();
  }

  /** True once the program has given all of the request. */
  get whole(): boolean {
    return this.complete || this.#endGiven;
  }

  get outgoingName(): "request" {
    return "request";
  }

  get waitForReady(): boolean {
    return this.#options.waitForReady ?? this.#bound.policy?.waitForReady ?? this.#bound.defaults.waitForReady;
  }

  /** @throws RangeError */
  get maxReceiveMessageBytes(): number {
    const own = this.#options.maxReceiveMessageBytes;
    const { maxReceiveMessageBytes } = this.#bound.defaults;
    return own === undefined
      ? maxReceiveMessageBytes
      : checkedMessageBytes("maxReceiveMessageBytes", own, maxReceiveMessageBytes);
  }

  /** @throws TypeError for a name that is not known */
  get #compression(): Compression | undefined {
    const own = this.#options.compression;
    const { defaults } = this.#bound;
    return own === undefined ? defaults.compression : defaults.compressions.resolve(own);
  }

  get metadata(): Metadata {
    return Metadata.fromWire(this.#fields);
  }

  /** Begins the time of the call: `timeoutMs` counts from now. */
  beginTime(clock: Clock): void {
    const { timeoutMs } = this.#options;
    if (timeoutMs !== undefined) this.deadline = Deadline.earliest(this.deadline, Deadline.after(timeoutMs, clock));
    const fallbackMs = this.#bound.defaults.timeoutMs;
    if (this.deadline === undefined && fallbackMs !== undefined) this.deadline = Deadline.after(fallbackMs, clock);
    const policyMs = this.#bound.policy?.timeoutMs;
    if (policyMs !== undefined) this.deadline = Deadline.earliest(this.deadline, Deadline.after(policyMs, clock));
    this.deadline = inheritedDeadline(this.deadline, this.#options.parent);
  }

  /** Bounds the time of a call that began at `startedAtMs` by a service config that has come since. */
  limitTime(startedAtMs: number, clock: Clock): void {
    const policyMs = this.#bound.policy?.timeoutMs;
    if (policyMs === undefined) return;
    const leftMs = policyMs - (clock.nowMs() - startedAtMs);
    this.deadline = Deadline.earliest(this.deadline, Deadline.after(leftMs, clock));
  }

  /**
   * Lets the hooks see and change the request. @returns a promise where one of them waits. @throws what a hook throws
   */
  through(hooks: HookChain, provide: <T>(key: AttributeKey<T>, value: T) => void): Promise<void> | undefined {
    const event = new RequestEvent(() => Metadata.fromWire(this.#fields), this.deadline, provide);
    const waiting = hooks.request(event);
    if (waiting !== undefined) return waiting.then(() => this.#take(event));
    this.#take(event);
    return undefined;
  }

  #take({ changed, deadline }: RequestEvent): void {
    if (changed !== undefined) this.#fields = changed.toWire();
    this.deadline = asDeadline(deadline);
  }

  /** Begins an attempt: lets the hooks see and change what is of this one alone. @throws what a hook throws */
  beginAttempt(hooks: HookChain, transparent: boolean): AttemptChain | undefined {
    const { chain, fields } = this.#shown(hooks, this.#owner.previousAttempts, transparent);
    this.#attemptFields = fields;
    return chain;
  }

  /** Does the same for an attempt beside the call's own. @throws what a hook throws */
  beginHedge(hooks: HookChain, hedge: RequestCopy, transparent: boolean): void {
    Object.assign(hedge, this.#shown(hooks, hedge.previousAttempts, transparent));
  }

  #shown(hooks: HookChain, previousAttempts: number, transparent: boolean): Pick<RequestCopy, "chain" | "fields"> {
    const event = new AttemptEvent(() => Metadata.fromWire(this.#fields), previousAttempts, transparent);
    const chain = hooks.attempt(event);
    return { chain, fields: event.changed?.toWire() };
  }

  // Messages.

  /** True once the one request message was given. */
  get complete(): boolean {
    return this.#message !== undefined;
  }

  /** True once a message was sent that is not kept, so that the call cannot be sent again. */
  get committed(): boolean {
    return this.#message === undefined && this.messages > 0;
  }

  /** Takes the one message of a short form, before the call begins. @throws GrpcError */
  give(message: {}): void {
    this.transmit(this.outbox.frame(message));
  }

  beforeSend(): CallUsageError | undefined {
    if (this.complete && !this.#owner.ended) return this.#secondMessage();
    this.#owner.begin();
    return undefined;
  }

  #secondMessage(): CallUsageError {
    return new CallUsageError(`${this.#bound.method.path} takes one request message, and it was sent already`);
  }

  get outgoingCodec(): RuntimeCodec {
    return this.#bound.method.request;
  }

  get maxSendMessageBytes(): number {
    return this.#options.maxSendMessageBytes ?? this.#bound.defaults.maxSendMessageBytes;
  }

  encodingError(cause: unknown): GrpcError {
    return new GrpcError(Status.INTERNAL, `request message could not be encoded: ${reasonText(cause)}`, { cause });
  }

  messageThroughHooks(message: {}): {} {
    const { hooks } = this.#owner;
    if (hooks === undefined) return message;
    try {
      return hooks.requestMessage(message);
    } catch (error) {
      const told = interceptorError(error);
      this.#owner.cancelWith(told);
      throw told;
    }
  }

  transmit(framed: FramedMessage): void {
    if (this.#message !== undefined) throw this.#secondMessage();
    this.messages += 1;
    const { singleRequest } = this.#bound.method;
    if (singleRequest) this.#message = framed;
    if (this.#stream !== undefined) this.#sendMessage(this.#stream, framed, singleRequest, this.#owner.attempt);
    if (singleRequest) this.#owner.onRequestComplete();
  }

  #sendMessage(stream: Http2Stream, framed: FramedMessage, last: boolean, attempt: AttemptChain | undefined): void {
    attempt?.messageSent(messageSizes(framed));
    // The one message of a call is kept for another attempt.
    stream.sendData(framed, last ? endStream : endOfMessage(framed));
  }

  transmitEnd(): void {
    // The end of the one message went with it.
    if (this.#bound.method.singleRequest) return;
    this.#endGiven = true;
    this.#stream?.sendData([], endStream);
  }

  /** Sends the end of the messages; before there is a stream, the end waits for it. */
  sendEnd(): Promise<void> {
    const { path, singleRequest } = this.#bound.method;
    if (singleRequest && !this.complete && !this.#owner.ended)
      return Promise.reject(new CallUsageError(`${path} takes one request message, and it was not sent`));
    this.#owner.begin();
    return this.outbox.sendEnd();
  }

  // The stream.

  /**
   * Sends the headers and what is kept on a new stream. @returns why the server would not take the headers; nothing is
   * sent then
   */
  sendOn(stream: Http2Stream, remainingMs: number | undefined, maxHeaderListBytes: number): GrpcError | undefined {
    const { previousAttempts, attempt } = this.#owner;
    const fields = this.#headers(this.#attemptFields, previousAttempts, remainingMs, maxHeaderListBytes);
    if (fields instanceof GrpcError) return fields;
    this.#stream = stream;
    stream.sendHeaders(fields, keepOpen);
    this.outbox.attach(stream);
    if (this.#message !== undefined) this.#sendMessage(stream, this.#message, true, attempt);
    else if (this.#endGiven) stream.sendData([], endStream);
    else this.outbox.flush();
    return undefined;
  }

  /** Sends the headers and the one message of an attempt beside the call's own. @returns why it cannot be sent */
  sendBeside(
    stream: Http2Stream,
    hedge: RequestCopy,
    remainingMs: number | undefined,
    maxHeaderListBytes: number,
  ): GrpcError | undefined {
    const fields = this.#headers(hedge.fields, hedge.previousAttempts, remainingMs, maxHeaderListBytes);
    if (fields instanceof GrpcError) return fields;
    stream.sendHeaders(fields, keepOpen);
    if (this.#message !== undefined) this.#sendMessage(stream, this.#message, true, hedge.chain);
    return undefined;
  }

  /** Returns the header fields of an attempt, or why the server would not take them. */
  #headers(
    changed: readonly HeaderField[] | undefined,
    previousAttempts: number,
    remainingMs: number | undefined,
    maxHeaderListBytes: number,
  ): readonly HeaderField[] | GrpcError {
    const given = changed ?? this.#fields;
    const own = previousAttempts === 0 ? given : [...given, previousAttemptsField(previousAttempts)];
    const fields = requestFields(this.#bound.head, remainingMs, own, this.outbox.compression);
    return (own.length === 0 ? undefined : oversize("request headers", fields, maxHeaderListBytes)) ?? fields;
  }

  /** Goes on with a stream on which everything was sent. */
  attach(stream: Http2Stream): void {
    this.#stream = stream;
    this.outbox.attach(stream);
    this.outbox.flush();
  }

  /** Sends nothing more on the stream. */
  leaveStream(): void {
    this.#stream = undefined;
    this.outbox.attach(undefined);
  }
}
