/**
 * What a connection tells its user. One object hears all streams of a connection; the `context` that was
 * given for a stream comes back with each of its events, so that nobody has to keep a second table.
 *
 * After `release` a stream has no more events. Every callback runs inside `receive`, `handleTimeout`, `takeOutput` or `transportClosed`, and may call back in.
 */
import type { ErrorCode } from "../error-code.js";
import type { H2Error } from "../errors.js";
import type { HeaderField } from "../header-field.js";

/** Why a stream ended before its END_STREAM. */
export interface StreamReset {
  readonly errorCode: ErrorCode;
  /** For people: what happened, with the value and the limit where there is one. */
  readonly message: string;
  /** `"remote"`: the peer sent RST_STREAM or GOAWAY, or is gone; `"local"`: this engine ended it because of what the peer did. */
  readonly origin: "local" | "remote";
  /** `"connection"`: the whole connection ended. */
  readonly scope: "stream" | "connection";
  /** The peer has surely not begun to work on it (REFUSED_STREAM, or past GOAWAY's last stream): it may be sent again. */
  readonly unprocessed: boolean;
  readonly cause?: unknown;
}

export interface ConnectionHandler<Context> {
  /**
   * A header section that begins a message: a request at a server (`context` is undefined: give one with
   * `setContext`), a response at a client. Informational (1xx) responses go to `onInformational`.
   */
  onHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean, context: Context | undefined): void;
  onInformational?(streamId: number, fields: readonly HeaderField[], context: Context): void;
  /**
   * Payload of one DATA frame, without padding; possibly empty with `endStream`. The view is into the received
   * chunk: to keep it is allowed, and keeps the chunk alive (`retained` copies what is small).
   * Each byte must be given back by `acknowledge` when it is consumed.
   */
  onData(streamId: number, data: Uint8Array, endStream: boolean, context: Context): void;
  /** The trailer section; it always ends the peer's side of the stream. */
  onTrailers(streamId: number, fields: readonly HeaderField[], context: Context): void;
  /** The stream ended before its time, for both directions. Not called for one's own `reset`. */
  onReset(streamId: number, reset: StreamReset, context: Context): void;
  /** What was queued for the stream has fallen below the low mark after `bufferedBytes` was above the high one. */
  onWritable(streamId: number, context: Context): void;
  /** Client: `openStream` may succeed again after it gave `undefined`. */
  onStreamsAvailable?(): void;
  /** The peer will accept no more streams. Those past `lastStreamId` have had their `onReset`. */
  onGoAway?(lastStreamId: number, errorCode: ErrorCode, debugData: Uint8Array): void;
  /** The peer's first SETTINGS, or a later one, is in force. */
  onSettings?(): void;
  /** The answer to `ping()` number `pingId`; answers to PINGs of the engine's own (keepalive, round trip) come here too, with other numbers. */
  onPong?(pingId: number, roundTripMs: number): void;
  /**
   * The connection is over; every stream has had its `onReset`. `error` is undefined after an orderly end.
   */
  onClose(error: H2Error | undefined): void;
}
