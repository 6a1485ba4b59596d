/** What calls take where they say nothing of their own: from their client, else from their channel. */

import { wholeNumber } from "@trunkline/base";
import type { HeaderField } from "@trunkline/h2";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { defaultMaxReceiveMessageBytes, largestMessageBytes } from "../connection/options.js";
import { checkedInterceptors } from "../hooks/chain.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import { type DecodeLimits, type DecodeOptions, defaultDecodeLimits, resolveDecodeLimits } from "../service/codec.js";
import { type Compression, type CompressionOption, Compressions } from "../wire/compression.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/** Options of a channel or a client for all its calls. What a client says counts before what its channel says, what a call says before both. */
export interface CallDefaults extends DecodeOptions {
  /**
   * Milliseconds that a call without a deadline of its own may take from when it is started. Default: no limit. A call that may last gives
   * `deadline: Deadline.after(Infinity)`.
   */
  readonly timeoutMs?: number | undefined;
  /** Sent with each request. Of a key that several give, the values of the one closest to the call are sent. */
  readonly metadata?: MetadataInit | undefined;
  /** Whether calls wait for a connection, see `CallOptions.waitForReady`. Default false. */
  readonly waitForReady?: boolean | undefined;
  /** Largest message that is received, in bytes, decompressed. Default 4,194,304: what every gRPC implementation takes. */
  readonly maxReceiveMessageBytes?: number | undefined;
  /** Largest message that is sent, in bytes, before compression. Default: no limit, as the receiver has one. */
  readonly maxSendMessageBytes?: number | undefined;
  /** What request messages are compressed with. The server must know it, or answers UNIMPLEMENTED. Default `"identity"`: not at all. */
  readonly compression?: CompressionOption | undefined;
  /**
   * What is understood beside `gzip` and `deflate` when responses come, and may be named in `compression`. A `Compression` that is given as `compression` is
   * understood too. Default: none.
   */
  readonly acceptCompressions?: readonly Compression[] | undefined;
  /** Those of a channel stand outside of those of a client, and these outside of those of a call. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
}

export interface ResolvedDefaults {
  readonly timeoutMs: number | undefined;
  readonly metadata: Metadata;
  /** The same, as it is sent. */
  readonly fields: readonly HeaderField[];
  readonly waitForReady: boolean;
  readonly maxReceiveMessageBytes: number;
  readonly maxSendMessageBytes: number;
  readonly decodeLimits: DecodeLimits;
  readonly compression: Compression | undefined;
  readonly compressions: Compressions;
  readonly interceptors: readonly ClientInterceptor[];
}

const none: ResolvedDefaults = {
  timeoutMs: undefined,
  metadata: Metadata.empty,
  fields: [],
  waitForReady: false,
  maxReceiveMessageBytes: defaultMaxReceiveMessageBytes,
  maxSendMessageBytes: largestMessageBytes,
  decodeLimits: defaultDecodeLimits,
  compression: undefined,
  compressions: Compressions.builtIn,
  interceptors: [],
};

/** @throws TypeError, RangeError, MetadataError for a default that cannot be */
export function resolveDefaults(given: CallDefaults = {}, outer: ResolvedDefaults = none): ResolvedDefaults {
  // A copy: what the caller does to its metadata later concerns no call.
  const metadata = given.metadata === undefined ? outer.metadata : outer.metadata.merge(given.metadata).freeze();
  const { compression } = given;
  const compressions = understood(compression, given.acceptCompressions, outer.compressions);
  return {
    timeoutMs: checkedTimeoutMs(given.timeoutMs) ?? outer.timeoutMs,
    metadata,
    fields: metadata.toWire(),
    waitForReady: given.waitForReady ?? outer.waitForReady,
    maxReceiveMessageBytes: checkedMessageBytes(
      "maxReceiveMessageBytes",
      given.maxReceiveMessageBytes,
      outer.maxReceiveMessageBytes,
    ),
    maxSendMessageBytes: checkedMessageBytes(
      "maxSendMessageBytes",
      given.maxSendMessageBytes,
      outer.maxSendMessageBytes,
    ),
    decodeLimits: resolveDecodeLimits(given, outer.decodeLimits),
    compression: compression === undefined ? outer.compression : compressions.resolve(compression),
    compressions,
    interceptors: [...outer.interceptors, ...checkedInterceptors(given.interceptors)],
  };
}

/** What one side understands that sends with `compression`. @throws TypeError for what is no `Compression` */
export function understood(
  compression: CompressionOption | undefined,
  more: readonly Compression[] | undefined,
  outer: Compressions = Compressions.builtIn,
): Compressions {
  return outer.with(more).with(typeof compression === "object" ? [compression] : []);
}

export function checkedMessageBytes(name: string, value: number | undefined, fallback: number): number {
  return wholeNumber(name, value ?? fallback, 0, largestMessageBytes);
}

function checkedTimeoutMs(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0)) return timeoutMs;
  throw new RangeError(`timeoutMs must be a number of milliseconds above zero, not ${String(timeoutMs)}`);
}

/** @throws GrpcError RESOURCE_EXHAUSTED for a message that is larger than its limit */
export function checkSendMessageBytes(
  name: "request" | "response",
  message: Uint8Array,
  maxSendMessageBytes: number,
): void {
  if (message.length <= maxSendMessageBytes) return;
  const text = `${name} message of ${message.length} bytes is larger than maxSendMessageBytes (${maxSendMessageBytes})`;
  throw new GrpcError(Status.RESOURCE_EXHAUSTED, text);
}
