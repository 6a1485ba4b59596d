/**
 * The limits of a connection, in one list: what bounds memory and work, how long is waited, and what a peer may do that
 * costs it nothing and us something. Each has its default and its reason. A peer that uses up an allowance has its
 * connection ended with ENHANCE_YOUR_CALM.
 */
import { checkOptionNames, numberInRange, optionNames, wholeNumber } from "@trunkline/base";
import type { ByteBudget } from "./byte-budget.js";

/** An allowance: so many at once, and so many more with each second. */
export interface Allowance {
  /** The number that may come at once: a whole number, at least 1. */
  readonly burst: number;
  /** The number that may come with each second: at least 0; may be a fraction. */
  readonly perSecond: number;
}

const allowanceNames = optionNames<Allowance>({ burst: true, perSecond: true });

/** The limits of a connection. All are optional. */
export interface ConnectionLimits {
  // Memory.

  /** The size that a stream's receive window never grows past. Default 16 MiB: 1 Gbit/s at 100 ms needs 12.5 MB. */
  readonly maxStreamWindow?: number;
  /**
   * The bytes received and not yet consumed, over all streams, past which windows no longer grow and the connection is
   * credited only as its streams are read. Messages in the making (`extendWindow`) may pass it by a half. Default 32
   * MiB: two full stream windows.
   */
  readonly maxBufferedBytesPerConnection?: number;
  /**
   * A budget for bytes received and not yet consumed that connections share. A connection that holds more than 1 MiB
   * while it is full is not read from. Default: none.
   */
  readonly receiveBudget?: ByteBudget | undefined;
  /** The bytes queued on a stream at which its sender should wait (`isWritable`). Default 65,536: one output block. */
  readonly streamSendHighWaterMark?: number;
  /**
   * The bytes queued on all streams of a connection at which every sender on it should wait. Default 4 MiB: 64 streams
   * with a full queue each, while a peer that keeps its windows shut on a thousand streams does not pin 64 KiB for
   * each.
   */
  readonly connectionSendHighWaterMark?: number;
  /**
   * A budget for bytes queued for output that connections share. While it is full, senders wait on each connection that
   * has more than 1 MiB queued. Default: none.
   */
  readonly sendBudget?: ByteBudget | undefined;
  /**
   * The bytes that one `takeOutput` gathers from the streams' queues. Default 262,144: some large writes, not one
   * endless one. While twice as many wait in header sections that the peer does not read, it is not read from either.
   */
  readonly outputBatchBytes?: number;
  /**
   * The bytes of frames that answer the peer (acknowledgements of SETTINGS and PING, RST_STREAM, WINDOW_UPDATE) queued
   * before reading from it stops. Default 65,536.
   */
  readonly maxQueuedControlBytes?: number;
  /**
   * The number of answers to PINGs queued before reading from the peer stops; more traffic explains no more PINGs then.
   * Default 16: no bandwidth estimator has more than one or two on their way.
   */
  readonly maxQueuedPingAnswers?: number;
  /** The number of CONTINUATION frames in one header section. Default 16. */
  readonly maxContinuationFrames?: number;
  /**
   * The encoded bytes of a header section, in multiples of `maxHeaderListSize`, past which it is not even decoded.
   * Default 4: Huffman code at its worst.
   */
  readonly maxEncodedHeaderFactor?: number;
  /** The number of entries in one SETTINGS frame. Default 32: six are defined. */
  readonly maxSettingsEntries?: number;
  /**
   * The number of streams that we reset and on which frames may still be on their way. What the peer had sent before it
   * saw our reset is let pass: DATA up to the stream's window, four header sections. Default 16,384: as many as may be
   * open and expire together.
   */
  readonly maxLateStreams?: number;

  // Time.

  /**
   * The time from the connection's start to the peer's SETTINGS. Default 10,000 ms: five round trips of a bad satellite
   * link, with TCP's repeats.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * The time that answers may wait for a peer that does not read them, once so many are queued that we read no more
   * from it. Default 10,000 ms: each answer is a few bytes, so that a peer which still reads takes them at once.
   */
  readonly unreadAnswersTimeoutMs?: number;
  /**
   * The time that a server's graceful shutdown waits between its two GOAWAY frames for the answer to its PING. Default
   * 10,000 ms: the second one goes out without the answer then, and requests on their way are refused as not processed.
   */
  readonly goAwayTimeoutMs?: number;
  /**
   * The time that a frame which has begun may take to be whole, where it is not DATA; six times as long without 16 KiB
   * more of it where it is. Default 10,000 ms. Half a DATA frame is what a network that fails for a while looks like in
   * the middle of a transfer.
   */
  readonly frameTimeoutMs?: number;
  /** The time that a whole header section may take, however many CONTINUATION frames it comes in. Default 10,000 ms. */
  readonly headerSectionTimeoutMs?: number;
  /**
   * At a server, the time that output may wait for a client that neither reads, nor opens its windows, nor shows any
   * other sign of life. A PING asks for one shortly before. A client that is slow but there may take as long as it
   * likes: what waits for it is bounded in bytes. Default 120,000 ms: longer than networks fail that come back. A
   * client does not ask by itself: gRPC servers end connections for PINGs that come more often than every five minutes
   * while they have nothing to say.
   */
  readonly stalledOutputTimeoutMs?: number;
  /**
   * The time that a message in the making (`extendWindow`) may stand still while the budget has no room for more.
   * Default 10,000 ms: what is read frees room in far less, and a sender that was stopped for longer is better told.
   */
  readonly messageBudgetTimeoutMs?: number;
  /**
   * The time for which frames on a stream that we reset are expected. Default 60,000 ms: far longer than anything is on
   * its way.
   */
  readonly lateFramesMs?: number;
  /**
   * The time for which a stream must hold its slot so that its reset does not count as early (`earlyResets`). Default
   * 50 ms: past that the slots bound what resets can cost, at 1,000 of them 20,000 streams a second, and deadlines of
   * callers are rarely shorter.
   */
  readonly earlyResetMs?: number;

  // What a peer may do for nothing.

  /**
   * PINGs beyond those that traffic explains, one for each HEADERS or DATA that we sent and each DATA received
   * (CVE-2019-9512). Default 100, +1/s: gRPC's bandwidth estimators PING after nearly every DATA; keepalive PINGs come
   * every ten seconds or rarer.
   */
  readonly pings?: Allowance;
  /**
   * SETTINGS beyond one for each stream begun and for each hundred DATA received (CVE-2019-9515). Default 100, +1/s:
   * peers send one or two in all, and each costs little however many streams are open.
   */
  readonly settings?: Allowance;
  /**
   * Frames that ask for work and carry nothing: DATA without payload or end (CVE-2019-9518), PRIORITY, GOAWAY,
   * informational responses, frames of unknown type, frames on streams that are gone, WINDOW_UPDATEs past 5 + 2 for
   * each stream + 20 for each frame that we sent. Default 1,000, +100/s, beyond four of them for each stream: browsers
   * send two or three with each request, and a reset may cross a stream's end.
   */
  readonly uselessFrames?: Allowance;
  /**
   * Streams that the peer makes us reset by breaking rules on them (CVE-2025-8671). Default 100, +10/s: a right peer
   * causes none.
   */
  readonly forcedResets?: Allowance;
  /**
   * Streams that the peer resets before we began to answer, and whose slot is free again within `earlyResetMs` of their
   * opening (CVE-2023-44487), where they are also more than half of the latest 1,000 streams. Default 1,000, +200/s: a
   * proxy that loses its users gives up all it had at once. A handler that still runs does not count: it holds its
   * slot, however its stream ends.
   */
  readonly earlyResets?: Allowance;
}

const limitNames = optionNames<ConnectionLimits>({
  maxStreamWindow: true,
  maxBufferedBytesPerConnection: true,
  receiveBudget: true,
  streamSendHighWaterMark: true,
  connectionSendHighWaterMark: true,
  sendBudget: true,
  outputBatchBytes: true,
  maxQueuedControlBytes: true,
  maxQueuedPingAnswers: true,
  maxContinuationFrames: true,
  maxEncodedHeaderFactor: true,
  maxSettingsEntries: true,
  maxLateStreams: true,
  handshakeTimeoutMs: true,
  unreadAnswersTimeoutMs: true,
  goAwayTimeoutMs: true,
  frameTimeoutMs: true,
  headerSectionTimeoutMs: true,
  stalledOutputTimeoutMs: true,
  messageBudgetTimeoutMs: true,
  lateFramesMs: true,
  earlyResetMs: true,
  pings: true,
  settings: true,
  uselessFrames: true,
  forcedResets: true,
  earlyResets: true,
});

type Shared = "receiveBudget" | "sendBudget";

/** Limits with their defaults filled in. */
export type ResolvedLimits = Required<Omit<ConnectionLimits, Shared>> & Pick<ConnectionLimits, Shared>;

const maxWindow = 2 ** 31 - 1;
/** The longest time that a timer of 32 bits can wait. */
const longestMs = 2 ** 31 - 1;
const most = 2 ** 31 - 1;

/** The results of `resolveLimits`: a server resolves its limits once, and not for each of its connections. */
const resolved: WeakSet<ConnectionLimits> = new WeakSet();

/**
 * Checks limits and fills in the defaults; what it has returned before is returned as it is. @throws RangeError or
 * TypeError naming the limit, the value and its range
 */
export function resolveLimits(limits: ConnectionLimits, initialWindowSize: number): ResolvedLimits {
  if (resolved.has(limits) && (limits as ResolvedLimits).maxStreamWindow >= initialWindowSize)
    return limits as ResolvedLimits;
  checkOptionNames("limits", limits, limitNames);
  const whole = (name: keyof ConnectionLimits, preset: number, least: number, largest: number): number =>
    wholeNumber(name, (limits[name] as number | undefined) ?? preset, least, largest);
  const duration = (name: keyof ConnectionLimits, presetMs: number, least = 1): number =>
    whole(name, presetMs, least, longestMs);
  const all: ResolvedLimits = Object.freeze({
    maxStreamWindow: Math.max(initialWindowSize, whole("maxStreamWindow", 2 ** 24, 0, maxWindow)),
    maxBufferedBytesPerConnection: whole("maxBufferedBytesPerConnection", 2 ** 25, 65_535, 2 ** 40),
    receiveBudget: budget("receiveBudget", limits.receiveBudget),
    streamSendHighWaterMark: whole("streamSendHighWaterMark", 65_536, 1, 2 ** 40),
    connectionSendHighWaterMark: whole("connectionSendHighWaterMark", 2 ** 22, 1, 2 ** 40),
    sendBudget: budget("sendBudget", limits.sendBudget),
    outputBatchBytes: whole("outputBatchBytes", 262_144, 16_384, 2 ** 30),
    maxQueuedControlBytes: whole("maxQueuedControlBytes", 65_536, 1_024, 2 ** 30),
    maxQueuedPingAnswers: whole("maxQueuedPingAnswers", 16, 1, most),
    maxContinuationFrames: whole("maxContinuationFrames", 16, 0, 2 ** 20),
    maxEncodedHeaderFactor: whole("maxEncodedHeaderFactor", 4, 1, most),
    maxSettingsEntries: whole("maxSettingsEntries", 32, 6, most),
    maxLateStreams: whole("maxLateStreams", 16_384, 1, most),
    handshakeTimeoutMs: duration("handshakeTimeoutMs", 10_000),
    unreadAnswersTimeoutMs: duration("unreadAnswersTimeoutMs", 10_000),
    goAwayTimeoutMs: duration("goAwayTimeoutMs", 10_000),
    frameTimeoutMs: duration("frameTimeoutMs", 10_000),
    headerSectionTimeoutMs: duration("headerSectionTimeoutMs", 10_000),
    stalledOutputTimeoutMs: duration("stalledOutputTimeoutMs", 120_000),
    messageBudgetTimeoutMs: duration("messageBudgetTimeoutMs", 10_000),
    lateFramesMs: duration("lateFramesMs", 60_000, 0),
    earlyResetMs: duration("earlyResetMs", 50, 0),
    pings: allowance("pings", limits.pings, 100, 1),
    settings: allowance("settings", limits.settings, 100, 1),
    uselessFrames: allowance("uselessFrames", limits.uselessFrames, 1_000, 100),
    forcedResets: allowance("forcedResets", limits.forcedResets, 100, 10),
    earlyResets: allowance("earlyResets", limits.earlyResets, 1_000, 200),
  });
  resolved.add(all);
  return all;
}

function allowance(name: string, given: Allowance | undefined, burst: number, perSecond: number): Allowance {
  if (given === undefined) return { burst, perSecond };
  checkOptionNames(name, given, allowanceNames);
  return {
    burst: wholeNumber(`${name}.burst`, given.burst ?? burst, 1, most),
    perSecond: numberInRange(`${name}.perSecond`, given.perSecond, 0, Number.POSITIVE_INFINITY),
  };
}

function budget(name: string, given: ByteBudget | undefined): ByteBudget | undefined {
  // By its shape: it may come from another installed copy of this package.
  if (given === undefined || (typeof given?.add === "function" && typeof given.isFull === "boolean")) return given;
  throw new TypeError(`${name} must be a ByteBudget, not ${String(given)}`);
}
