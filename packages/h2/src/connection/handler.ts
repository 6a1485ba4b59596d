/**
 * The events of a connection: its requests, and what concerns no single stream. Each stream has a handler of its own.
 */
import type { ErrorCode } from "../error-code.js";
import type { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";
import type { Http2Stream, StreamHandler } from "../stream/handler.js";

/** The events of a connection. */
export interface ConnectionHandler {
  /**
   * A request has begun, at a server. Returns the handler of the later events of the stream. `undefined` says that the
   * request was answered already: the stream is then released.
   */
  onRequest?(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler | undefined;
  /** A client may call `openStream` again after it gave `undefined`. */
  onStreamsAvailable?(): void;
  /** The peer will accept no more streams. Those past `lastStreamId` have had their `onReset`. */
  onGoAway?(lastStreamId: number, errorCode: ErrorCode, debugData: Uint8Array): void;
  /** The peer's first SETTINGS, or a later one, is in force. */
  onSettings?(): void;
  /**
   * The answer to `ping()` number `pingId` has come. Answers to PINGs of the engine's own (keepalive, round trip) come
   * here too, with other numbers.
   */
  onPong?(pingId: number, roundTripMs: number): void;
  /** The connection is over; every stream has had its `onReset`. `error` is undefined after an orderly end. */
  onClose(error: H2Error | undefined): void;
}

/** The driver of a connection: it moves the bytes and knows the time. */
export interface AttachedDriver {
  /** Called once whenever output becomes available, and when the connection is over. */
  onOutput(): void;
  /**
   * Called, also within other calls and callbacks, whenever enough messages have ended that their bytes should not wait
   * for the turn's end: `takeWritten()` gives them.
   */
  onBatch?(): void;
  /**
   * Returns the time, for calls that are made between those that tell it, such as `acknowledge`; without it they go by
   * the last of those.
   */
  nowMs?(): number;
}
