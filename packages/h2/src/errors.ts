/**
 * The one error class of this package. It answers which side is at fault, how much is lost, and which code goes on the
 * wire.
 */
import { brandClass } from "@trunkline/base";
import { ErrorCode, errorCodeName } from "./error-code.js";

export interface H2ErrorOptions {
  /** The code of RFC 9113 §7 that goes, or came, on the wire. */
  readonly errorCode: ErrorCode;
  /**
   * The extent of the loss: one stream, the whole connection, or only the call that was wrong. Default `"connection"`.
   */
  readonly scope?: "stream" | "connection" | "usage";
  /**
   * The side at fault: `"remote"` is the peer and its bytes, `"local"` is the way this connection was used. Default
   * `"remote"`.
   */
  readonly origin?: "local" | "remote";
  readonly streamId?: number;
  /** The debug text of the GOAWAY, where the message is not what peers look for: `too_many_pings` of gRPC. */
  readonly debugText?: string;
  readonly cause?: unknown;
}

/**
 * The error of an HTTP/2 connection. Whatever bytes come in, and for every wrong call on a connection or stream, this
 * is the one class that is thrown. `instanceof` recognises it from another copy of the package, too.
 */
export class H2Error extends Error {
  static {
    brandClass(H2Error, "H2Error");
  }

  override name = "H2Error";
  /** The wire code. */
  readonly errorCode: ErrorCode;
  /** The wire code's name, stable for programs: `"PROTOCOL_ERROR"`. */
  readonly code: string;
  /** The extent of the loss: one stream, the whole connection, or only a call that was wrong by itself. */
  readonly scope: "stream" | "connection" | "usage";
  /** The side at fault. */
  readonly origin: "local" | "remote";
  /** The identifier of the stream concerned; 0 is the connection. */
  readonly streamId: number;
  /** The debug text of the GOAWAY. Default: the message. */
  readonly debugText: string;

  constructor(message: string, options: H2ErrorOptions) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.errorCode = options.errorCode;
    this.code = errorCodeName(options.errorCode);
    this.scope = options.scope ?? "connection";
    this.origin = options.origin ?? "remote";
    this.streamId = options.streamId ?? 0;
    this.debugText = options.debugText ?? message;
  }
}

/** The peer broke the protocol in a way that ends the connection. */
export function connectionError(errorCode: ErrorCode, message: string, debugText: string = message): H2Error {
  return new H2Error(message, { errorCode, debugText });
}

/** The peer broke the protocol in a way that ends one stream. */
export function streamError(streamId: number, errorCode: ErrorCode, message: string): H2Error {
  return new H2Error(message, { errorCode, streamId, scope: "stream" });
}

/** Returns the error for a call that is wrong by itself, whatever the peer does. */
export function usageError(message: string, streamId = 0): H2Error {
  return new H2Error(message, { errorCode: ErrorCode.INTERNAL_ERROR, scope: "usage", origin: "local", streamId });
}
