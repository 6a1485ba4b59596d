/**
 * The settings and limits of a connection, each with its default, its unit and its reason, resolved and
 * checked in one place.
 */

import { wholeNumber as whole } from "@trunkline/base";
import { type AsciiCodec, portableAscii } from "../bytes/ascii.js";
import { type GuardLimits, resolveGuardLimits } from "./guard-limits.js";
import { type LifetimeOptions, type ResolvedLifetime, resolveLifetime } from "./lifetime.js";
import { usageError } from "./usage-error.js";

/** What this side announces in its SETTINGS (RFC 9113 §6.5.2). */
export interface LocalSettings {
  /** Bytes of HPACK dynamic table that the peer may use. Default 4,096: the protocol's own. */
  readonly headerTableSize?: number;
  /** Streams that the peer may have open. Default 256; a stream counts until its handler released it. */
  readonly maxConcurrentStreams?: number;
  /** Bytes that a new stream may send before we consume any. Default 65,536; it grows while the reader keeps up. */
  readonly initialWindowSize?: number;
  /** Largest frame payload we take, 16,384 to 16,777,215 bytes. Default 16,384: larger frames measured no faster. */
  readonly maxFrameSize?: number;
  /**
   * Largest header section we take, in bytes counted as RFC 9113 §6.5.2 does (32 a field on top).
   * Default 16,384 at a server, 65,536 at a client, whose trailers may hold error details.
   */
  readonly maxHeaderListSize?: number;
  /** Server: take extended CONNECT, a request with `:protocol` whose stream becomes a tunnel, for WebSockets among others (RFC 8441). Default `false`. */
  readonly enableConnectProtocol?: boolean;
}

/** What bounds memory and work. */
export interface ConnectionLimits {
  /** A stream's receive window never grows past this. Default 16 MiB: 1 Gbit/s at 100 ms needs 12.5 MB. */
  readonly maxStreamWindow?: number;
  /** Bytes received and not yet consumed, over all streams, past which windows no longer grow and the connection is credited only as its streams are read. Default 32 MiB: two full stream windows. */
  readonly maxBufferedBytesPerConnection?: number;
  /** `bufferedBytes(streamId)` at which a sender should wait. Default 65,536: one output block. */
  readonly streamSendHighWaterMark?: number;
  /** Bytes that one `takeOutput` gathers from the streams' queues. Default 262,144: some large writes, not one endless one. */
  readonly outputBatchBytes?: number;
  /** Bytes of frames that answer the peer (SETTINGS and PING acknowledgements, RST_STREAM, WINDOW_UPDATE) queued before we stop reading from it. Default 65,536. */
  readonly maxQueuedControlBytes?: number;
  /** CONTINUATION frames in one header section. Default 16. */
  readonly maxContinuationFrames?: number;
  /** From the connection's start to the peer's SETTINGS; how long a full control queue may last; how long an answer to our goodbye is waited for. Default 10,000 ms. */
  readonly handshakeTimeoutMs?: number;
  /**
   * How long a message in the making (`extendWindow`) may stand still while the budget has no room for more. Default 10,000 ms: what is
   * read frees room in far less, and a sender that was stopped for longer is better told.
   */
  readonly messageBudgetTimeoutMs?: number;
  /** What a peer may do for nothing: see `GuardLimits`, of which those that are left out have their defaults. */
  readonly guards?: GuardLimits;
}

export interface ConnectionOptions {
  readonly role: "client" | "server";
  readonly settings?: LocalSettings;
  readonly limits?: ConnectionLimits;
  /** Keepalive, age and idleness: all off by default. */
  readonly lifetime?: LifetimeOptions;
  /** Default: `portableAscii`. */
  readonly ascii?: AsciiCodec;
}

export type ResolvedLimits = Omit<Required<ConnectionLimits>, "guards"> & { readonly guards: Required<GuardLimits> };

export interface ResolvedOptions {
  readonly role: "client" | "server";
  readonly settings: Required<LocalSettings>;
  readonly limits: ResolvedLimits;
  readonly lifetime: ResolvedLifetime;
  readonly ascii: AsciiCodec;
}

const maxWindow = 2 ** 31 - 1;

/** Checks options without making a connection. @throws H2Error (scope `usage`) naming the option, the value and its range. */
export function checkConnectionOptions(options: ConnectionOptions): void {
  resolveOptions(options);
}

/** Validates once and fills in the defaults. @throws H2Error (scope `usage`) naming the option, the value and its range. */
export function resolveOptions(options: ConnectionOptions): ResolvedOptions {
  const { role, settings = {}, limits = {} } = options;
  if (role !== "client" && role !== "server")
    throw usageError(`role must be "client" or "server", not ${String(role)}`);
  const { enableConnectProtocol = false } = settings;
  if (typeof enableConnectProtocol !== "boolean" || (enableConnectProtocol && role === "client")) {
    throw usageError(
      `enableConnectProtocol must be true or false, and true at a server only, not ${String(enableConnectProtocol)}`,
    );
  }
  const maxFrameSize = whole("maxFrameSize", settings.maxFrameSize ?? 16_384, 16_384, 2 ** 24 - 1);
  const initialWindowSize = whole("initialWindowSize", settings.initialWindowSize ?? 65_536, 0, maxWindow);
  return {
    role,
    settings: {
      headerTableSize: whole("headerTableSize", settings.headerTableSize ?? 4_096, 0, 2 ** 20),
      maxConcurrentStreams: whole("maxConcurrentStreams", settings.maxConcurrentStreams ?? 256, 0, maxWindow),
      initialWindowSize,
      maxFrameSize,
      maxHeaderListSize: whole(
        "maxHeaderListSize",
        settings.maxHeaderListSize ?? (role === "server" ? 16_384 : 65_536),
        0,
        2 ** 28,
      ),
      enableConnectProtocol,
    },
    limits: {
      maxStreamWindow: Math.max(
        initialWindowSize,
        whole("maxStreamWindow", limits.maxStreamWindow ?? 2 ** 24, 0, maxWindow),
      ),
      maxBufferedBytesPerConnection: whole(
        "maxBufferedBytesPerConnection",
        limits.maxBufferedBytesPerConnection ?? 2 ** 25,
        65_535,
        2 ** 40,
      ),
      streamSendHighWaterMark: whole("streamSendHighWaterMark", limits.streamSendHighWaterMark ?? 65_536, 1, 2 ** 40),
      outputBatchBytes: whole("outputBatchBytes", limits.outputBatchBytes ?? 262_144, 16_384, 2 ** 30),
      maxQueuedControlBytes: whole("maxQueuedControlBytes", limits.maxQueuedControlBytes ?? 65_536, 1_024, 2 ** 30),
      maxContinuationFrames: whole("maxContinuationFrames", limits.maxContinuationFrames ?? 16, 0, 2 ** 20),
      handshakeTimeoutMs: whole("handshakeTimeoutMs", limits.handshakeTimeoutMs ?? 10_000, 1, 2 ** 31 - 1),
      messageBudgetTimeoutMs: whole("messageBudgetTimeoutMs", limits.messageBudgetTimeoutMs ?? 10_000, 1, 2 ** 31 - 1),
      guards: resolveGuardLimits(limits.guards ?? {}),
    },
    lifetime: resolveLifetime(options.lifetime ?? {}),
    ascii: options.ascii ?? portableAscii,
  };
}
