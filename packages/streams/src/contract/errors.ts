/**
 * The ways in which a stream stops. The end is a value: `receive()` returns `undefined`. `BrokenStreamError` means that
 * the other side or the way to it is gone. `ClosedStreamError` means that this side has closed the stream itself.
 *
 * `instanceof` recognises these errors from another copy of the package, too.
 */
import { brandClass } from "@trunkline/base";

/** The error of a stream whose other side, or the way to it, is gone: nothing more goes in either direction. */
export class BrokenStreamError extends Error {
  static {
    brandClass(BrokenStreamError, "BrokenStreamError");
  }

  override name = "BrokenStreamError";
  /** A stable word for programs, such as `"ABORTED"`. */
  readonly code: string;

  constructor(message: string, options: { readonly cause?: unknown; readonly code?: string } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = options.code ?? "BROKEN_STREAM";
  }
}

/** The error of a call on a stream, or on its sending half, that this side has closed before. */
export class ClosedStreamError extends Error {
  static {
    brandClass(ClosedStreamError, "ClosedStreamError");
  }

  override name = "ClosedStreamError";
  readonly code = "CLOSED_STREAM";
}

/** The error of one call too many: another `receive` is waiting on this stream, or `maxPendingSends` sends are. */
export class BusyStreamError extends Error {
  static {
    brandClass(BusyStreamError, "BusyStreamError");
  }

  override name = "BusyStreamError";
  readonly code = "BUSY_STREAM";
}

/**
 * The error of a message with metadata on a stream that cannot carry metadata with a message, or whose lower layers
 * cannot.
 */
export class MetadataNotCarriedError extends Error {
  static {
    brandClass(MetadataNotCarriedError, "MetadataNotCarriedError");
  }

  override name = "MetadataNotCarriedError";
  readonly code = "METADATA_NOT_CARRIED";
}
