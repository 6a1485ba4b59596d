/** The error of a stream that could not be secured end to end. */
import { brandClass } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";

/**
 * The reason of an `EndToEndError`.
 * - `NOT_SPOKEN`: the other side does not speak TLS inside the stream, or the router has removed the wish for it.
 * - `NOT_TRUSTED`: the other side has no certificate, or one that is neither pinned nor signed by the authority.
 * - `CERTIFICATE`: the other side's certificate has expired, is not valid yet, or has another fault.
 * - `REFUSED`: the other side does not accept this one.
 * - `WRONG_NAME`: the router has joined this side to another name than the one that was dialled.
 * - `TIMEOUT`: the handshake did not end in time.
 * - `FAILED`: any other failure of the handshake, such as bytes that were changed on the way.
 */
export type EndToEndErrorCode =
  | "NOT_SPOKEN"
  | "NOT_TRUSTED"
  | "CERTIFICATE"
  | "REFUSED"
  | "WRONG_NAME"
  | "TIMEOUT"
  | "FAILED";

const statuses: Readonly<Record<EndToEndErrorCode, Status>> = {
  NOT_SPOKEN: Status.FAILED_PRECONDITION,
  NOT_TRUSTED: Status.UNAUTHENTICATED,
  CERTIFICATE: Status.UNAUTHENTICATED,
  REFUSED: Status.UNAUTHENTICATED,
  WRONG_NAME: Status.FAILED_PRECONDITION,
  TIMEOUT: Status.DEADLINE_EXCEEDED,
  FAILED: Status.DATA_LOSS,
};

/** The text for the other side, which the router can read: no names of keys or people. */
const words: Readonly<Record<EndToEndErrorCode, string>> = {
  NOT_SPOKEN: "this side wants end-to-end TLS, which the other one does not speak",
  NOT_TRUSTED: "the other side's key or certificate is not trusted here",
  CERTIFICATE: "the other side's certificate is not valid now",
  REFUSED: "the other side has refused the handshake",
  WRONG_NAME: "the router has joined different names",
  TIMEOUT: "the handshake did not end in time",
  FAILED: "the handshake failed",
};

/** Reports that a stream could not be secured end to end. No byte of the application has passed before. */
export class EndToEndError extends GrpcError {
  override name = "EndToEndError";
  /** The kind of failure, stable for programs. */
  readonly reason: EndToEndErrorCode;

  constructor(reason: EndToEndErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(statuses[reason], `end to end: ${message}`, options);
    this.reason = reason;
  }

  static {
    brandClass(EndToEndError, "EndToEndError");
  }

  /** Returns the error that the other side is told, through a router that may read it. */
  forOtherSide(): GrpcError {
    return new GrpcError(this.status, `${abortPrefix}${words[this.reason]}`);
  }
}

/** The beginning of the message by which a side tells the other one that the handshake has failed. */
export const abortPrefix = "end to end: ";
