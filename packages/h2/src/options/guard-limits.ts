/**
 * What a peer may do that costs it nothing and us something: each limit with its default and its reason. Past an allowance the
 * connection ends with ENHANCE_YOUR_CALM.
 */
import { wholeNumber } from "@trunkline/base";
import { usageError } from "./usage-error.js";

/** So many at once, and so many more with each second. */
export interface Allowance {
  /** A whole number, at least 1. */
  readonly burst: number;
  /** At least 0; may be a fraction. */
  readonly perSecond: number;
}

/** The limits against floods and their kin, per connection. */
export interface GuardLimits {
  /**
   * PINGs between which we neither sent HEADERS or DATA nor received DATA (CVE-2019-9512). Default 100, +1/s: gRPC's bandwidth
   * estimators PING after nearly every DATA, which traffic explains; keepalive PINGs come every ten seconds or rarer.
   */
  readonly pings?: Allowance;
  /** Answers to PINGs that wait to be written; past it we stop reading, and traffic explains no more PINGs. Default 16: no estimator has more than one or two on their way. */
  readonly maxQueuedPingAnswers?: number;
  /** SETTINGS between which there was no traffic (CVE-2019-9515). Default 100, +1/s: each costs an answer and a pass over the streams, and peers send one or two in all. */
  readonly settings?: Allowance;
  /** Entries in one SETTINGS frame. Default 32: six are defined. */
  readonly maxSettingsEntries?: number;
  /**
   * Frames that ask for work and carry nothing: DATA without payload or end (CVE-2019-9518), PRIORITY, GOAWAY, informational
   * responses, frames of unknown type, frames on streams that are gone, WINDOW_UPDATEs past 5 + 2 for each stream + 20 for each frame that we sent. Default 1,000, +100/s,
   * beyond four of them for each stream: browsers send two or three with each request, and a reset may cross a stream's end.
   */
  readonly uselessFrames?: Allowance;
  /** Streams that the peer makes us reset by breaking rules on them (CVE-2025-8671). Default 100, +10/s: a right peer causes none. */
  readonly forcedResets?: Allowance;
  /**
   * Streams that the peer resets within `earlyResetMs` of opening them and before we began to answer (CVE-2023-44487), where they are
   * also more than half of the latest 1,000 streams. Default 1,000, +200/s: a proxy that loses its users gives up all it had at once.
   * Handlers are no matter of this: a running one holds its slot, however its stream ends.
   */
  readonly earlyResets?: Allowance;
  /** A stream that lived as long as this was worth its while. Default 1,000 ms. */
  readonly earlyResetMs?: number;
  /** Encoded bytes of a header section, in multiples of `maxHeaderListSize`, past which it is not even decoded. Default 4: Huffman code at its worst. */
  readonly maxEncodedHeaderFactor?: number;
  /**
   * Streams that we reset and on which frames may still be on their way. What the peer had sent before it saw our reset is let pass:
   * DATA up to the stream's window, four header sections. Default 16,384: as many as may be open and expire together.
   */
  readonly maxLateStreams?: number;
  /** How long those frames are expected. Default 60,000 ms: far longer than anything is on its way. */
  readonly lateFramesMs?: number;
  /**
   * How long a frame that has begun may take to be whole, where it is not DATA; six times as long without 16 KiB more of it where it
   * is. Default 10,000 ms. Half a DATA frame is what a network that fails for a while looks like in the middle of a transfer.
   */
  readonly frameTimeoutMs?: number;
  /**
   * At a server, how long output may wait for a client that neither reads, nor opens its windows, nor shows any other sign of life; a
   * PING asks for one shortly before. A client that is slow but there may take as long as it likes: what waits for it is bounded in
   * bytes. Default 120,000 ms: longer than networks fail that come back. A client does not ask by itself: gRPC servers end connections
   * for PINGs that come more often than every five minutes while they have nothing to say.
   */
  readonly stalledOutputTimeoutMs?: number;
}

const most = 2 ** 31 - 1;

/** @throws H2Error (scope `usage`) naming the limit, the value and its range */
export function resolveGuardLimits(limits: GuardLimits): Required<GuardLimits> {
  return {
    pings: allowance("pings", limits.pings, 100, 1),
    maxQueuedPingAnswers: wholeNumber("maxQueuedPingAnswers", limits.maxQueuedPingAnswers ?? 16, 1, most),
    settings: allowance("settings", limits.settings, 100, 1),
    maxSettingsEntries: wholeNumber("maxSettingsEntries", limits.maxSettingsEntries ?? 32, 6, most),
    uselessFrames: allowance("uselessFrames", limits.uselessFrames, 1_000, 100),
    forcedResets: allowance("forcedResets", limits.forcedResets, 100, 10),
    earlyResets: allowance("earlyResets", limits.earlyResets, 1_000, 200),
    earlyResetMs: wholeNumber("earlyResetMs", limits.earlyResetMs ?? 1_000, 0, most),
    maxEncodedHeaderFactor: wholeNumber("maxEncodedHeaderFactor", limits.maxEncodedHeaderFactor ?? 4, 1, most),
    maxLateStreams: wholeNumber("maxLateStreams", limits.maxLateStreams ?? 16_384, 1, most),
    lateFramesMs: wholeNumber("lateFramesMs", limits.lateFramesMs ?? 60_000, 0, most),
    frameTimeoutMs: wholeNumber("frameTimeoutMs", limits.frameTimeoutMs ?? 10_000, 1, most),
    stalledOutputTimeoutMs: wholeNumber("stalledOutputTimeoutMs", limits.stalledOutputTimeoutMs ?? 120_000, 1, most),
  };
}

function allowance(name: string, given: Allowance | undefined, burst: number, perSecond: number): Allowance {
  if (given === undefined) return { burst, perSecond };
  if (typeof given.perSecond !== "number" || !(given.perSecond >= 0)) {
    throw usageError(`${name}.perSecond must be a number from 0 on, not ${String(given.perSecond)}`);
  }
  return { burst: wholeNumber(`${name}.burst`, given.burst ?? burst, 1, most), perSecond: given.perSecond };
}
