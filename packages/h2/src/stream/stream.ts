/**
 * All that is kept for one stream. The record is plain: each field is owned by one collaborator of the connection,
 * named beside it, and changed by nobody else.
 */
import { ByteQueue } from "../bytes/byte-queue.js";
import type { HeaderField } from "../header-field.js";
import { ReceiveWindow, SendWindow } from "./flow.js";
import type { StreamState } from "./state.js";

export class Stream<Context> {
  readonly id: number;
  readonly openedAt: number;
  context: Context | undefined;

  // stream-table.ts
  state: StreamState = "idle";
  /** The application is done with it. */
  released = false;

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
  /** When the window was last credited, or the first payload came. */
  creditedAt: number | undefined = undefined;

  // scheduler.ts
  readonly sendWindow: SendWindow;
  readonly queue: ByteQueue = new ByteQueue();
  /** END_STREAM, or trailers, wait behind the queue, which is then not empty. */
  endQueued = false;
  trailersQueued: readonly HeaderField[] | undefined = undefined;
  /** In the scheduler's ring. */
  scheduled = false;
  /** `onWritable` is owed. */
  awaitsWritable = false;

  // send.ts
  sentHeaders = false;
  /** The application has given END_STREAM; it may still be queued. */
  endGiven = false;

  constructor(id: number, context: Context | undefined, sendWindow: number, receiveWindow: number, openedAt: number) {
    this.id = id;
    this.openedAt = openedAt;
    this.context = context;
    this.sendWindow = new SendWindow(sendWindow);
    this.receiveWindow = new ReceiveWindow(receiveWindow);
  }

  /** The peer may still send on it. */
  get remoteOpen(): boolean {
    return this.state === "open" || this.state === "halfClosedLocal";
  }
}
