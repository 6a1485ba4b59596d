/** How long connections last, and how a peer that is gone is noticed: in gRPC's terms, made into those of the HTTP/2 engine. */

import { wholeNumber } from "@trunkline/base";
import type { LifetimeOptions } from "@trunkline/h2";

/** How a peer that is gone is noticed where the network says nothing. */
export interface KeepaliveOptions {
  /**
   * When nothing came from the peer for so long, it is asked for a sign of life. `Infinity`: never. Default: never at a channel, since servers end
   * connections that ask more often than they allow (every five minutes, if not told otherwise); two hours at a server, as in gRPC.
   */
  readonly keepaliveIntervalMs?: number | undefined;
  /** How long that sign may take before the connection is given up, and its calls fail with UNAVAILABLE. Default 20,000 ms, as in gRPC. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** Ask also while there are no calls. Default: false at a channel, true at a server, which otherwise keeps connections of clients that are long gone. */
  readonly keepaliveWithoutCalls?: boolean | undefined;
}

/** Of the connection of a channel. */
export interface ChannelLifetimeOptions extends KeepaliveOptions {
  /** After so long without a call the connection is closed; the next call makes another. `Infinity`: never. Default 1,800,000 ms (30 minutes), as in gRPC. */
  readonly idleTimeoutMs?: number | undefined;
}

/** Of the connections of a server. */
export interface ServerLifetimeOptions extends KeepaliveOptions {
  /**
   * At about this age (a tenth less or more, so that clients do not come back all at once) a client is told to connect anew, so that load spreads over
   * servers that were added. Calls go on where they are. Default: never.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /** How long the calls may go on after that; then they fail with UNAVAILABLE. Default: as long as they like. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
  /** A client that had no call for so long is sent away, and connects again when it has one. Default: never. */
  readonly maxConnectionIdleMs?: number | undefined;
}

const never = Number.POSITIVE_INFINITY;
/** What a timer can wait: 24 days. */
const longestMs = 2 ** 31 - 1;

/** @throws RangeError or TypeError naming the option, the value and what it may be */
export function resolveChannelLifetime(options: ChannelLifetimeOptions): LifetimeOptions {
  return {
    ...resolveKeepalive(options, never, false),
    maxConnectionIdleMs: duration("idleTimeoutMs", options.idleTimeoutMs, 1_800_000, 1),
  };
}

/** @throws RangeError or TypeError naming the option, the value and what it may be */
export function resolveServerLifetime(options: ServerLifetimeOptions): LifetimeOptions {
  return {
    ...resolveKeepalive(options, 7_200_000, true),
    maxConnectionAgeMs: duration("maxConnectionAgeMs", options.maxConnectionAgeMs, never, 1),
    maxConnectionAgeGraceMs: duration("maxConnectionAgeGraceMs", options.maxConnectionAgeGraceMs, never, 0),
    maxConnectionIdleMs: duration("maxConnectionIdleMs", options.maxConnectionIdleMs, never, 1),
  };
}

/** Those of one connection. @param random from 0 to 1 */
export function withSpreadAge(lifetime: LifetimeOptions, random: number): LifetimeOptions {
  const { maxConnectionAgeMs = never } = lifetime;
  if (maxConnectionAgeMs === never) return lifetime;
  return {
    ...lifetime,
    maxConnectionAgeMs: Math.min(longestMs, Math.max(1, Math.round(maxConnectionAgeMs * (0.9 + 0.2 * random)))),
  };
}

/** Those of the next connection to a server that was asked too often: half as often, as gRPC's keepalive document says. */
export function withRarerKeepalive(lifetime: LifetimeOptions): LifetimeOptions {
  const { keepaliveIntervalMs = never } = lifetime;
  return keepaliveIntervalMs === never
    ? lifetime
    : { ...lifetime, keepaliveIntervalMs: Math.min(longestMs, keepaliveIntervalMs * 2) };
}

function resolveKeepalive(options: KeepaliveOptions, intervalMs: number, withoutCalls: boolean): LifetimeOptions {
  const { keepaliveWithoutCalls = withoutCalls } = options;
  if (typeof keepaliveWithoutCalls !== "boolean") {
    throw new TypeError(`keepaliveWithoutCalls must be true or false, not ${String(keepaliveWithoutCalls)}`);
  }
  return {
    keepaliveIntervalMs: duration("keepaliveIntervalMs", options.keepaliveIntervalMs, intervalMs, 1),
    keepaliveTimeoutMs: wholeNumber("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 20_000, 1, longestMs),
    keepaliveWithoutStreams: keepaliveWithoutCalls,
  };
}

function duration(name: string, value: number | undefined, fallback: number, least: number): number {
  return value === undefined
    ? fallback
    : value === never
      ? never
      : wholeNumber(name, value ?? fallback, least, longestMs);
}
