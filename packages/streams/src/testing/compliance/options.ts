/** What the suite has to know about the streams that it is run against. */

import type { VirtualClock } from "@trunkline/base/testing";
import type { ObjectStream } from "../../contract/stream.js";

/** Makes an item of the stream from bytes, and bytes from an item, where items are not bytes themselves. */
export interface ItemCodec {
  toItem(bytes: Uint8Array): {};
  toBytes(item: {}): Uint8Array;
}

/** Two connected ends, each of which takes at least one small item that nobody reads yet. */
export interface StreamPair {
  readonly first: ObjectStream<{}>;
  readonly second: ObjectStream<{}>;
  /**
   * How many listeners there are now on whatever the streams are made of, such as a socket: the suite tests that waits leave none
   * behind. Without it only signals are counted.
   */
  listenerCount?(): number;
  /** Called after the test, when both ends have been aborted. */
  release?(): Promise<void> | void;
}

export interface ComplianceOptions {
  /** A new pair for each test, to which the clock is to be given. */
  connect(clock: VirtualClock): Promise<StreamPair> | StreamPair;
  /** Default: items are `Uint8Array`. */
  readonly codec?: ItemCodec;
  /** False for a byte stream, which may cut and join items, and for which an empty one is nothing. Default true. */
  readonly keepsBoundaries?: boolean;
  /**
   * `"first"` if the end of the second side ends both directions, as the end of a gRPC server does; `"none"` if that of either side does,
   * as that of a plain WebSocket. Default `"both"`.
   */
  readonly halfClose?: "both" | "first" | "none";
  /**
   * What disposal of the first side does after `sendEof` and before the other side's end: `"abort"` for a gRPC client call, which is
   * cancelled. Default `"close"`.
   */
  readonly disposal?: "close" | "abort";
  /** False where the way itself cannot tell an abort from an end, as with Unix sockets. Default true. */
  readonly abortIsSeen?: boolean;
  /** False for streams without a clock, whose `close()` has no time limit. Default true. */
  readonly keepsTime?: boolean;
  /** The largest item that is sent, 64 MiB at most. Default 4 MiB, so that the suite stays quick. */
  readonly maxItemBytes?: number;
  /** How much may be accepted and not read, all buffers on the way together. Default 16 MiB. */
  readonly maxUnreadBytes?: number;
  /**
   * Lets everything happen that can happen without either side doing something: some turns of the event loop where the stream
   * does I/O. Default: some microtasks.
   */
  settle?(): Promise<void>;
}

export interface ComplianceTest {
  /** A sentence about behaviour. */
  readonly title: string;
  /** Rejects with an error that says what was expected. */
  run(): Promise<void>;
}
