/** The limits of a router, each with its default, its unit and its reason, checked in one place. */
import { wholeNumber } from "@trunkline/base";

/** What bounds the memory and the time that peers can take. */
export interface RouterLimits {
  /** How long the first peer of a stream may wait for the other; it never waits longer than its token is good. Default 120,000 ms: a listener that has to come back first has a chance. */
  readonly maxWaitMs?: number | undefined;
  /** How many first peers may wait at once. Default 4,096: they hold at most a window (64 KiB) each, 256 MiB in all. */
  readonly maxWaitingPeers?: number | undefined;
  /** Streams of which is known that their tokens were used, until those expire. Default 100,000: more than 3,000 set-ups a second at the 30 s for which the exchange's tokens are good, in some 30 MB. */
  readonly maxRememberedStreams?: number | undefined;
  /** Tokens that need not be verified again. Default 10,000, some 3 MB. */
  readonly maxCachedTokens?: number | undefined;
  /** How long a peer whose other side is gone may take nothing of what is left for it, before it is cut off. Default 30,000 ms: longer than any stall of a connection that lives. */
  readonly lingerMs?: number | undefined;
  /** How long who dials may wait for who listens, whatever it asks for. Default 30,000 ms; the tokens of a stream are good for as long. */
  readonly maxDialWaitMs?: number | undefined;
  /** How many names may be listened to. Default 10,000: with full metadata 80 MB. */
  readonly maxListeners?: number | undefined;
  /** Metadata of one who listens or dials, keys and values. Default 8,192 bytes, as much as gRPC peers take in headers. */
  readonly maxMetadataBytes?: number | undefined;
  /** How often who listens gets a sign of life, and so notices a connection that is dead; 0 for never. Default 20,000 ms: NATs forget quiet connections after 30 s or more. */
  readonly heartbeatMs?: number | undefined;
  /** Calls that may run at once on one connection. Default 16,384: a peer may have many streams, and is bounded by what they hold. */
  readonly maxConcurrentStreams?: number | undefined;
  /** Largest frame that is passed on, as a message. Default 4,194,304 bytes: what every gRPC implementation takes. */
  readonly maxReceiveMessageBytes?: number | undefined;
}

export type ResolvedRouterLimits = { readonly [Name in keyof RouterLimits]-?: number };

const longestMs = 2 ** 31 - 1;
const most = Number.MAX_SAFE_INTEGER;

/** @throws RangeError naming the limit, the value and its range */
export function resolveLimits(limits: RouterLimits): ResolvedRouterLimits {
  return {
    maxWaitMs: wholeNumber("maxWaitMs", limits.maxWaitMs ?? 120_000, 1, longestMs),
    maxWaitingPeers: wholeNumber("maxWaitingPeers", limits.maxWaitingPeers ?? 4_096, 0, most),
    maxRememberedStreams: wholeNumber("maxRememberedStreams", limits.maxRememberedStreams ?? 100_000, 0, most),
    maxCachedTokens: wholeNumber("maxCachedTokens", limits.maxCachedTokens ?? 10_000, 0, most),
    lingerMs: wholeNumber("lingerMs", limits.lingerMs ?? 30_000, 1, longestMs),
    maxDialWaitMs: wholeNumber("maxDialWaitMs", limits.maxDialWaitMs ?? 30_000, 1, longestMs),
    maxListeners: wholeNumber("maxListeners", limits.maxListeners ?? 10_000, 0, most),
    maxMetadataBytes: wholeNumber("maxMetadataBytes", limits.maxMetadataBytes ?? 8_192, 0, most),
    heartbeatMs: wholeNumber("heartbeatMs", limits.heartbeatMs ?? 20_000, 0, longestMs),
    maxConcurrentStreams: wholeNumber("maxConcurrentStreams", limits.maxConcurrentStreams ?? 16_384, 1, longestMs),
    maxReceiveMessageBytes: wholeNumber(
      "maxReceiveMessageBytes",
      limits.maxReceiveMessageBytes ?? 4_194_304,
      1,
      2 ** 32 - 1,
    ),
  };
}
