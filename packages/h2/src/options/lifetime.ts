/**
 * How long a connection lasts, and how it is found out that a peer is gone: each option with its default and its reason. All of it
 * is off by default: the engine sends nothing of its own accord, and what a channel or a server wants differs. Spread the ages of
 * many connections (by a tenth either way, say) where they began together, or they end together too.
 */
import { wholeNumber } from "@trunkline/base";
import { usageError } from "./usage-error.js";

export interface LifetimeOptions {
  /**
   * When nothing came from the peer for so long, it is asked for a sign of life by a PING. Default: never. Servers end connections
   * for PINGs that come too often (ENHANCE_YOUR_CALM "too_many_pings", which `onGoAway` is given with its text): gRPC's take
   * one in five minutes unless told otherwise, and no client should ask more often than every ten seconds.
   */
  readonly keepaliveIntervalMs?: number;
  /**
   * How long the sign of life may take; any octet from the peer is one. After that the connection ends, and `onClose` says why.
   * Default 20,000 ms, as gRPC's: TCP sends a lost segment again several times in it.
   */
  readonly keepaliveTimeoutMs?: number;
  /** Ask also while there are no streams. Default `false`: nobody waits for an answer then, and servers dislike it most. */
  readonly keepaliveWithoutStreams?: boolean;
  /**
   * The connection says goodbye by itself at this age, so that load spreads over servers that were added and names are looked up anew.
   * Live streams go on; GOAWAY says "max_age". Default: never.
   */
  readonly maxConnectionAgeMs?: number;
  /** How long the streams may go on after that; then the connection ends and each of them has its `onReset`. Default: as long as they like. */
  readonly maxConnectionAgeGraceMs?: number;
  /** The connection says goodbye after so long without a stream; GOAWAY says "max_idle". It is noticed up to an eighth later. Default: never. */
  readonly maxConnectionIdleMs?: number;
}

/** Durations that were not given are infinite. */
export type ResolvedLifetime = Required<LifetimeOptions>;

const never = Number.POSITIVE_INFINITY;
/** What a timer of 32 bits can wait. */
const longestMs = 2 ** 31 - 1;

/** @throws H2Error (scope `usage`) naming the option, the value and its range */
export function resolveLifetime(options: LifetimeOptions): ResolvedLifetime {
  const { keepaliveWithoutStreams = false } = options;
  if (typeof keepaliveWithoutStreams !== "boolean") {
    throw usageError(`keepaliveWithoutStreams must be true or false, not ${String(keepaliveWithoutStreams)}`);
  }
  return {
    keepaliveIntervalMs: duration("keepaliveIntervalMs", options.keepaliveIntervalMs, 1),
    keepaliveTimeoutMs: wholeNumber("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 20_000, 1, longestMs),
    keepaliveWithoutStreams,
    maxConnectionAgeMs: duration("maxConnectionAgeMs", options.maxConnectionAgeMs, 1),
    maxConnectionAgeGraceMs: duration("maxConnectionAgeGraceMs", options.maxConnectionAgeGraceMs, 0),
    maxConnectionIdleMs: duration("maxConnectionIdleMs", options.maxConnectionIdleMs, 1),
  };
}

/** `Infinity` says "never", as leaving it out does. */
function duration(name: string, value: number | undefined, least: number): number {
  return value === undefined || value === never ? never : wholeNumber(name, value ?? least, least, longestMs);
}
