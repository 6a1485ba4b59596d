/**
 * The two sides of a stream: what its user does with it (`Http2Stream`), and what its user is told (`StreamHandler`).
 *
 * After `release` a stream has no more events. Callbacks run inside the calls of the connection that receive bytes,
 * take output or keep time, and inside the user's own calls of `release`, `reset`, `goAway`, `sendHeaders` and
 * `sendData`. They may call back in.
 */
import type { ErrorCode } from "../error-code.js";
import type { HeaderField } from "../header-field.js";

/** Options of `sendHeaders` and `sendData`. */
export interface SendEnd {
  /** True where nothing more will be sent on the stream. */
  readonly endStream: boolean;
  /**
   * Called by `sendData`, once, when its bytes have gone to the system and nothing reads their memory any more, so that
   * it may be used again. Never called where the stream or the connection ends before, nor over a transport that cannot
   * tell; the driver for Node tells it for its sockets.
   */
  readonly onWritten?: (() => void) | undefined;
}

/** The reason for which a stream cannot send. */
export type SendBlock = "stream-window" | "connection-window" | "transport";

/**
 * One stream of a connection, as its user holds it. All of it stays callable, without effect, when the stream is gone.
 */
export interface Http2Stream {
  /** The stream's identifier on the wire. */
  readonly id: number;
  /** The number of bytes that were given to `sendData` and are not yet on their way. */
  readonly bufferedBytes: number;
  /** The time on the connection's clock when the stream was opened, to the millisecond. */
  readonly openedAt: number;
  /**
   * The reason for which bytes of the stream wait: the peer's window of the stream or of the connection is used up, or
   * the transport takes no more now. Undefined while none waits. For diagnosis: reading it changes nothing.
   */
  readonly sendBlock: SendBlock | undefined;
  /**
   * False while more than `streamSendHighWaterMark` bytes wait: having read it, wait for `onWritable` before sending
   * more.
   */
  readonly isWritable: boolean;
  /**
   * Sends a header section: the first one, an informational (1xx) response, or trailers, which end the stream. Ignored
   * when the stream is closed. @throws H2Error (scope `usage`) after END_STREAM, for trailers that do not end the
   * stream, for an informational response that does, and for fields that the peer would have to refuse (RFC 9113 §8),
   * named with the reason; nothing is sent then.
   */
  sendHeaders(fields: readonly HeaderField[], end: SendEnd): void;
  /**
   * Sends payload: one logical write, cut into frames as needed. What the windows do not let through waits. Large
   * chunks are handed on as they are: they must not be changed before `onWritten`. Ignored when the stream is closed.
   * @throws H2Error (scope `usage`) before headers or after END_STREAM
   */
  sendData(chunks: Uint8Array | readonly Uint8Array[], end: SendEnd): void;
  /** Tells that `bytes` of what `onData` gave were consumed: the peer may send as many more. */
  acknowledge(bytes: number): void;
  /**
   * Makes room for a message of which `bytes` more have to come before the application can consume any of it: the
   * stream's window is extended so that all of it may be sent. Its bytes stay in the connection's budget
   * (`maxBufferedBytesPerConnection`) until they are acknowledged. Call it once a message, when its length is known and
   * not all of it is there.
   *
   * Returns false where the budget has no room for the message now. It is then extended by itself, in order of age,
   * when there is: the oldest message in the making always is. `onBudgetExhausted` tells where that takes longer than
   * `messageBudgetTimeoutMs`.
   */
  extendWindow(bytes: number): boolean;
  /** Ends the stream in both directions at once; what waits on it is dropped. The handler is not told. */
  reset(errorCode: ErrorCode): void;
  /**
   * Ends the user's part: what was not read is credited, and the slot is free once the stream is closed. Queued data
   * with its END_STREAM is still delivered; a stream that would stay open is reset (NO_ERROR at a server that has
   * answered, RFC 9113 §8.1; CANCEL otherwise).
   */
  release(): void;
}

/** The reason why a stream ended before its END_STREAM. */
export interface StreamReset {
  readonly errorCode: ErrorCode;
  /** A text for people: what happened, with the value and the limit where there is one. */
  readonly message: string;
  /**
   * `"remote"`: the peer sent RST_STREAM or GOAWAY, or is gone; `"local"`: this engine ended it because of what the
   * peer did.
   */
  readonly origin: "local" | "remote";
  /** `"connection"`: the whole connection ended. */
  readonly scope: "stream" | "connection";
  /**
   * True where the peer has surely not begun to work on it (REFUSED_STREAM, or past GOAWAY's last stream): it may be
   * sent again.
   */
  readonly unprocessed: boolean;
  readonly cause?: unknown;
}

/** The events of one stream. */
export interface StreamHandler {
  /**
   * The response has begun, at a client. Informational (1xx) responses go to `onInformational`. The request goes to
   * `onRequest`, at a server.
   */
  onHeaders?(fields: readonly HeaderField[], endStream: boolean): void;
  onInformational?(fields: readonly HeaderField[]): void;
  /**
   * Payload of one DATA frame has come, without padding; possibly empty with `endStream`. The bytes are there until the
   * callback returns: the memory behind them is used again, so a handler that keeps them copies them. Each byte must be
   * given back by `acknowledge` when it is consumed.
   */
  onData(data: Uint8Array, endStream: boolean): void;
  /** The trailer section has come; it always ends the peer's side of the stream. */
  onTrailers(fields: readonly HeaderField[]): void;
  /** The stream ended before its time, in both directions. Not called for the user's own `reset`. */
  onReset(reset: StreamReset): void;
  /** The bytes that wait on the stream have fallen below the low mark after `isWritable` was false. */
  onWritable(): void;
  /**
   * The message that `extendWindow` was called for has not gone on for `messageBudgetTimeoutMs`, and the connection's
   * budget is full. The stream goes on waiting unless it is reset: gRPC ends the call with RESOURCE_EXHAUSTED. Told
   * once a message.
   */
  onBudgetExhausted?(): void;
}
