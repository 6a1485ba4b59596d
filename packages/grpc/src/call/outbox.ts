/**
 * The sending half of a call: messages become frames, which wait until the call's stream has room. Knows neither header
 * sections nor statuses: its owner sends those.
 */
import { checkOptionNames } from "@trunkline/base";
import type { Http2Stream, SendEnd } from "@trunkline/h2";
import type { WaitOptions } from "@trunkline/streams";
import { metadataRefusal, SendQueue, type Sink } from "@trunkline/streams/kit";
import { type MessageOptions, messageOptionNames } from "../contract/call.js";
import type { RuntimeCodec } from "../service/method.js";
import { type Compression, compressed } from "../wire/compression.js";
import { type CallUsageError, GrpcError } from "../wire/errors.js";
import { type FramedMessage, frameInPlace, frameMessage, prefixBytes } from "../wire/message.js";
import { Status } from "../wire/status.js";
import { giveBackMemory } from "./message-memory.js";

/** The end flags, shared by all calls, so that none makes its own. */
export const endStream: SendEnd = Object.freeze({ endStream: true });
export const keepOpen: SendEnd = Object.freeze({ endStream: false });

/** The call whose messages an `Outbox` sends. */
export interface OutboxOwner {
  /** The name of the messages in errors. */
  readonly outgoingName: "request" | "response";
  /** Prepares for a message, which may begin the call. @returns why the message may not be sent */
  beforeSend(): CallUsageError | undefined;
  readonly outgoingCodec: RuntimeCodec;
  readonly maxSendMessageBytes: number;
  /** Returns the message as the interceptors want it. @throws GrpcError */
  messageThroughHooks(message: {}): {};
  /** Returns the error for a message that the codec cannot encode. */
  encodingError(cause: unknown): GrpcError;
  /** Gives a message to the stream, after what has to come before it. */
  transmit(framed: FramedMessage): void;
  /** Returns the time on the call's clock, from which the wait of a send is counted. */
  nowMs(): number;
  /** Gives the end to the stream. */
  transmitEnd(): void;
}

export class Outbox implements Sink<FramedMessage> {
  readonly #owner: OutboxOwner;
  /** The compression of the messages; undefined where they are sent as they are. */
  compression: Compression | undefined;
  /** True once a message has been compressed. */
  hasCompressed = false;
  #stream: Http2Stream | undefined = undefined;
  /** The queue of sends that wait. The first `send` or `sendEnd` makes it: most calls with one message do without. */
  #queue: SendQueue<FramedMessage> | undefined = undefined;
  /**
   * Makes the error with which everything is refused. It is called only when it is needed: an error costs more than
   * most calls.
   */
  #failure: (() => Error) | undefined = undefined;
  /** The time from which the first of the waiting sends has waited. */
  #waitingSinceMs: number | undefined = undefined;
  /** True while `send` hands a message to the queue and the queue has taken it. */
  #accepted = false;

  constructor(owner: OutboxOwner, compression: Compression | undefined) {
    this.#owner = owner;
    this.compression = compression;
  }

  /** Sends on `stream` from now on; undefined takes the stream away. */
  attach(stream: Http2Stream | undefined): void {
    this.#stream = stream;
  }

  /** The time from which a send waits; undefined while none does. */
  get waitingSinceMs(): number | undefined {
    return this.#queue === undefined || this.#queue.waiting === 0 ? undefined : this.#waitingSinceMs;
  }

  /** True once the end has been given to the stream. */
  get ended(): boolean {
    return this.#queue?.ended ?? false;
  }

  /** Encodes a message and puts its prefix before it. @throws GrpcError */
  frame(message: {}, compress = true): FramedMessage {
    const owner = this.#owner;
    const { outgoingCodec: codec } = owner;
    const given = owner.messageThroughHooks(message);
    const compression = compress ? this.compression : undefined;
    let whole: Uint8Array | undefined;
    let body: Uint8Array;
    try {
      whole = compression === undefined ? codec.encodeBehind?.(prefixBytes, given) : undefined;
      body = whole ?? codec.encode(given);
    } catch (cause) {
      throw owner.encodingError(cause);
    }
    this.#checkLength(whole === undefined ? body.length : body.length - prefixBytes);
    if (whole !== undefined) return reusable(frameInPlace(whole), whole, codec);
    const smaller = compression && compressed(owner.outgoingName, body, compression);
    if (smaller === undefined) return reusable(frameMessage(body), body, codec);
    this.hasCompressed = true;
    return Object.assign(frameMessage(smaller, 1) as Uint8Array[], { uncompressedLength: body.length });
  }

  /** @throws GrpcError RESOURCE_EXHAUSTED for a message that is larger than its limit */
  #checkLength(length: number): void {
    const { maxSendMessageBytes: limit, outgoingName } = this.#owner;
    if (length <= limit) return;
    const text = `${outgoingName} message of ${length} bytes is larger than maxSendMessageBytes (${limit})`;
    throw new GrpcError(Status.RESOURCE_EXHAUSTED, text);
  }

  /** Sends a message; resolves when there is room for more. */
  send(message: {}, options?: MessageOptions): Promise<void> {
    if (options !== undefined) {
      try {
        checkOptionNames("send", options, messageOptionNames);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const refused = metadataRefusal("a gRPC call", options) ?? this.#owner.beforeSend();
    if (refused !== undefined) return Promise.reject(refused);
    let framed: FramedMessage;
    try {
      framed = this.frame(message, options?.compress);
    } catch (error) {
      return Promise.reject(error);
    }
    // The queue knows no options of gRPC.
    return this.#enqueue(framed, options?.signal === undefined ? undefined : { signal: options.signal });
  }

  #enqueue(framed: FramedMessage, options: WaitOptions | undefined): Promise<void> {
    this.#accepted = false;
    const sent = this.#opened.send(framed, options);
    // A caller that does not await a send learns from every other step that the call has failed: that must not end the
    // process.
    if (!this.#accepted) {
      sent.catch(nothing);
      if (this.#queue?.waiting === 1) this.#waitingSinceMs = this.#owner.nowMs();
    }
    return sent;
  }

  /** Sends the end, after everything before it. */
  sendEnd(): Promise<void> {
    return this.#opened.end();
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    this.#queue?.flush();
  }

  /** Sends no more: what waits and what comes is refused with the error that `why` makes. The first call counts. */
  fail(why: () => Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#queue?.failWith(why);
  }

  get #opened(): SendQueue<FramedMessage> {
    if (this.#queue === undefined) {
      this.#queue = new SendQueue<FramedMessage>(this);
      if (this.#failure !== undefined) this.#queue.failWith(this.#failure);
    }
    return this.#queue;
  }

  // The steps of the queue.

  hasRoom(): boolean {
    return this.#stream?.isWritable ?? false;
  }

  accept(framed: FramedMessage): void {
    this.#accepted = true;
    if (this.#waitingSinceMs !== undefined) this.#waitingSinceMs = this.#owner.nowMs();
    this.#owner.transmit(framed);
  }

  end(): void {
    this.#owner.transmitEnd();
  }
}

function nothing(): void {}

/** The least size of a message whose memory is worth a callback. */
const leastReusedBytes = 16_384;

/** Lets the memory of a large message be used again once it is written, where its codec takes part in that. */
function reusable(framed: FramedMessage, bytes: Uint8Array, codec: RuntimeCodec): FramedMessage {
  if (bytes.length < leastReusedBytes) return framed;
  if (codec.passesOn === true) return Object.assign(framed, { onWritten: () => giveBackMemory(bytes) });
  if (codec.written !== undefined) return Object.assign(framed, { onWritten: () => codec.written?.(bytes) });
  return framed;
}

/** Returns the options of a stream for a message with which nothing ends. */
export function endOfMessage({ onWritten }: FramedMessage): SendEnd {
  return onWritten === undefined ? keepOpen : { endStream: false, onWritten };
}
