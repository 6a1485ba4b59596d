/** The errors of calls, and the one place that turns whatever was thrown into one. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { BrokenStreamError } from "@trunkline/streams";
import { isStatus, Status, type StatusName, statusName } from "./status.js";
import { type Detail, decodeStatusDetails, noDetails, packDetail, unpackDetail } from "./status-details.js";

/** Gives an error the details that came with it, as the value of their header field. */
export let receiveDetails: (error: GrpcError, value: string) => void;

export interface GrpcErrorOptions {
  /** At a server: sent as trailing metadata. At a client: what came as trailing metadata. */
  readonly metadata?: MetadataInit | undefined;
  /** At a server: sent as `google.rpc.Status`. At a client: what came so. */
  readonly details?: readonly Detail[] | undefined;
  readonly cause?: unknown;
}

/**
 * How a call ended other than with OK. Thrown by a handler, it becomes the call's status, with message and metadata;
 * at a client every step of a call that failed rejects with one.
 */
export class GrpcError extends BrokenStreamError {
  override name = "GrpcError";
  /** The status as a number, one of `Status`. */
  readonly status: Status;
  /** The status as a word: `"NOT_FOUND"`. */
  declare readonly code: StatusName;
  /** The trailing metadata; empty where there was none. */
  readonly metadata: Metadata;
  /** As they came, until somebody looks. */
  #details: readonly Any[] | string;

  /**
   * @param message the status message, sent as it is; any text
   * @throws RangeError for a number that is no status, or for OK, which is not an error
   * @throws MetadataError for metadata that cannot be sent; TypeError for a detail of a type that is not known
   */
  constructor(status: Status, message = "", options: GrpcErrorOptions = {}) {
    if (!isStatus(status) || status === Status.OK)
      throw new RangeError(`the status of a GrpcError must be from 1 to 16, not ${status}`);
    super(message, { code: statusName(status), ...("cause" in options ? { cause: options.cause } : {}) });
    this.status = status;
    this.metadata = options.metadata === undefined ? Metadata.empty : Metadata.from(options.metadata);
    this.#details = options.details === undefined ? noDetails : options.details.map(packDetail);
  }

  static {
    receiveDetails = (error, value) => {
      error.#details = value;
    };
  }

  /** What is known of the error beyond its status, as messages of any type, packed. None where they were malformed. */
  get details(): readonly Any[] {
    if (typeof this.#details === "string") this.#details = decodeStatusDetails(this.#details);
    return this.#details;
  }

  /**
   * The first detail of a type: `error.detail(BadRequestSchema)`, with schemas of `@trunkline/grpc/details` or of your own. Undefined where there is none,
   * or it is malformed.
   */
  detail<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> | undefined {
    for (const packed of this.details) {
      const message = unpackDetail(packed, schema);
      if (message !== undefined) return message;
    }
    return undefined;
  }
}

/** A step that the kind of the call, or what was done before, does not allow. The call itself is not affected. */
export class CallUsageError extends Error {
  override name = "CallUsageError";
  readonly code = "CALL_USAGE";
}

/** An error of ours as the stream layers keep it: always an `Error`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
