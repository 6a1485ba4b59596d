/**
 * The receiving half of a call: bytes of DATA frames in, decoded messages out, one waiting `receive`, and how it ends.
 *
 * Bytes are given back to flow control when the application takes their message. While it waits for a message that has come in part, what has come
 * counts as taken: a message may be larger than the window, and would never arrive otherwise.
 */
import { abortReason, BusyStreamError, ClosedStreamError, type WaitOptions } from "@trunkline/streams";
import type { MessageEncoding } from "../compression.js";
import { GrpcError } from "../errors.js";
import { messageLength, PartialMessage, prefixBytes } from "../message.js";
import { Status } from "../status.js";

/** A message in the queue; a linked list, since most queues hold one. */
interface Received<In> {
  readonly message: In;
  /** What it took on the wire and flow control has not got back. */
  readonly unacknowledged: number;
  next: Received<In> | undefined;
}

interface Waiter<In> {
  resolve(message: In | undefined): void;
  reject(error: unknown): void;
  forget: (() => void) | undefined;
}

export interface InboxOwner<In> {
  decode(bytes: Uint8Array): In;
  /** What the other side sends, for errors: `"request"` or `"response"`. */
  readonly incomingName: string;
  /** `bytes` may be sent by the other side again. */
  acknowledge(bytes: number): void;
}

export class Inbox<In extends {}> {
  readonly #owner: InboxOwner<In>;
  readonly #single: boolean;
  readonly #maxMessageBytes: number;
  /** The `grpc-encoding` of this direction, where it is not identity. */
  encoding: MessageEncoding | undefined = undefined;
  /** Messages that have come. */
  received = 0;
  #first: Received<In> | undefined = undefined;
  #last: Received<In> | undefined = undefined;
  #partial: PartialMessage | undefined = undefined;
  #waiter: Waiter<In> | undefined = undefined;
  /** Someone waits for what comes without taking messages. */
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

  /** Takes the payload of a DATA frame. @throws GrpcError for what the call must end with */
  push(data: Uint8Array): void {
    if (this.#closed !== undefined) {
      this.#owner.acknowledge(data.length);
      return;
    }
    let offset = 0;
    if (this.#partial !== undefined) offset = this.#continue(this.#partial, data, 0);
    while (data.length - offset >= prefixBytes) {
      const length = messageLength(data, offset);
      const end = offset + prefixBytes + length;
      if (end > data.length) break;
      this.#check(length);
      this.#accept(data[offset] as number, data.subarray(offset + prefixBytes, end), end - offset);
      offset = end;
    }
    if (offset < data.length) {
      this.#partial = new PartialMessage();
      this.#continue(this.#partial, data, offset);
    }
  }

  /** The other side will send no more. @throws GrpcError where it stopped within a message */
  checkComplete(): void {
    if (this.#partial === undefined) return;
    this.#partial = undefined;
    throw new GrpcError(Status.INTERNAL, `the last ${this.#owner.incomingName} message is not complete`);
  }

  /** Nothing more will come: `receive` gives the messages, and then `undefined`, or rejects with `error` if there is one. The first call counts. */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#partial = undefined;
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

  /** Takes a message that is here. */
  shift(): In | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#first = first.next;
    if (first.next === undefined) this.#last = undefined;
    if (first.unacknowledged > 0) this.#owner.acknowledge(first.unacknowledged);
    return first.message;
  }

  /** The next message, `undefined` at the end. */
  receive(options?: WaitOptions): Promise<In | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#waiter !== undefined) return Promise.reject(new BusyStreamError("another receive is waiting on this call"));
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const message = this.shift();
    if (message !== undefined) return Promise.resolve(message);
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
      else this.#acknowledgePartial();
    });
  }

  /** From now on a single message need not be taken to be received whole; it is bounded by its size limit. */
  awaitEnd(): void {
    this.#eager = true;
    this.#acknowledgePartial();
  }

  #continue(partial: PartialMessage, data: Uint8Array, start: number): number {
    let offset = start;
    if (!partial.prefixComplete) {
      offset = partial.pushPrefix(data, offset);
      if (partial.prefixComplete) this.#check(partial.length);
    }
    if (partial.prefixComplete) {
      offset = partial.push(data, offset);
      if (partial.complete) {
        this.#partial = undefined;
        this.#accept(partial.flags, partial.join(), partial.unacknowledged);
        return offset;
      }
    }
    this.#acknowledgePartial();
    return offset;
  }

  #acknowledgePartial(): void {
    const partial = this.#partial;
    if (partial === undefined || partial.unacknowledged === 0 || (this.#waiter === undefined && !this.#eager)) return;
    const bytes = partial.unacknowledged;
    partial.unacknowledged = 0;
    this.#owner.acknowledge(bytes);
  }

  #check(length: number): void {
    if (length > this.#maxMessageBytes) {
      const { incomingName } = this.#owner;
      throw new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        `${incomingName} message of ${length} bytes is larger than maxReceiveMessageBytes (${this.#maxMessageBytes})`,
      );
    }
    this.received += 1;
    if (this.#single && this.received > 1) {
      throw new GrpcError(Status.UNIMPLEMENTED, `a second ${this.#owner.incomingName} message came where the method has one`);
    }
  }

  #accept(flags: number, bytes: Uint8Array, unacknowledged: number): void {
    const message = this.#decode(flags, bytes);
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.forget?.();
      if (unacknowledged > 0) this.#owner.acknowledge(unacknowledged);
      waiter.resolve(message);
      return;
    }
    const received: Received<In> = { message, unacknowledged, next: undefined };
    if (this.#last === undefined) this.#first = received;
    else this.#last.next = received;
    this.#last = received;
  }

  #decode(flags: number, bytes: Uint8Array): In {
    let plain = bytes;
    if (flags !== 0) {
      const { incomingName } = this.#owner;
      if (flags !== 1) throw new GrpcError(Status.INTERNAL, `${incomingName} message has the unknown flags ${flags}`);
      if (this.encoding === undefined)
        throw new GrpcError(Status.INTERNAL, `${incomingName} message is compressed, but no grpc-encoding says how`);
      plain = this.encoding.decode(bytes, this.#maxMessageBytes);
    }
    try {
      return this.#owner.decode(plain);
    } catch (cause) {
      throw new GrpcError(Status.INTERNAL, `${this.#owner.incomingName} message could not be decoded`, { cause });
    }
  }

  #dropAll(): void {
    let bytes = this.#partial?.unacknowledged ?? 0;
    for (let each = this.#first; each !== undefined; each = each.next) bytes += each.unacknowledged;
    this.#first = undefined;
    this.#last = undefined;
    this.#partial = undefined;
    if (bytes > 0) this.#owner.acknowledge(bytes);
  }

  #settleWaiter(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#end === undefined) return;
    this.#waiter = undefined;
    waiter.forget?.();
    if (this.#end.error !== undefined) {
      waiter.reject(this.#end.error);
      return;
    }
    this.#endTaken = true;
    waiter.resolve(undefined);
  }
}
