/**
 * All that is kept for one stream. Each field belongs to one part of the connection, named above it. What its user calls is passed on
 * to the stream's owner, the connection.
 */
import { ByteQueue } from "../bytes/byte-queue.js";
import type { ErrorCode } from "../error-code.js";
import type { HeaderField } from "../header-field.js";
import { type InitialWindow, ReceiveWindow, SendWindow } from "./flow.js";
import type { Http2Stream, SendEnd, StreamHandler, StreamReset } from "./handler.js";
import type { StreamState } from "./state.js";

/** A message of which more has to come; `connection/assemblies.ts` has the rules. */
export interface Assembly {
  readonly stream: Stream;
  /** What the stream's `receivedBytes` will be when the message is whole. */
  readonly wholeAt: number;
  /** True once the stream's window was extended. */
  extended: boolean;
  /** When it began to wait, or when some of it last came. */
  sinceMs: number;
  /** True once the application was told that there is no room. */
  told: boolean;
}

/** Does what a stream's user asks for. */
export interface StreamOwner {
  sendHeaders(stream: Stream, fields: readonly HeaderField[], end: SendEnd): void;
  sendData(stream: Stream, chunks: Uint8Array | readonly Uint8Array[], end: SendEnd): void;
  isWritable(stream: Stream): boolean;
  acknowledge(stream: Stream, bytes: number): void;
  extendWindow(stream: Stream, bytes: number): boolean;
  resetByUs(stream: Stream, errorCode: ErrorCode): void;
  release(stream: Stream): void;
}

export class Stream implements Http2Stream {
  readonly id: number;
  readonly openedAt: number;
  readonly #owner: StreamOwner;
  /** Undefined until `onRequest` has returned it. */
  handler: StreamHandler | undefined;
  /** A reset that came before there was a handler to be told. */
  untoldReset: StreamReset | undefined = undefined;

  // stream-table.ts
  state: StreamState = "idle";
  /** The application is done with it. */
  released = false;
  /** The peer reset it before we had begun to answer. */
  givenUp = false;

  // receive.ts
  /** The request was HEAD: the response has no content, whatever length it announces. */
  headRequest = false;
  /** The request was CONNECT (RFC 9113 §8.5). */
  connectRequest = false;
  /** It was, and was answered with 2xx: only DATA may follow, in both directions. */
  tunnel = false;
  /** The peer's first header section, other than 1xx, has come. */
  receivedHeaders = false;
  /** Announced by `content-length`, and how much of it has come. */
  expectedBytes: number | undefined = undefined;
  receivedBytes = 0;

  // receive-windows.ts
  readonly receiveWindow: ReceiveWindow;
  /** Received and not consumed by the application. */
  unreadBytes = 0;
  /** Consumed (or padding) and not granted to the peer again. */
  consumedBytes = 0;
  /** Granted past the window's size for a message in the making, and not consumed yet. */
  extendedBytes = 0;
  /** Received for a message in the making that was extended, and not consumed yet: the reader waits for these bytes. */
  awaitedBytes = 0;
  /** Consumed or awaited since the window was last credited: the reader's pace. */
  paceBytes = 0;
  /** When the window was last credited, or the first payload came. */
  creditedAt: number | undefined = undefined;

  // assemblies.ts
  /** The message that comes in part. */
  assembly: Assembly | undefined = undefined;

  // scheduler.ts
  readonly sendWindow: SendWindow;
  readonly queue: ByteQueue = new ByteQueue();
  /** END_STREAM, or trailers, wait behind the queue, which is then not empty. */
  endQueued = false;
  trailersQueued: readonly HeaderField[] | undefined = undefined;
  /** In the scheduler's ring. */
  scheduled = false;
  /** The place among the blocked streams, -1 outside. */
  heapIndex = -1;
  /** In the line of those that wait for room on the connection. */
  awaitsRoom = false;
  /** `onWritable` is owed. */
  awaitsWritable = false;

  // send.ts
  sentHeaders = false;
  /** The application has given END_STREAM; it may still be queued. */
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
    this.openedAt = openedAt;
    this.#owner = owner;
    this.handler = handler;
    this.sendWindow = new SendWindow(sendWindow);
    this.receiveWindow = new ReceiveWindow(receiveWindow);
  }

  /** The place in the heap of blocked streams: the stream may send when the peer's initial window size is larger than this. */
  get dueMs(): number {
    return -this.sendWindow.granted;
  }

  /** The peer may still send on it. */
  get remoteOpen(): boolean {
    return this.state === "open" || this.state === "halfClosedLocal";
  }

  get bufferedBytes(): number {
    return this.queue.length;
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
