/** The limits of a router, each with its default, its unit and its reason, checked in one place. */
import { checkOptionNames, durationMs, maxTimerMs, optionNames, wholeNumber } from "@trunkline/base";
import { defaultBufferedBytesPerConnection } from "./stream/connection-options.js";

/** The limits on the memory, the time and the log lines that peers of a router can take. */
export interface RouterLimits {
  /**
   * The longest time that the first peer of a stream waits for the other one; it never waits longer than its token is
   * good. Default 120,000 ms: a listener that has to reconnect first has time to do so.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * The number of first peers that may wait at once. Default 4,096: they hold at most a window (64 KiB) each, 256 MiB
   * in all.
   */
  readonly maxWaitingPeers?: number | undefined;
  /**
   * The number of streams whose tokens are remembered as used until they expire. Default 100,000: more than 3,000
   * streams a second at the 30 s for which the exchange's tokens are good, in about 30 MB.
   */
  readonly maxRememberedStreams?: number | undefined;
  /**
   * The number of verified tokens that are remembered, so that they need not be verified again. Default 10,000, about 3
   * MB.
   */
  readonly maxCachedTokens?: number | undefined;
  /**
   * The longest time that a peer whose other side is lost may take nothing of what is left for it. Default `Infinity`:
   * as long as its connection lives, which `keepaliveIntervalMs` asks; a reader that pauses for minutes is slow, not
   * dead.
   */
  readonly lingerMs?: number | undefined;
  /**
   * The number of peers that may still read after their other side was lost; one more cuts off the one that does so the
   * longest. Default 4,096: each holds about a window (64 KiB), 256 MiB in all.
   */
  readonly maxLingeringPeers?: number | undefined;
  /**
   * The longest time that a dialler may wait for the listener, whatever it asks for. Default 30,000 ms; the tokens of a
   * stream are good for as long.
   */
  readonly maxDialWaitMs?: number | undefined;
  /**
   * The number of dials that may wait for one listener to take them. Default 4,096: a burst of connections at a busy
   * service, with full metadata 32 MiB.
   */
  readonly maxWaitingDials?: number | undefined;
  /** The number of names that may have a listener. Default 10,000: with full metadata 80 MB. */
  readonly maxListeners?: number | undefined;
  /**
   * The largest metadata of a listener or a dialler, keys and values. Default 8,192 bytes, as much as gRPC peers take
   * in headers.
   */
  readonly maxMetadataBytes?: number | undefined;
  /**
   * The time between two heartbeats to a listener, by which it notices a dead connection; 0 for none. A listener that
   * leaves three of them untaken loses its name. Default 20,000 ms: NATs forget quiet connections after 30 s or more.
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * The time without a byte from a client after which the router sends it a PING; `Infinity` for never. Default 20,000
   * ms: with `keepaliveTimeoutMs`, a peer that is lost without notice is known within a minute, its name is free and
   * its other side is told.
   */
  readonly keepaliveIntervalMs?: number | undefined;
  /**
   * The time for the answer to that PING before the connection is closed. Default 35,000 ms: a network that stalls for
   * half a minute and comes back loses nothing.
   */
  readonly keepaliveTimeoutMs?: number | undefined;
  /**
   * The number of calls that may run at once on one connection. Default 16,384: a peer may have many streams, and is
   * bounded by what they hold.
   */
  readonly maxConcurrentStreams?: number | undefined;
  /**
   * The number of connections. At one more, a connection without a call is closed in order, whose client connects again
   * when it has one; where all have calls, the new one is refused. Default 10,000.
   */
  readonly maxConnections?: number | undefined;
  /**
   * The largest frame that is passed on, as a message. Default 4,194,304 bytes, the default of every gRPC
   * implementation.
   */
  readonly maxReceiveMessageBytes?: number | undefined;
  /**
   * The bytes that may wait to be read on one connection. Default 134,217,728: the first
   * windows of 2,000 streams, so that those whose readers pause do not stop the others. Calls of strangers hold nothing
   * of it, since they are refused by their headers.
   */
  readonly maxBufferedBytesPerConnection?: number | undefined;
  /**
   * The number of refused calls of one kind (method and status) that are reported one by one within
   * `refusalIntervalMs`; the others are counted and reported once, by `refusals-omitted`. Default 10: a caller without
   * a token cannot fill a log.
   */
  readonly maxReportedRefusals?: number | undefined;
  /** The interval of `maxReportedRefusals`. Default 10,000 ms: a person who watches the log sees the count soon. */
  readonly refusalIntervalMs?: number | undefined;
}

/** The names of all limits. */
export const limitNames: { readonly [Name in keyof RouterLimits]-?: true } = {
  maxWaitMs: true,
  maxWaitingPeers: true,
  maxRememberedStreams: true,
  maxCachedTokens: true,
  lingerMs: true,
  maxLingeringPeers: true,
  maxDialWaitMs: true,
  maxWaitingDials: true,
  maxListeners: true,
  maxMetadataBytes: true,
  heartbeatMs: true,
  keepaliveIntervalMs: true,
  keepaliveTimeoutMs: true,
  maxConcurrentStreams: true,
  maxConnections: true,
  maxReceiveMessageBytes: true,
  maxBufferedBytesPerConnection: true,
  maxReportedRefusals: true,
  refusalIntervalMs: true,
};

/**
 * Checks limits that come by their names, as from a file. @throws TypeError for a name that is none, RangeError that
 * names the limit, the value and its range
 */
export function checkRouterLimits(given: Readonly<Record<string, number>>): RouterLimits {
  checkOptionNames("a router", given, optionNames<RouterLimits>(limitNames));
  resolveLimits(given);
  return given;
}

export type ResolvedRouterLimits = { readonly [Name in keyof RouterLimits]-?: number };

/** Returns all limits. @throws RangeError that names the limit, the value and its range */
export function resolveLimits(limits: RouterLimits): ResolvedRouterLimits {
  const count = (name: keyof RouterLimits, byDefault: number, least = 0): number =>
    wholeNumber(name, limits[name] ?? byDefault, least);
  const time = (name: keyof RouterLimits, byDefault: number, least = 1): number =>
    wholeNumber(name, limits[name] ?? byDefault, least, maxTimerMs);
  const timeOrForever = (name: keyof RouterLimits, byDefault: number): number =>
    durationMs(name, limits[name] ?? byDefault, 1);
  return {
    maxWaitMs: time("maxWaitMs", 120_000),
    maxWaitingPeers: count("maxWaitingPeers", 4_096),
    maxRememberedStreams: count("maxRememberedStreams", 100_000),
    maxCachedTokens: count("maxCachedTokens", 10_000),
    lingerMs: timeOrForever("lingerMs", Number.POSITIVE_INFINITY),
    maxLingeringPeers: count("maxLingeringPeers", 4_096),
    maxDialWaitMs: time("maxDialWaitMs", 30_000),
    maxWaitingDials: count("maxWaitingDials", 4_096),
    maxListeners: count("maxListeners", 10_000),
    maxMetadataBytes: count("maxMetadataBytes", 8_192),
    heartbeatMs: time("heartbeatMs", 20_000, 0),
    keepaliveIntervalMs: timeOrForever("keepaliveIntervalMs", 20_000),
    keepaliveTimeoutMs: time("keepaliveTimeoutMs", 35_000),
    maxConcurrentStreams: wholeNumber("maxConcurrentStreams", limits.maxConcurrentStreams ?? 16_384, 1, 2 ** 31 - 1),
    maxConnections: count("maxConnections", 10_000, 1),
    maxReceiveMessageBytes: wholeNumber(
      "maxReceiveMessageBytes",
      limits.maxReceiveMessageBytes ?? 4_194_304,
      1,
      2 ** 32 - 1,
    ),
    maxBufferedBytesPerConnection: wholeNumber(
      "maxBufferedBytesPerConnection",
      limits.maxBufferedBytesPerConnection ?? defaultBufferedBytesPerConnection,
      65_535,
      2 ** 40,
    ),
    maxReportedRefusals: count("maxReportedRefusals", 10),
    refusalIntervalMs: time("refusalIntervalMs", 10_000),
  };
}
