/**
 * The lifetime of a connection: how long it lasts, and how a peer that is gone is noticed. All of it is off by default:
 * the engine sends nothing of its own accord, and what a channel or a server wants differs. Spread the ages of many
 * connections, by a tenth either way, where they began together, or they end together too.
 */
import { checkOptionNames, durationMs, maxTimerMs, optionNames, wholeNumber } from "@trunkline/base";

/** The options of a connection's lifetime. */
export interface LifetimeOptions {
  /**
   * The silence of the peer after which a PING asks it for a sign of life. Default: never. Servers end connections for
   * PINGs that come too often (ENHANCE_YOUR_CALM "too_many_pings", which `onGoAway` is given with its text): gRPC's
   * take one in five minutes unless told otherwise, and no client should ask more often than every ten seconds.
   */
  readonly keepaliveIntervalMs?: number;
  /**
   * The time that the sign of life may take; any octet from the peer is one. After that the connection ends, and
   * `onClose` says why. Default 20,000 ms, as gRPC's: TCP sends a lost segment again several times in it.
   */
  readonly keepaliveTimeoutMs?: number;
  /**
   * True asks also while there are no streams. Default `false`: no call waits for an answer then, and servers dislike
   * it most.
   */
  readonly keepaliveWithoutStreams?: boolean;
  /**
   * The age at which the connection begins to close gracefully, so that load spreads over servers that were added and
   * names are looked up anew. Live streams go on; GOAWAY says "max_age". Default: never.
   */
  readonly maxConnectionAgeMs?: number;
  /**
   * The time that the streams may go on after that; then the connection ends and each of them has its `onReset`.
   * Default: no limit.
   */
  readonly maxConnectionAgeGraceMs?: number;
  /**
   * The time without a stream after which the connection closes gracefully; GOAWAY says "max_idle". It is noticed up to
   * an eighth later. Default: never.
   */
  readonly maxConnectionIdleMs?: number;
}

const lifetimeOptionNames = optionNames<LifetimeOptions>({
  keepaliveIntervalMs: true,
  keepaliveTimeoutMs: true,
  keepaliveWithoutStreams: true,
  maxConnectionAgeMs: true,
  maxConnectionAgeGraceMs: true,
  maxConnectionIdleMs: true,
});

/** Lifetime options with their defaults filled in. Durations that were not given are infinite. */
export type ResolvedLifetime = Required<LifetimeOptions>;

const never = Number.POSITIVE_INFINITY;

/**
 * Checks lifetime options and fills in the defaults. @throws RangeError or TypeError naming the option, the value and
 * its range
 */
export function resolveLifetime(options: LifetimeOptions): ResolvedLifetime {
  checkOptionNames("lifetime", options, lifetimeOptionNames);
  const { keepaliveWithoutStreams = false } = options;
  if (typeof keepaliveWithoutStreams !== "boolean") {
    throw new TypeError(`keepaliveWithoutStreams must be true or false, not ${String(keepaliveWithoutStreams)}`);
  }
  return {
    keepaliveIntervalMs: durationMs("keepaliveIntervalMs", options.keepaliveIntervalMs ?? never, 1),
    keepaliveTimeoutMs: wholeNumber("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 20_000, 1, maxTimerMs),
    keepaliveWithoutStreams,
    maxConnectionAgeMs: durationMs("maxConnectionAgeMs", options.maxConnectionAgeMs ?? never, 1),
    maxConnectionAgeGraceMs: durationMs("maxConnectionAgeGraceMs", options.maxConnectionAgeGraceMs ?? never, 0),
    maxConnectionIdleMs: durationMs("maxConnectionIdleMs", options.maxConnectionIdleMs ?? never, 1),
  };
}
