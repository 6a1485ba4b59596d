/** Options of one call. */
import type { Metadata, MetadataInit } from "@trunkline/metadata";
import type { AbortSignalLike } from "@trunkline/streams";
import type { ParentCall } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import type { CompressionOption } from "../wire/compression.js";

/**
 * Options of one call, the same for both forms. A handler that gives its `ServerCall` itself in their place says `{ parent: call }`.
 */
export interface CallOptions {
  /** Sent with the request. Text under ordinary keys, bytes under keys that end in `-bin`. */
  readonly metadata?: MetadataInit | undefined;
  /** When the call must have ended; the server is told how long that is. At that time it fails with DEADLINE_EXCEEDED, whatever the server does. Default: none. */
  readonly deadline?: Deadline | undefined;
  /** Cancels the call: it fails with CANCELLED, whose cause is the signal's reason, and the server is told. */
  readonly signal?: AbortSignalLike | undefined;
  /**
   * The call in whose handler this one is made: it has the shorter of both deadlines, and is cancelled when the handler's `call.signal` aborts. Metadata
   * is not passed on. Default: none; `asyncContext()` finds it by itself.
   */
  readonly parent?: ParentCall | undefined;
  /** True: wait for a connection as long as the deadline allows. Default false: fail with UNAVAILABLE when an attempt to connect fails. */
  readonly waitForReady?: boolean | undefined;
  /** Default: the client's, else the channel's. */
  readonly maxReceiveMessageBytes?: number | undefined;
  /** Default: the client's, else the channel's. */
  readonly maxSendMessageBytes?: number | undefined;
  /** What request messages are compressed with. The server must know it, or answers UNIMPLEMENTED. Default: the client's, else the channel's. */
  readonly compression?: CompressionOption | undefined;
  /** Inside of those of the client and the channel. */
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
  /**
   * Called when the server's initial metadata comes. From a short handler that is with its first message or its status. Not called where the
   * server answers with a status alone. What it throws cancels the call, which then rejects with it.
   */
  readonly onInitialMetadata?: ((metadata: Metadata) => void) | undefined;
  /** Called when the server's trailing metadata comes, with a status of any kind, before the call settles. What it throws, the call rejects with. */
  readonly onTrailingMetadata?: ((metadata: Metadata) => void) | undefined;
}
