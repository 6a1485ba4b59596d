/** Options of one call. */
import { optionNames } from "@trunkline/base";
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike } from "@trunkline/streams";
import type { ParentCall } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import type { CompressionOption } from "../wire/compression.js";

/**
 * Options of one call, in its short and its long form. A handler may give its `ServerCall` in their place, which stands
 * for `{ parent: call }`.
 */
export interface CallOptions {
  /** The metadata of the request: text under ordinary keys, bytes under keys that end in `-bin`. Default: none. */
  readonly metadata?: MetadataInit | undefined;
  /**
   * The time by which the call must have ended. The server is told how much time is left. When it passes, the call
   * fails with DEADLINE_EXCEEDED, whatever the server does. A `Date` is a time of day. Default: none.
   */
  readonly deadline?: Deadline | Date | undefined;
  /**
   * The number of milliseconds that the call may take from its start. It takes the place of the client's or channel's
   * `timeoutMs`; with a `deadline`, the one that comes first counts. Default: the client's, else the channel's.
   */
  readonly timeoutMs?: number | undefined;
  /** Cancels the call: it fails with CANCELLED, whose cause is the signal's reason, and the server is told. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The call in whose handler this one is made. This one has the shorter of both deadlines, and is cancelled when the
   * handler's `call.signal` aborts. Metadata is not passed on. Default: none; `asyncContext()` finds it by itself.
   */
  readonly parent?: ParentCall | undefined;
  /**
   * Makes the call wait for a connection as long as its deadline allows. Default false: the call fails with UNAVAILABLE
   * when an attempt to connect fails.
   */
  readonly waitForReady?: boolean | undefined;
  /** The largest response message in bytes, decompressed. Default: the client's, else the channel's. */
  readonly maxReceiveMessageBytes?: number | undefined;
  /** The largest request message in bytes, before compression. Default: the client's, else the channel's. */
  readonly maxSendMessageBytes?: number | undefined;
  /**
   * The compression of request messages. A server that does not know it answers UNIMPLEMENTED. Default: the client's,
   * else the channel's.
   */
  readonly compression?: CompressionOption | undefined;
  /** Interceptors of this call. They stand inside of those of the client and the channel. Default: none. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
  /**
   * Called when the server's initial metadata comes. From a short handler it comes with the first message or the
   * status. It is not called when the server answers with a status alone. An error that it throws cancels the call,
   * which rejects with it.
   */
  readonly onInitialMetadata?: ((metadata: Metadata) => void) | undefined;
  /**
   * Called when the server's trailing metadata comes, with a status of any kind, before the call settles. The call
   * rejects with an error that it throws.
   */
  readonly onTrailingMetadata?: ((metadata: Metadata) => void) | undefined;
}

/** The names of `CallOptions`. */
export const callOptionNames: ReadonlySet<string> = optionNames<CallOptions>({
  metadata: true,
  deadline: true,
  timeoutMs: true,
  signal: true,
  parent: true,
  waitForReady: true,
  maxReceiveMessageBytes: true,
  maxSendMessageBytes: true,
  compression: true,
  interceptors: true,
  onInitialMetadata: true,
  onTrailingMetadata: true,
});

/** The names of the options of `close`, of channels and servers. */
export const closeOptionNames: ReadonlySet<string> = new Set(["closeTimeoutMs"]);
