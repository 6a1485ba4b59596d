/** The errors of calls. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { brandClass, checkOptionNames, isError, optionNames } from "@trunkline/base";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { BrokenStreamError } from "@trunkline/streams";
import { isStatus, Status, type StatusName, statusName } from "./status.js";
import { type Detail, decodeStatusDetails, noDetails, packDetail, unpackDetail } from "./status-details.js";

/**
 * Gives an error the details that came with it, as the value of their header field. They are decoded when first read.
 */
export let receiveDetails: (error: GrpcError, value: string) => void;

/** Options of a `GrpcError` beside its status and message. */
export interface GrpcErrorOptions {
  /**
   * The trailing metadata. A server sends it with the status; at a client it is the metadata that came with the status.
   */
  readonly metadata?: MetadataInit | undefined;
  /** Details of the error. A server sends them as a `google.rpc.Status`; at a client they are those that came so. */
  readonly details?: readonly Detail[] | undefined;
  /**
   * The number of milliseconds after which a client with a retry policy tries the call again, in place of its own wait;
   * a negative number: it does not try again. A server sends it with the status. Default: the client's policy counts.
   */
  readonly retryPushbackMs?: number | undefined;
  /** The error that led to this one. It is never sent. */
  readonly cause?: unknown;
}

const grpcErrorOptionNames = optionNames<GrpcErrorOptions>({
  metadata: true,
  details: true,
  retryPushbackMs: true,
  cause: true,
});

/**
 * The end of a call with a status other than OK. A handler that throws one ends its call with this status, message and
 * metadata; at a client every step of a call that failed rejects with one.
 *
 * `instanceof GrpcError` is also true for an error of a second installed copy of this package (connect-es#544).
 */
export class GrpcError extends BrokenStreamError {
  override name = "GrpcError";
  /** The status as a number, one of `Status`. */
  readonly status: Status;
  /** The wait before a retry that a handler asks of the client; see `GrpcErrorOptions`. */
  readonly retryPushbackMs: number | undefined;
  /** The status as a word: `"NOT_FOUND"`. */
  declare readonly code: StatusName;
  /** The trailing metadata; empty if there was none. */
  readonly metadata: Metadata;
  /** The packed details, or the value of their header field until they are first read. */
  #details: readonly Any[] | string;

  /**
   * @param message the status message, sent as it is; any text
   * @throws RangeError for a number that is no status, or for OK, which is not an error
   * @throws MetadataError for metadata that cannot be sent; TypeError for a detail of a type that is not known
   */
  constructor(status: Status, message = "", options: GrpcErrorOptions = {}) {
    checkOptionNames("GrpcError", options, grpcErrorOptionNames);
    if (!isStatus(status) || status === Status.OK)
      throw new RangeError(`the status of a GrpcError must be from 1 to 16, not ${status}`);
    super(message, { code: statusName(status), ...("cause" in options ? { cause: options.cause } : {}) });
    this.status = status;
    const { retryPushbackMs } = options;
    if (retryPushbackMs !== undefined && !Number.isSafeInteger(retryPushbackMs))
      throw new RangeError(`retryPushbackMs must be a whole number, not ${String(retryPushbackMs)}`);
    this.retryPushbackMs = retryPushbackMs;
    this.metadata = options.metadata === undefined ? Metadata.empty : Metadata.from(options.metadata);
    this.#details = options.details === undefined ? noDetails : options.details.map(packDetail);
  }

  static {
    receiveDetails = (error, value) => {
      error.#details = value;
    };
    brandClass(GrpcError, "GrpcError");
    Object.defineProperty(GrpcError.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: inspectGrpcError });
  }

  /** The details of the error, as messages of any type, packed. The list is empty if they were malformed. */
  get details(): readonly Any[] {
    if (typeof this.#details === "string") this.#details = decodeStatusDetails(this.#details);
    return this.#details;
  }

  /**
   * Returns the first detail of a type: `error.detail(BadRequestSchema)`, with schemas of `@trunkline/grpc/details` or
   * of your own. It is undefined if there is none, or it is malformed.
   */
  detail<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> | undefined {
    for (const packed of this.details) {
      const message = unpackDetail(packed, schema);
      if (message !== undefined) return message;
    }
    return undefined;
  }
}

type Inspect = (value: unknown, options: object) => string;

/** Shows an error with its status, metadata and the types of its details; `util.inspect` and `console.log` call it. */
function inspectGrpcError(this: GrpcError, depth: number, options: object, inspect: Inspect): string {
  const { name, message, stack = "", status, code, metadata, details, ...others } = this;
  const title = message === "" ? name : `${name}: ${message}`;
  if (depth < 0) return `[${title}]`;
  const trace = /\n {4}at [\s\S]*$/.exec(stack)?.[0] ?? "";
  const shown = {
    status,
    code,
    ...(metadata.size === 0 ? {} : { metadata }),
    ...(details.length === 0 ? {} : { details: details.map(({ typeUrl }) => typeUrl) }),
    ...others,
    ...("cause" in this ? { cause: this.cause } : {}),
  };
  return `${title}${trace} ${inspect(shown, options)}`;
}

/** An error for a step that the kind of the call, or an earlier step, does not allow. The call itself goes on. */
export class CallUsageError extends Error {
  override name = "CallUsageError";
  readonly code = "CALL_USAGE";
}

/** Returns `thrown` if it is an error, and otherwise an error that has it as its cause. */
export function asError(thrown: unknown): Error {
  return isError(thrown) ? thrown : new Error(String(thrown), { cause: thrown });
}
