/**
 * The three failure words of a stream are two errors and a value: the end is `undefined` from `receive()`,
 * `BrokenStreamError` is the other side or the way being gone, `ClosedStreamError` is your own doing.
 */

interface ErrorOptionsWithCause {
  readonly cause?: unknown;
}

/** The other side, or the way to it, is gone; the stream carries nothing more in either direction. */
export class BrokenStreamError extends Error {
  override name = "BrokenStreamError";
  /** A stable word for programs, such as `"ABORTED"`. */
  readonly code: string;

  constructor(message: string, options: ErrorOptionsWithCause & { readonly code?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code ?? "BROKEN_STREAM";
  }
}

/** You closed this stream, or its sending half, and used it afterwards. */
export class ClosedStreamError extends Error {
  override name = "ClosedStreamError";
  readonly code = "CLOSED_STREAM";
}

/** Another `receive` is waiting on this stream, or more than `maxPendingSends` sends are. */
export class BusyStreamError extends Error {
  override name = "BusyStreamError";
  readonly code = "BUSY_STREAM";
}

/** A message had metadata and this stream, or a layer below it, cannot carry metadata with a message. */
export class MetadataNotCarriedError extends Error {
  override name = "MetadataNotCarriedError";
  readonly code = "METADATA_NOT_CARRIED";
}
