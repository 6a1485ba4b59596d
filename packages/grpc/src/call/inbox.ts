/**
 * The receiving half of a call: bytes of DATA frames in, decoded messages out, one waiting `receive`, and the end.
 *
 * The bytes of a DATA frame are there until `onData` returns. A message that comes whole and is awaited is decoded from
 * there; what has to be kept is copied, and a message that is awaited and comes in parts is put together in memory of
 * its own.
 *
 * Messages are decoded when they are taken: until then they need no more memory than they had on the wire, which flow
 * control bounds. Their bytes are acknowledged at the same time. A message may be larger than the window of its stream,
 * and would then never be whole: when it is awaited and has come in part, the stream's window is extended for it. Its
 * bytes stay in the budget of the connection until it is taken, and the whole message in that of the process
 * (`MessageBudget`). A message that is decompressed in the background stays in both until that is done.
 */
import { abortReason, onAbort } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError, type WaitOptions } from "@trunkline/streams";
import { waitOptionsRefusal } from "@trunkline/streams/kit";
import type { AttemptChain } from "../hooks/attempts.js";
import { type Compression, decompressed, type InflationOwner } from "../wire/compression.js";
import { GrpcError } from "../wire/errors.js";
import { type MessageSizeLimit, MessageWalk, messageLength, prefixBytes } from "../wire/message.js";
import { Status } from "../wire/status.js";
import { rejectionAtCaller } from "./caller-stack.js";
import { type MessageBudget, type Reservation, type ReservationOwner, unbudgetedBytes } from "./message-budget.js";
import { MessageInMaking } from "./message-in-making.js";
import { ReceivedBytes } from "./received-bytes.js";

interface Waiter<In> {
  resolve(message: In | undefined | PromiseLike<never>): void;
  reject(error: unknown): void;
  forget: (() => void) | undefined;
}

/** A message that is decompressed in the background, until it is decoded or dropped. */
interface Inflation extends InflationOwner {
  /** The length of the message before that. */
  readonly bytes: number;
  /** Called once the message is decoded: the end of the input and the start of a handler wait for it. */
  onDecoded: (() => void) | undefined;
}

/** The call whose messages an `Inbox` receives. */
export interface InboxOwner<In> {
  /** The name of the messages in errors: `"request"` or `"response"`. */
  readonly incomingName: string;
  /** True where a second message is an error. */
  readonly singleMessage: boolean;
  /** The largest message, decompressed. */
  readonly maxIncomingBytes: number;
  readonly messageBudget: MessageBudget;
  /** False where messages keep no view of the bytes that they are decoded of. */
  readonly keepsViews: boolean;
  /** Returns the message of its bytes. */
  decode(bytes: Uint8Array): In;
  /** Lets the other side send `bytes` more. */
  acknowledge(bytes: number): void;
  /** Makes room for a message of which `bytes` have still to come. */
  extendWindow(bytes: number): void;
  /** The connection of the call, whose messages are decompressed in turn with those of others. */
  readonly lane: object;
  /** False while a message that no `receive` waits for is better left undecoded. */
  readonly hasRoom: boolean;
  /** Returns a promise if a message may not be decompressed in the background yet, settled when to ask again. */
  mustWait(): Promise<void> | undefined;
  /** Called when the other side has ended the stream with its last data. @throws GrpcError when that is too early */
  onInputEnd(): void;
  /** Called when a message that is awaited cannot be had: the call must end with the error. */
  onBadInput(error: GrpcError): void;
}

export class Inbox<In extends {}> implements MessageSizeLimit, ReservationOwner {
  readonly #owner: InboxOwner<In>;
  /** The `grpc-encoding` of this direction, where it is not identity. */
  encoding: Compression | undefined = undefined;
  readonly #walk: MessageWalk = new MessageWalk();
  /** The first message that was not taken, where a part of it has come and it is or was awaited. */
  #making: MessageInMaking | undefined = undefined;
  /** The bytes that have come behind that and were not taken. Most calls never have any. */
  #bytes: ReceivedBytes | undefined = undefined;
  /** True once room was asked for, for the message in the making. */
  #extended = false;
  /** The room of a large message in the making. */
  #reservation: Reservation | undefined = undefined;
  /** The message that is decompressed in the background. The next one waits, so that their order stays. */
  #inflation: Inflation | undefined = undefined;
  /** A message that was decoded before it was asked for. */
  #held: In | undefined = undefined;
  #waiter: Waiter<In> | undefined = undefined;
  /** True where the one message is received whole even if no `receive` waits. */
  #eager = false;
  /** The end that comes after the messages: with an error, or in order if that is undefined. */
  #end: { readonly error: Error | undefined } | undefined = undefined;
  /** True once the end was taken: no later failure can replace it. */
  #endTaken = false;
  /** True once a message that has come in part was given up: what comes is dropped. */
  #cut = false;
  /** Makes the error of this side's steps once it reads no more: most calls are closed and take no further step. */
  #closed: (() => Error) | undefined = undefined;
  #onEnd: (() => void) | undefined = undefined;
  /** The hooks that hear of each message that begins to come. */
  #observer: AttemptChain | undefined = undefined;

  constructor(owner: InboxOwner<In>) {
    this.#owner = owner;
  }

  /** Tells the hooks of an attempt of each message that begins to come; undefined takes them away. */
  observe(attempt: AttemptChain | undefined): void {
    this.#observer = attempt;
  }

  /** The number of messages that have come, or begun to come. */
  get received(): number {
    return this.#walk.count;
  }

  /** Takes the payload of a DATA frame. `ended`: it is the last one. */
  onData(data: Uint8Array, ended: boolean): void {
    try {
      this.push(data);
      if (!ended) return;
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
      return;
    }
    // The end comes after the messages before it.
    if (this.#inflation === undefined) this.#endInput();
    else this.#inflation.onDecoded = () => this.#endInput();
  }

  #endInput(): void {
    try {
      this.#owner.onInputEnd();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
    }
  }

  /**
   * Takes the payload of a DATA frame. @throws GrpcError for what the call must end with; messages before that are kept
   */
  push(data: Uint8Array): void {
    if (this.#closed !== undefined || this.#cut) {
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

  /** Checks the length of the message whose prefix has come. */
  checkLength(length: number): void {
    const { incomingName, maxIncomingBytes, singleMessage } = this.#owner;
    if (length > maxIncomingBytes) {
      throw new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        `${incomingName} message of ${length} bytes is larger than maxReceiveMessageBytes (${maxIncomingBytes})`,
      );
    }
    if (singleMessage && this.#walk.count > 1) {
      throw new GrpcError(Status.UNIMPLEMENTED, `a second ${incomingName} message came where the method has one`);
    }
    this.#observer?.messageReceived({ wireBytes: length, bytes: this.encoding === undefined ? length : undefined });
  }

  #add(data: Uint8Array): void {
    let offset = 0;
    if (this.#making !== undefined) {
      offset = this.#making.take(data, 0);
      this.#reservation?.touch();
      if (this.#isAwaited) this.#feed();
    }
    if (this.#isAwaited && this.#keptBytes === 0) offset = this.#takeAtOnce(data, offset);
    if (offset === data.length) return;
    this.#bytes ??= new ReceivedBytes();
    this.#bytes.append(data, offset);
    if (this.#isAwaited) this.#feed();
  }

  /**
   * Takes the message that begins at `offset` and is awaited: most come whole, and are never kept.
   * @returns the offset behind what was taken
   */
  #takeAtOnce(data: Uint8Array, offset: number): number {
    const start = offset + prefixBytes;
    if (start > data.length) return offset;
    const length = messageLength(data, offset);
    const flags = data[offset] as number;
    if (start + length <= data.length) {
      const message = this.#decodeTaken(flags, data.subarray(start, start + length), false);
      if (message !== undefined) this.#give(message);
      return start + length;
    }
    this.#making = new MessageInMaking(flags, length, this.#owner.keepsViews);
    const end = this.#making.take(data, start);
    this.#makeRoom();
    return end;
  }

  /** The number of bytes that have come and were not taken. */
  get #keptBytes(): number {
    const making = this.#making;
    return (making === undefined ? 0 : prefixBytes + making.length - making.missing) + (this.#bytes?.length ?? 0);
  }

  /** True while the next message is given on as soon as it is whole. */
  get #isAwaited(): boolean {
    if (this.#inflation !== undefined) return false;
    return this.#waiter !== undefined || (this.#eager && this.#held === undefined && this.#owner.hasRoom);
  }

  /** Gives on the next message, or makes room for what is missing of it. */
  #feed(): void {
    const message = this.#next();
    if (message !== undefined) this.#give(message);
    else if (this.#inflation === undefined && !this.#extended && this.#end === undefined) this.#makeRoom();
  }

  /** Makes room for the message in the making: first in the process's budget, then in the stream's window. */
  #makeRoom(): void {
    this.#making ??= this.#firstInMaking();
    const making = this.#making;
    if (making === undefined) return;
    this.#extended = true;
    if (making.length > unbudgetedBytes) {
      this.#reservation = this.#owner.messageBudget.reserve(this, making.length);
      if (!this.#reservation.granted) return;
    }
    this.#owner.extendWindow(making.missing);
  }

  /** Makes a message of the bytes that have come, all of which belong to it. */
  #firstInMaking(): MessageInMaking | undefined {
    const bytes = this.#bytes;
    if (bytes === undefined || bytes.length < prefixBytes) return undefined;
    const making = new MessageInMaking(bytes.at(0), bytes.lengthAt(1), this.#owner.keepsViews);
    bytes.drain(prefixBytes, (part) => making.take(part, 0));
    return making;
  }

  onRoom(): void {
    if (this.#making !== undefined) this.#owner.extendWindow(this.#making.missing);
  }

  onNoRoom(): void {
    const { maxBytes, timeoutMs } = this.#owner.messageBudget;
    this.#failForRoom(
      `messages that have come in part use up the messageBudget (${maxBytes} bytes), ` +
        `and this one did not go on for ${timeoutMs} ms`,
    );
  }

  /** Called by the owner when the budget of the connection has had no room for too long. */
  onBudgetExhausted(): void {
    this.#failForRoom("messages that have come in part use up maxBufferedBytesPerConnection");
  }

  #failForRoom(reason: string): void {
    const { incomingName } = this.#owner;
    const length = this.#making?.length ?? this.#inflation?.bytes ?? this.#lengthOfFirst;
    const message = `no room for a ${incomingName} message of ${length} bytes: ${reason}`;
    const error = new GrpcError(Status.RESOURCE_EXHAUSTED, message);
    this.#dropAll();
    this.#owner.onBadInput(error);
  }

  /** The length of the first message of which bytes wait; 0 where its prefix has not come. */
  get #lengthOfFirst(): number {
    return this.#bytes === undefined || this.#bytes.length < prefixBytes ? 0 : this.#bytes.lengthAt(1);
  }

  /** Frees the room of the message in the making, which was taken or dropped. */
  #freeRoom(): void {
    this.#extended = false;
    this.#reservation?.release();
    this.#reservation = undefined;
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

  /** Takes the next message if it is there. @throws GrpcError when it cannot be had */
  #next(): In | undefined {
    if (this.#inflation !== undefined) return undefined;
    const making = this.#making;
    if (making !== undefined) {
      if (making.missing > 0) return undefined;
      this.#making = undefined;
      let decoded = false;
      try {
        const message = this.#decodeTaken(making.flags, making.bytes, true);
        decoded = true;
        return message;
      } finally {
        making.release(decoded);
      }
    }
    const bytes = this.#bytes;
    if (bytes === undefined || bytes.length < prefixBytes) return undefined;
    const length = bytes.lengthAt(1);
    if (bytes.length < prefixBytes + length) return undefined;
    const flags = bytes.at(0);
    const piece = bytes.take(prefixBytes, length);
    return this.#decodeTaken(flags, piece.bytes, piece.own);
  }

  /** Decodes a message, and gives its room back unless it is decompressed in the background. @throws GrpcError */
  #decodeTaken(flags: number, bytes: Uint8Array, own: boolean): In | undefined {
    const { length } = bytes;
    try {
      return this.#decode(flags, bytes, own);
    } finally {
      if (this.#inflation === undefined) this.#taken(length);
    }
  }

  #taken(length: number): void {
    this.#freeRoom();
    this.#owner.acknowledge(prefixBytes + length);
  }

  /** Checks that the other side has not stopped within a message. @throws GrpcError */
  checkComplete(): void {
    if (!this.#walk.complete)
      throw new GrpcError(Status.INTERNAL, `the last ${this.#owner.incomingName} message is not complete`);
  }

  /**
   * Ends the receiving: `receive` gives the messages, and then `undefined`, or rejects with `error` if there is one.
   * The first call counts.
   */
  end(error?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#dropPart();
    this.#onEnd?.();
    this.#settleWaiter();
  }

  /** Drops a message that has come in part and will never be whole. */
  #dropPart(): void {
    const making = this.#making;
    if (making === undefined || making.missing === 0) return;
    const bytes = this.#keptBytes;
    this.#making = undefined;
    this.#cut = true;
    making.release(false);
    this.#freeRoom();
    this.#owner.acknowledge(bytes);
  }

  /** Fails the receiving: messages that were not taken are dropped, and an end that was not taken does not count. */
  fail(error: Error): void {
    if (this.#endTaken) return;
    this.#dropAll();
    if (this.#end?.error === undefined) this.#end = undefined;
    this.end(error);
  }

  /** Closes the inbox: a waiting `receive` and later ones reject with `error`, and all messages are dropped. */
  close(error: Error): void {
    this.#close(() => error);
  }

  #close(why: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    const inflation = this.#inflation;
    this.#waiter?.forget?.();
    this.#waiter?.reject(why());
    this.#waiter = undefined;
    this.#dropAll();
    this.#tellDecoded(inflation);
  }

  /** Closes the inbox; resolves when nothing more can come. */
  discard(): Promise<void> {
    this.#close(closedHere);
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

  /** Returns the next message, or `undefined` at the end. */
  receive(options?: WaitOptions): Promise<In | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed());
    if (this.#waiter !== undefined)
      return Promise.reject(new BusyStreamError("another receive is waiting on this call"));
    const refusal = waitOptionsRefusal(options);
    if (refusal !== undefined) return Promise.reject(refusal);
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
        waiter.forget = onAbort(signal, () => {
          this.#waiter = undefined;
          reject(abortReason(signal));
        });
      }
      if (this.#end !== undefined) this.#settleWaiter();
      else this.#feed();
    });
  }

  /**
   * Ends the call because of a message that could not be decoded when it was asked for, even if the call had ended
   * otherwise meanwhile.
   */
  #failWith(error: GrpcError): Promise<never> {
    this.#dropAll();
    this.#end = { error };
    this.#owner.onBadInput(error);
    return Promise.reject(error);
  }

  /** Receives the one message whole from now on, even if it is not asked for; its size limit bounds it. */
  awaitEnd(): void {
    this.#eager = true;
    if (!this.#isAwaited) return;
    try {
      this.#feed();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
    }
  }

  /**
   * Decodes a message. @param own whether the memory of `bytes` is the message's own
   * @returns undefined if it is decompressed in the background; it is given on later. @throws GrpcError
   */
  #decode(flags: number, bytes: Uint8Array, own: boolean): In | undefined {
    if (flags === 0) return this.#decodePlain(own || !this.#owner.keepsViews ? bytes : new Uint8Array(bytes));
    const { incomingName } = this.#owner;
    if (flags !== 1) throw new GrpcError(Status.INTERNAL, `${incomingName} message has the unknown flags ${flags}`);
    if (this.encoding === undefined)
      throw new GrpcError(Status.INTERNAL, `${incomingName} message is compressed, but no grpc-encoding says how`);
    let inflation: Inflation | undefined;
    const plain = decompressed(incomingName, bytes, this.encoding, this.#owner.maxIncomingBytes, () => {
      inflation = this.#inflationOf(bytes.length);
      this.#inflation = inflation;
      return inflation;
    });
    if (!(plain instanceof Promise)) {
      // A compression may give a part of what it is given.
      const isPart = plain.buffer === bytes.buffer && !own;
      return this.#decodePlain(isPart ? new Uint8Array(plain) : plain);
    }
    plain.then(
      (message) => this.#onInflated(inflation, () => this.#give(this.#decodePlain(message))),
      (error: GrpcError) =>
        this.#onInflated(inflation, () => {
          throw error;
        }),
    );
    return undefined;
  }

  #inflationOf(bytes: number): Inflation {
    const inflation: Inflation = {
      lane: this.#owner.lane,
      bytes,
      onDecoded: undefined,
      isWanted: () => inflation === this.#inflation,
      mustWait: () => (inflation === this.#inflation ? this.#owner.mustWait() : undefined),
    };
    return inflation;
  }

  /** Goes on after a message was decompressed in the background. */
  #onInflated(inflation: Inflation | undefined, take: () => void): void {
    // The message was dropped meanwhile.
    if (inflation === undefined || inflation !== this.#inflation) return;
    this.#inflation = undefined;
    this.#taken(inflation.bytes);
    try {
      take();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
      // A call that had ended already ends for its reader with this error.
      if (this.#waiter !== undefined) {
        this.#end = { error: error as GrpcError };
        this.#settleWaiter();
      }
      return;
    }
    this.#tellDecoded(inflation);
  }

  #tellDecoded(inflation: Inflation | undefined): void {
    try {
      inflation?.onDecoded?.();
    } catch (error) {
      this.#owner.onBadInput(error as GrpcError);
    }
  }

  /** True while the next message is asked for and has not come. */
  get isWaiting(): boolean {
    return this.#waiter !== undefined || (this.#eager && this.#held === undefined);
  }

  /** True while something has come that nobody has asked for. */
  get hasUnread(): boolean {
    return !this.isWaiting && (this.#held !== undefined || this.#keptBytes > 0);
  }

  /** True while a message is decompressed in the background. */
  get inflates(): boolean {
    return this.#inflation !== undefined;
  }

  /** Calls `listener` as soon as no message is decompressed in the background, at once if none is. */
  whenDecoded(listener: () => void): void {
    if (this.#inflation === undefined) listener();
    else this.#inflation.onDecoded = listener;
  }

  #decodePlain(plain: Uint8Array): In {
    try {
      return this.#owner.decode(plain);
    } catch (cause) {
      // Of an interceptor.
      if (cause instanceof GrpcError) throw cause;
      throw new GrpcError(Status.INTERNAL, `${this.#owner.incomingName} message could not be decoded`, { cause });
    }
  }

  #dropAll(): void {
    const inflating = this.#inflation === undefined ? 0 : prefixBytes + this.#inflation.bytes;
    const bytes = this.#keptBytes + inflating;
    if (this.#making !== undefined && this.#making.missing > 0) this.#cut = true;
    this.#making?.release(false);
    this.#making = undefined;
    this.#bytes = undefined;
    this.#held = undefined;
    this.#inflation = undefined;
    this.#freeRoom();
    if (bytes > 0) this.#owner.acknowledge(bytes);
  }

  #settleWaiter(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#end === undefined || this.#inflation !== undefined) return;
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

function closedHere(): ClosedStreamError {
  return new ClosedStreamError("the call was closed");
}
