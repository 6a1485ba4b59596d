/** The options of the suite: the properties of the streams that it tests. */

import type { VirtualClock } from "@trunkline/base/testing";
import type { ObjectStream } from "../../contract/stream.js";

/** The conversion between bytes and the items of a stream whose items are not bytes. */
export interface ItemCodec {
  toItem(bytes: Uint8Array): {};
  toBytes(item: {}): Uint8Array;
}

/** Two connected ends, each of which takes at least one small item that is not read yet. */
export interface StreamPair {
  readonly first: ObjectStream<{}>;
  readonly second: ObjectStream<{}>;
  /**
   * Returns the number of listeners on the parts of the streams, such as a socket: the suite tests that waits leave
   * none behind. Without it only listeners on signals are counted.
   */
  listenerCount?(): number;
  /** Frees the parts of the pair. It is called after the test, when both ends have been aborted. */
  release?(): Promise<void> | void;
}

/** Options of `complianceTests`. */
export interface ComplianceOptions {
  /** Makes a new pair for each test. The clock is to be given to its streams. */
  connect(clock: VirtualClock): Promise<StreamPair> | StreamPair;
  /** The conversion of items. By default items are `Uint8Array`. */
  readonly codec?: ItemCodec;
  /**
   * Whether each item arrives as it was sent. A byte stream may cut and join items, and drop empty ones. Default true.
   */
  readonly keepsBoundaries?: boolean;
  /**
   * The sides that can half-close: `"first"` if the end of the second side ends both directions, as that of a gRPC
   * server does; `"none"` if that of either side does, as that of a plain WebSocket. Default `"both"`.
   */
  readonly halfClose?: "both" | "first" | "none";
  /**
   * The effect of disposal of the first side after `sendEof` and before the other side's end: `"abort"` for a gRPC
   * client call, which is cancelled. Default `"close"`.
   */
  readonly disposal?: "close" | "abort";
  /** Whether the other side can tell an abort from an end. Unix sockets cannot. Default true. */
  readonly abortIsSeen?: boolean;
  /** Whether the streams have a clock, so that `close()` has a time limit. Default true. */
  readonly keepsTime?: boolean;
  /** The largest item in bytes that is sent, at most 64 MiB. Default 4 MiB, so that the suite stays quick. */
  readonly maxItemBytes?: number;
  /**
   * The number of bytes that may be accepted and not read, in all buffers on the way. The tests that fill buffers send
   * blocks of a 256th of it, up to twice as many bytes, so that a smaller number makes the suite quicker. It is to be
   * four times what is really held, since 64 sends that wait are to be too many. Default 16 MiB, which is enough for
   * sockets.
   */
  readonly maxUnreadBytes?: number;
  /**
   * Waits until everything has happened that can happen without a call of either side: for some turns of the event loop
   * where the stream does I/O. Default: for some microtasks.
   */
  settle?(): Promise<void>;
}

/** One test of the suite. */
export interface ComplianceTest {
  /** The title: a sentence about behaviour. */
  readonly title: string;
  /** Runs the test. Rejects with an error that names the expectation. */
  run(): Promise<void>;
}
