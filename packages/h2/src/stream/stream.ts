/**
 * All that is kept for one stream. Each field belongs to one part of the connection, named above it. What its user
 * calls is passed on to the stream's owner, the connection.
 */
import type { HeapEntry } from "@trunkline/base";
import { ByteQueue } from "../bytes/byte-queue.js";
import type { ErrorCode } from "../error-code.js";
import type { HeaderField } from "../header-field.js";
import { type InitialWindow, ReceiveWindow, SendWindow } from "./flow.js";
import type { Http2Stream, SendBlock, SendEnd, StreamHandler, StreamReset } from "./handler.js";
import type { StreamState } from "./state.js";

/** A message of which more has to come; `connection/assemblies.ts` has the rules. */
export interface Assembly {
  readonly stream: Stream;
  /** The `receivedBytes` of the stream when the message will be whole. */
  readonly wholeAt: number;
  /** True once the stream's window was extended. */
  extended: boolean;
  /** The time when it began to wait, or when some of it last came. */
  sinceMs: number;
  /** True once the application was told that there is no room. */
  told: boolean;
}

/** Does what a stream's user asks for. */
export interface StreamOwner {
  sendHeaders(stream: Stream, fields: readonly HeaderField[], end: SendEnd): void;
  sendData(stream: Stream, chunks: Uint8Array | readonly Uint8Array[], end: SendEnd): void;
  isWritable(stream: Stream): boolean;
  sendBlock(stream: Stream): SendBlock | undefined;
  acknowledge(stream: Stream, bytes: number): void;
  extendWindow(stream: Stream, bytes: number): boolean;
  resetByUs(stream: Stream, errorCode: ErrorCode): void;
  release(stream: Stream): void;
}

export class Stream implements Http2Stream {
  readonly id: number;
  /** The time when it was opened, to the millisecond. */
  readonly openedAt: number;
  readonly #owner: StreamOwner;
  /** The handler; undefined until `onRequest` has returned it. */
  handler: StreamHandler | undefined;
  /** A reset that came before there was a handler to be told. */
  untoldReset: StreamReset | undefined = undefined;

  // stream-table.ts
  state: StreamState = "idle";
  /** True once the application has released the stream. */
  released = false;
  /** True where the peer reset the stream before we had begun to answer. */
  givenUp = false;

  // receive.ts
  /** True where the request was HEAD: the response has no content, whatever length it announces. */
  headRequest = false;
  /** True where the request was CONNECT (RFC 9113 §8.5). */
  connectRequest = false;
  /** True after a CONNECT request was answered with 2xx: only DATA may follow, in both directions. */
  tunnel = false;
  /** True once the first header section of the peer, other than 1xx, has come. */
  receivedHeaders = false;
  /** The length that `content-length` has announced; `receivedBytes` is how much of it has come. */
  expectedBytes: number | undefined = undefined;
  receivedBytes = 0;

  // receive-windows.ts
  readonly receiveWindow: ReceiveWindow;
  /** The bytes received and not consumed by the application. */
  unreadBytes = 0;
  /** The bytes consumed, or padding, and not granted to the peer again. */
  consumedBytes = 0;
  /** The bytes granted past the size of the window for a message in the making, and not consumed yet. */
  extendedBytes = 0;
  /** The bytes received for an extended message in the making and not consumed yet: the reader waits for them. */
  awaitedBytes = 0;
  /** The bytes consumed or awaited since the window was last credited: the pace of the reader. */
  paceBytes = 0;
  /** The time when the window was last credited, or when the first payload came. */
  creditedAt: number | undefined = undefined;

  // assemblies.ts
  /** The message that comes in part. */
  assembly: Assembly | undefined = undefined;

  // scheduler.ts
  readonly sendWindow: SendWindow;
  /** The queue of what could not be written at once. Most streams never have one. */
  #queue: ByteQueue | undefined = undefined;
  /** True where END_STREAM, or trailers, wait behind the queue, which is then not empty. */
  endQueued = false;
  trailersQueued: readonly HeaderField[] | undefined = undefined;
  /** True while the stream stands in the ring of the scheduler. */
  scheduled = false;
  /** The place among the blocked streams, -1 outside. */
  heapIndex = -1;
  /** True where `onWritable` has to be called. */
  awaitsWritable = false;

  // widest-windows.ts
  /**
   * The entry among the widest send windows; on the stream, since a map would keep streams alive until a full
   * collection.
   */
  widestEntry: HeapEntry | undefined = undefined;

  // send.ts
  sentHeaders = false;
  /** True once the application has given END_STREAM; it may still be queued. */
  endGiven = false;

  constructor(
    id: number,
    owner: StreamOwner,
    handler: StreamHandler | undefined,
    sendWindow: InitialWindow,
    receiveWindow: InitialWindow,
    openedAt: number,
  ) {
    this.id = id;
    // A whole number, which needs no memory of its own.
    this.openedAt = Math.floor(openedAt);
    this.#owner = owner;
    this.handler = handler;
    this.sendWindow = new SendWindow(sendWindow);
    this.receiveWindow = new ReceiveWindow(receiveWindow);
  }

  /**
   * The place in the heap of blocked streams: the stream may send when the peer's initial window size is larger than
   * this.
   */
  get dueMs(): number {
    return -this.sendWindow.granted;
  }

  /** True where the peer may still send on the stream. */
  get remoteOpen(): boolean {
    return this.state === "open" || this.state === "halfClosedLocal";
  }

  get bufferedBytes(): number {
    return this.#queue === undefined ? 0 : this.#queue.length;
  }

  /** The queue, which is made when something has to wait. */
  get queue(): ByteQueue {
    this.#queue ??= new ByteQueue();
    return this.#queue;
  }

  dropQueue(): void {
    this.#queue = undefined;
  }

  get sendBlock(): SendBlock | undefined {
    return this.#owner.sendBlock(this);
  }

  get isWritable(): boolean {
    return this.#owner.isWritable(this);
  }

  sendHeaders(fields: readonly HeaderField[], end: SendEnd): void {
    this.#owner.sendHeaders(this, fields, end);
  }

  sendData(chunks: Uint8Array | readonly Uint8Array[], end: SendEnd): void {
    this.#owner.sendData(this, chunks, end);
  }

  acknowledge(bytes: number): void {
    this.#owner.acknowledge(this, bytes);
  }

  extendWindow(bytes: number): boolean {
    return this.#owner.extendWindow(this, bytes);
  }

  reset(errorCode: ErrorCode): void {
    this.#owner.resetByUs(this, errorCode);
  }

  release(): void {
    this.#owner.release(this);
  }
}
