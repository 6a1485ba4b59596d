/** Defaults of calls: the options that a client or a channel gives for all its calls. */
import { wholeNumber } from "@trunkline/base";
import type { HeaderField } from "@trunkline/h2";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { defaultMaxReceiveMessageBytes } from "../connection/options.js";
import { checkedInterceptors } from "../hooks/chain.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import { type DecodeLimits, type DecodeOptions, defaultDecodeLimits, resolveDecodeLimits } from "../service/codec.js";
import { type Compression, type CompressionOption, Compressions } from "../wire/compression.js";
import { largestMessageBytes } from "../wire/message.js";

/**
 * Options of a channel or a client for all its calls. A client's options override those of its channel, a call's
 * options override both.
 */
export interface CallDefaults extends DecodeOptions {
  /**
   * The number of milliseconds that a call without a deadline of its own may take from its start. Default: no limit. A
   * call that may last longer gives `timeoutMs: Infinity`.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Metadata that is sent with each request. If several levels give the same key, the values of the one closest to the
   * call are sent. Default: none.
   */
  readonly metadata?: MetadataInit | undefined;
  /** Makes calls wait for a connection, see `CallOptions.waitForReady`. Default false. */
  readonly waitForReady?: boolean | undefined;
  /** The largest response message in bytes, decompressed. Default 4,194,304, which every gRPC implementation takes. */
  readonly maxReceiveMessageBytes?: number | undefined;
  /** The largest request message in bytes, before compression. Default: no limit, since the receiver has one. */
  readonly maxSendMessageBytes?: number | undefined;
  /**
   * The compression of request messages. A server that does not know it answers UNIMPLEMENTED. Default `"identity"`,
   * which is none.
   */
  readonly compression?: CompressionOption | undefined;
  /**
   * Compressions of responses that are understood beside `gzip` and `deflate`, and may be named in `compression`. A
   * `Compression` that is given as `compression` is understood too. Default: none.
   */
  readonly acceptCompressions?: readonly Compression[] | undefined;
  /**
   * Interceptors of all calls. Those of a channel stand outside of those of a client, and these outside of those of a
   * call. Default: none.
   */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
}

/** The names of `CallDefaults`. */
export const callDefaultNames: Readonly<Record<keyof CallDefaults, true>> = {
  timeoutMs: true,
  metadata: true,
  waitForReady: true,
  maxReceiveMessageBytes: true,
  maxSendMessageBytes: true,
  maxUnknownFields: true,
  maxNestedMessages: true,
  compression: true,
  acceptCompressions: true,
  interceptors: true,
};

/** The defaults of a client or channel, checked and complete. */
export interface ResolvedDefaults {
  readonly timeoutMs: number | undefined;
  readonly metadata: Metadata;
  /** The metadata as header fields. */
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

/**
 * Checks the defaults and completes them by those of `outer`. @throws TypeError, RangeError or MetadataError for one
 * that cannot be used
 */
export function resolveDefaults(given: CallDefaults = {}, outer: ResolvedDefaults = none): ResolvedDefaults {
  // The copy is frozen: later changes of the caller's metadata concern no call.
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

/** Returns the compressions that one side understands. @throws TypeError for a value that is no `Compression` */
export function understood(
  compression: CompressionOption | undefined,
  more: readonly Compression[] | undefined,
  outer: Compressions = Compressions.builtIn,
): Compressions {
  return outer.with(more).with(typeof compression === "object" ? [compression] : []);
}

/** Returns the limit for messages, or `fallback` if none is given. @throws RangeError naming the option */
export function checkedMessageBytes(name: string, value: number | undefined, fallback: number): number {
  return wholeNumber(name, value ?? fallback, 0, largestMessageBytes);
}

/** Returns a time limit, `Infinity` included. @throws RangeError for a number that is not above zero */
export function checkedTimeoutMs(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs > 0)) return timeoutMs;
  throw new RangeError(`timeoutMs must be a number of milliseconds above zero, not ${String(timeoutMs)}`);
}
