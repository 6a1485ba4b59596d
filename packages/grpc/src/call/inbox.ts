/**
 * The receiving half of a call: bytes of DATA frames in, decoded messages out, one waiting `receive`, and how it ends.
 *
 * Messages are decoded when they are taken: until then they need no more memory than they had on the wire, which flow control bounds. Their
 * bytes are given back to it at the same time. While the application waits for a message that has come in part, what has come counts as taken: a
 * message may be larger than the window, and would never arrive otherwise.
 */
import { abortReason } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError, type WaitOptions } from "@trunkline/streams";
import { type Compression, decompressed } from "../wire/compression.js";
import { GrpcError } from "../wire/errors.js";
import { lengthOf, type MessageSizeLimit, MessageWalk, messageLength, prefixBytes } from "../wire/message.js";
import { Status } from "../wire/status.js";
import { rejectionAtCaller } from "./caller-stack.js";
import { ReceivedBytes } from "./received-bytes.js";

interface Waiter<In> {
  resolve(message: In | undefined | PromiseLike<never>): void;
  reject(error: unknown): void;
  forget: (() => void) | undefined;
}

export interface InboxOwner<In> {
  decode(bytes: Uint8Array): In;
  /** What the other side sends, for errors: `"request"` or `"response"`. */
  readonly incomingName: string;
  /** `bytes` may be sent by the other side again. */
  acknowledge(bytes: number): void;
  /** The other side has ended the stream with its last data. @throws GrpcError when that is too early */
  onInputEnd(): void;
  /** A message that was asked for cannot be had: what the call must end with. */
  onBadInput(error: GrpcError): void;
}

export class Inbox<In extends {}> implements MessageSizeLimit {
  readonly #owner: InboxOwner<In>;
  readonly #single: boolean;
  readonly #maxMessageBytes: number;
  /** The `grpc-encoding` of this direction, where it is not identity. */
  encoding: Compression | undefined = undefined;
  readonly #walk: MessageWalk = new MessageWalk();
  /** What waits to be asked for; most calls never have anything there. */
  #bytes: ReceivedBytes | undefined = undefined;
  /** How many of the first of `#bytes` flow control has got back already. */
  #acknowledged = 0;
  /** A message that was taken for somebody who did not ask for it yet. */
  #held: In | undefined = undefined;
  #waiter: Waiter<In> | undefined = undefined;
  /** The one message is wanted as soon as it is there. */
  #eager = false;
  /** What comes after the messages: an error, or the end if that is undefined. */
  #end: { readonly error: Error | undefined } | undefined = undefined;
  /** The end has been taken: no later failure can replace it. */
  #endTaken = false;
  /** Why this side reads no more. */
  #closed: Error | undefined = undefined;
  #onEnd: (() => void) | undefined = undefined;

  /** `single`: a second message is an error. */
  constructor(owner: InboxOwner<In>, single: boolean, maxMessageBytes: number) {
    this.#owner = owner;
    this.#single = single;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** How many messages have come, or begun to come. */
  get received(): number {
    return this.#walk.count;
  }

  /** Takes the payload of a DATA frame. `ended`: it is the last one. */
  onData(data: Uint8Array, ended: boolean): void {
    try {
      this.push(data);
      if (ended) this.#owner.onInputEnd();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
    }
  }

  /** Takes the payload of a DATA frame. @throws GrpcError for what the call must end with; messages before that are kept */
  push(data: Uint8Array): void {
    if (this.#closed !== undefined) {
      this.#owner.acknowledge(data.length);
      return;
    }
    try {
      this.#walk.push(data, this);
    } catch (error) {
      this.#add(data.subarray(0, this.#walk.boundary));
      throw error;
    }
    this.#add(data);
  }

  /** Of the message whose prefix has come. */
  checkLength(length: number): void {
    const { incomingName } = this.#owner;
    if (length > this.#maxMessageBytes) {
      throw new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        `${incomingName} message of ${length} bytes is larger than maxReceiveMessageBytes (${this.#maxMessageBytes})`,
      );
    }
    if (this.#single && this.#walk.count > 1) {
      throw new GrpcError(Status.UNIMPLEMENTED, `a second ${incomingName} message came where the method has one`);
    }
  }

  #add(data: Uint8Array): void {
    let offset = 0;
    // The way of most messages: whole, and awaited; its bytes are never kept.
    if (this.#hungry && (this.#bytes === undefined || this.#bytes.length === 0) && data.length >= prefixBytes) {
      const end = prefixBytes + messageLength(data, 0);
      if (end <= data.length) {
        this.#owner.acknowledge(end);
        this.#give(this.#decode(data[0] as number, data.subarray(prefixBytes, end)));
        offset = end;
      }
    }
    if (offset === data.length) return;
    this.#bytes ??= new ReceivedBytes();
    this.#bytes.append(data, offset);
    if (this.#hungry) this.#feed();
  }

  get #hungry(): boolean {
    return this.#waiter !== undefined || (this.#eager && this.#held === undefined);
  }

  /** Gives the next message to who waits for it, or flow control what has come of it. */
  #feed(): void {
    const message = this.#next();
    if (message !== undefined) {
      this.#give(message);
      return;
    }
    const bytes = (this.#bytes?.length ?? 0) - this.#acknowledged;
    this.#acknowledged += bytes;
    if (bytes > 0) this.#owner.acknowledge(bytes);
  }

  #give(message: In): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#held = message;
      return;
    }
    this.#waiter = undefined;
    waiter.forget?.();
    waiter.resolve(message);
  }

  /** The next message if it is there. @throws GrpcError when it cannot be had */
  #next(): In | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined || bytes.length < prefixBytes) return undefined;
    const length = lengthOf(bytes.at(1), bytes.at(2), bytes.at(3), bytes.at(4));
    const total = prefixBytes + length;
    if (bytes.length < total) return undefined;
    const flags = bytes.at(0);
    const acknowledged = Math.min(this.#acknowledged, total);
    this.#acknowledged -= acknowledged;
    if (acknowledged < total) this.#owner.acknowledge(total - acknowledged);
    return this.#decode(flags, bytes.take(prefixBytes, length));
  }

  /** The other side will send no more. @throws GrpcError where it stopped within a message */
  checkComplete(): void {
    if (!this.#walk.complete)
      throw new GrpcError(Status.INTERNAL, `the last ${this.#owner.incomingName} message is not complete`);
  }

  /** Nothing more will come: `receive` gives the messages, and then `undefined`, or rejects with `error` if there is one. The first call counts. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#onEnd?.();
    this.#settleWaiter();
  }

  /** As `end`, but messages that nobody has taken are dropped, and an end that nobody has seen does not count. */
  fail(error: Error): void {
    if (this.#endTaken) return;
    this.#dropAll();
    if (this.#end?.error === undefined) this.#end = undefined;
    this.end(error);
  }

  /** This side reads no more: a waiting `receive` and later ones reject with `error`, what is here and what comes is dropped. */
  close(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#waiter?.forget?.();
    this.#waiter?.reject(error);
    this.#waiter = undefined;
    this.#dropAll();
  }

  /** As `close`; resolves when nothing more can come, for whatever reason. */
  discard(): Promise<void> {
    this.close(new ClosedStreamError("the call was closed"));
    if (this.#end !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  /** Takes a message that is here. @throws GrpcError when it cannot be had */
  shift(): In | undefined {
    const held = this.#held;
    if (held === undefined) return this.#next();
    this.#held = undefined;
    return held;
  }

  /** The next message, `undefined` at the end. */
  receive(options?: WaitOptions): Promise<In | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#waiter !== undefined)
      return Promise.reject(new BusyStreamError("another receive is waiting on this call"));
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    try {
      const message = this.shift();
      if (message !== undefined) return Promise.resolve(message);
    } catch (error) {
      return this.#failWith(error as GrpcError);
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter<In> = { resolve, reject, forget: undefined };
      this.#waiter = waiter;
      if (signal !== undefined) {
        const onAbort = (): void => {
          waiter.forget?.();
          this.#waiter = undefined;
          reject(abortReason(signal));
        };
        waiter.forget = () => signal.removeEventListener("abort", onAbort);
        signal.addEventListener("abort", onAbort);
      }
      if (this.#end !== undefined) this.#settleWaiter();
      else this.#feed();
    });
  }

  /** A message could not be decoded when it was asked for: that is how the call ends, even if it had ended otherwise meanwhile. */
  #failWith(error: GrpcError): Promise<never> {
    this.#dropAll();
    this.#end = { error };
    this.#owner.onBadInput(error);
    return Promise.reject(error);
  }

  /** From now on the one message is received whole even if nobody takes it; it is bounded by its size limit. */
  awaitEnd(): void {
    this.#eager = true;
    if (!this.#hungry) return;
    try {
      this.#feed();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
    }
  }

  #decode(flags: number, bytes: Uint8Array): In {
    let plain = bytes;
    if (flags !== 0) {
      const { incomingName } = this.#owner;
      if (flags !== 1) throw new GrpcError(Status.INTERNAL, `${incomingName} message has the unknown flags ${flags}`);
      if (this.encoding === undefined)
        throw new GrpcError(Status.INTERNAL, `${incomingName} message is compressed, but no grpc-encoding says how`);
      plain = decompressed(incomingName, bytes, this.encoding, this.#maxMessageBytes);
    }
    try {
      return this.#owner.decode(plain);
    } catch (cause) {
      // Of an interceptor.
      if (cause instanceof GrpcError) throw cause;
      throw new GrpcError(Status.INTERNAL, `${this.#owner.incomingName} message could not be decoded`, { cause });
    }
  }

  #dropAll(): void {
    const bytes = (this.#bytes?.length ?? 0) - this.#acknowledged;
    this.#bytes = undefined;
    this.#acknowledged = 0;
    this.#held = undefined;
    if (bytes > 0) this.#owner.acknowledge(bytes);
  }

  #settleWaiter(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#end === undefined) return;
    this.#waiter = undefined;
    waiter.forget?.();
    if (this.#end.error !== undefined) {
      waiter.resolve(rejectionAtCaller(this.#end.error));
      return;
    }
    this.#endTaken = true;
    waiter.resolve(undefined);
  }
}
