/** The lifetime of connections and their keepalive, from the terms of gRPC to those of the HTTP/2 engine. */
import { maxTimerMs, wholeNumber } from "@trunkline/base";
import type { LifetimeOptions } from "@trunkline/h2";

/** Keepalive: PINGs by which a dead connection is noticed even if the network says nothing. */
export interface KeepaliveOptions {
  /**
   * The milliseconds without a byte from the peer after which it is sent a PING. `Infinity` means never. Default: never
   * at a channel, since servers end connections that ping more often than they allow, which is every five minutes by
   * default; two hours at a server, as in gRPC.
   */
  readonly keepaliveIntervalMs?: number | undefined;
  /**
   * The milliseconds that the answer to a PING may take. After that the connection is closed, and its calls fail with
   * UNAVAILABLE. Default 20,000 ms, as in gRPC.
   */
  readonly keepaliveTimeoutMs?: number | undefined;
  /**
   * Sends PINGs also while there are no calls. Default: false at a channel; true at a server, which would otherwise
   * keep the connections of clients that are long gone.
   */
  readonly keepaliveWithoutCalls?: boolean | undefined;
}

/** The names of `KeepaliveOptions`. */
export const keepaliveOptionNames: Readonly<Record<keyof KeepaliveOptions, true>> = {
  keepaliveIntervalMs: true,
  keepaliveTimeoutMs: true,
  keepaliveWithoutCalls: true,
};

/** Options for the lifetime of a channel's connection. */
export interface ChannelLifetimeOptions extends KeepaliveOptions {
  /**
   * The milliseconds without a call after which the connection is closed; the next call makes another one. `Infinity`
   * means never. Default 1,800,000 ms (30 minutes), as in gRPC.
   */
  readonly idleTimeoutMs?: number | undefined;
}

/** Options for the lifetime of a server's connections. */
export interface ServerLifetimeOptions extends KeepaliveOptions {
  /**
   * The age at which a client is told to connect again, so that load spreads over servers that were added. It varies by
   * a tenth, so that clients do not come back all at once. Calls go on where they are. Default: never.
   */
  readonly maxConnectionAgeMs?: number | undefined;
  /** The milliseconds that calls may go on after that age; then they fail with UNAVAILABLE. Default: no limit. */
  readonly maxConnectionAgeGraceMs?: number | undefined;
  /**
   * The milliseconds without a call after which a connection is closed; the client connects again for its next call.
   * Default: never.
   */
  readonly maxConnectionIdleMs?: number | undefined;
}

const never = Number.POSITIVE_INFINITY;

/** Checks the options of a channel. @throws RangeError or TypeError naming the option, the value and its range */
export function resolveChannelLifetime(options: ChannelLifetimeOptions): LifetimeOptions {
  return {
    ...resolveKeepalive(options, never, false),
    maxConnectionIdleMs: duration("idleTimeoutMs", options.idleTimeoutMs, 1_800_000, 1),
  };
}

/** Checks the options of a server. @throws RangeError or TypeError naming the option, the value and its range */
export function resolveServerLifetime(options: ServerLifetimeOptions): LifetimeOptions {
  return {
    ...resolveKeepalive(options, 7_200_000, true),
    maxConnectionAgeMs: duration("maxConnectionAgeMs", options.maxConnectionAgeMs, never, 1),
    maxConnectionAgeGraceMs: duration("maxConnectionAgeGraceMs", options.maxConnectionAgeGraceMs, never, 0),
    maxConnectionIdleMs: duration("maxConnectionIdleMs", options.maxConnectionIdleMs, never, 1),
  };
}

/** Returns the options of one connection, whose age varies by a tenth. @param random a number from 0 to 1 */
export function withSpreadAge(lifetime: LifetimeOptions, random: number): LifetimeOptions {
  const { maxConnectionAgeMs = never } = lifetime;
  if (maxConnectionAgeMs === never) return lifetime;
  return {
    ...lifetime,
    maxConnectionAgeMs: Math.min(maxTimerMs, Math.max(1, Math.round(maxConnectionAgeMs * (0.9 + 0.2 * random)))),
  };
}

/**
 * Returns the options of the next connection to a server that was sent too many PINGs: half as many, as gRPC's
 * keepalive document says.
 */
export function withRarerKeepalive(lifetime: LifetimeOptions): LifetimeOptions {
  const { keepaliveIntervalMs = never } = lifetime;
  return keepaliveIntervalMs === never
    ? lifetime
    : { ...lifetime, keepaliveIntervalMs: Math.min(maxTimerMs, keepaliveIntervalMs * 2) };
}

function resolveKeepalive(options: KeepaliveOptions, intervalMs: number, withoutCalls: boolean): LifetimeOptions {
  const { keepaliveWithoutCalls = withoutCalls } = options;
  if (typeof keepaliveWithoutCalls !== "boolean") {
    throw new TypeError(`keepaliveWithoutCalls must be true or false, not ${String(keepaliveWithoutCalls)}`);
  }
  return {
    keepaliveIntervalMs: duration("keepaliveIntervalMs", options.keepaliveIntervalMs, intervalMs, 1),
    keepaliveTimeoutMs: wholeNumber("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 20_000, 1, maxTimerMs),
    keepaliveWithoutStreams: keepaliveWithoutCalls,
  };
}

function duration(name: string, value: number | undefined, fallback: number, least: number): number {
  return value === undefined
    ? fallback
    : value === never
      ? never
      : wholeNumber(name, value ?? fallback, least, maxTimerMs);
}
