/**
 * What the two sides of a call share: a message stream over one HTTP/2 stream. Sending waits for room in the engine, receiving gives
 * flow control back; how a call begins and ends is each side's own.
 */

import type { TimerEntry } from "@trunkline/base";
import type { Http2Stream, SendEnd } from "@trunkline/h2";
import type { AttributeKey, ObjectStream, WaitOptions } from "@trunkline/streams";
import { BaseStream, metadataRefusal, SendQueue, type Sink } from "@trunkline/streams/kit";
import type { MessageOptions } from "../contract/call.js";
import type { HookChain } from "../hooks/chain.js";
import type { Method } from "../service/method.js";
import { type Compression, compressed } from "../wire/compression.js";
import type { CallUsageError, GrpcError } from "../wire/errors.js";
import { type FramedMessage, frameMessage } from "../wire/message.js";
import { Inbox, type InboxOwner } from "./inbox.js";

/** Shared by all, so that no call makes its own. */
export const endStream: SendEnd = Object.freeze({ endStream: true });
export const keepOpen: SendEnd = Object.freeze({ endStream: false });

const nothing = (): void => {};

export abstract class CallStream<Out extends {}, In extends {}>
  extends BaseStream<Out, In>
  implements ObjectStream<Out, In>, Sink<FramedMessage>, InboxOwner<In>, TimerEntry
{
  readonly carriesMetadata = false;
  readonly method: Method;
  protected readonly inbox: Inbox<In>;
  /** The call's stream, as long as it has one. */
  protected stream: Http2Stream | undefined = undefined;
  /** Of the interceptors, where there are some. */
  protected hooks: HookChain | undefined = undefined;
  /** Attributes that interceptors have provided. */
  protected provided: Map<AttributeKey<unknown>, unknown> | undefined = undefined;
  /** What messages are sent with, where they are not sent as they are. */
  protected compression: Compression | undefined = undefined;
  /** A message has been. */
  protected hasCompressed = false;
  #outbox: SendQueue<FramedMessage> | undefined = undefined;
  /** Why nothing can be sent any more; made only when someone asks, since an error costs more than most calls. */
  #sendFailure: (() => Error) | undefined = undefined;
  /** Set while a message is handed over. */
  #accepted = false;
  dueMs = 0;
  heapIndex = -1;

  constructor(method: Method, singleIncoming: boolean, maxReceiveMessageBytes: number) {
    super();
    this.method = method;
    this.inbox = new Inbox(this, singleIncoming, maxReceiveMessageBytes);
  }

  get path(): string {
    return this.method.path;
  }

  /** `"request"` or `"response"`. */
  abstract readonly incomingName: string;
  abstract decode(bytes: Uint8Array): In;
  /** The deadline has come. */
  abstract onDue(): void;

  /** Does what has to come before a message. @returns why this one may not be sent */
  protected abstract beforeSend(): CallUsageError | undefined;
  /** @throws GrpcError */
  protected abstract encode(message: Out): Uint8Array;
  /** Gives a message to the engine. */
  protected abstract transmit(framed: FramedMessage): void;
  /** Gives the end to the engine. */
  protected abstract transmitEnd(): void;
  /** Something that came makes it impossible to go on. */
  abstract onBadInput(error: GrpcError): void;
  /** The other side has sent END_STREAM with its last data. @throws GrpcError */
  protected abstract onIncomingEnd(): void;

  /** `"request"` or `"response"`. */
  protected abstract readonly outgoingName: string;

  /** @throws GrpcError */
  protected frame(message: Out, compress = true): FramedMessage {
    const body = this.encode(message);
    if (this.compression === undefined || !compress) return frameMessage(body);
    const smaller = compressed(this.outgoingName, body, this.compression);
    if (smaller === undefined) return frameMessage(body);
    this.hasCompressed = true;
    return frameMessage(smaller, 1);
  }

  send(message: Out, options?: MessageOptions): Promise<void> {
    const refused = metadataRefusal("a gRPC call", options) ?? this.beforeSend();
    if (refused !== undefined) return Promise.reject(refused);
    let framed: FramedMessage;
    try {
      framed = this.frame(message, options?.compress);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#accepted = false;
    const sent = this.outbox.send(framed, options);
    // Who does not await a send learns from every other step that the call has failed: that must not end the process.
    if (!this.#accepted) sent.catch(nothing);
    return sent;
  }

  protected provide<T>(key: AttributeKey<T>, value: T): void {
    this.provided ??= new Map();
    this.provided.set(key, value);
  }

  receive(options?: WaitOptions): Promise<In | undefined> {
    return this.inbox.receive(options);
  }

  protected endOutput(): Promise<void> {
    return this.outbox.end();
  }

  protected discardInput(): Promise<void> {
    return this.inbox.discard();
  }

  protected get outbox(): SendQueue<FramedMessage> {
    if (this.#outbox === undefined) {
      this.#outbox = new SendQueue<FramedMessage>(this);
      if (this.#sendFailure !== undefined) this.#outbox.fail(this.#sendFailure());
    }
    return this.#outbox;
  }

  /** What waits to be sent may go now. */
  protected flush(): void {
    this.#outbox?.flush();
  }

  protected failSending(why: () => Error): void {
    if (this.#sendFailure !== undefined) return;
    this.#sendFailure = why;
    this.#outbox?.fail(why());
  }

  // What the queue of sends asks.

  hasRoom(): boolean {
    return this.stream?.isWritable ?? false;
  }

  accept(framed: FramedMessage): void {
    this.#accepted = true;
    this.transmit(framed);
  }

  end(): void {
    this.transmitEnd();
  }

  // What the engine tells.

  onData(data: Uint8Array, end: boolean): void {
    try {
      this.inbox.push(data);
      if (end) this.onIncomingEnd();
    } catch (error) {
      this.onBadInput(error as GrpcError);
    }
  }

  onWritable(): void {
    this.flush();
  }

  acknowledge(bytes: number): void {
    this.stream?.acknowledge(bytes);
  }
}
