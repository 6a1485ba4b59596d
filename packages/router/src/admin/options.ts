/** The options of looking at a router, and of the operator's actions. */
import { type AbortSignalLike, checkOptionNames, optionNames, wholeNumber } from "@trunkline/base";

/** Options of a snapshot. */
export interface SnapshotOptions {
  /**
   * The most streams, the oldest first; the others are counted. Default 1,000, at most 20,000: about 15 MB.
   */
  readonly maxStreams?: number | undefined;
  /**
   * Text that names and streams must have in their name, an identity, an address or the id; at most 255 characters.
   * Default: all.
   */
  readonly filter?: string | undefined;
}

/** Options of watching. */
export interface WatchOptions extends SnapshotOptions {
  /** The least time between two messages, 100 to 60,000 ms. Default 1,000. */
  readonly intervalMs?: number | undefined;
  /** A signal that ends the watching without an error. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Options of taking a name from its listeners. */
export interface EvictOptions {
  /** The name. */
  readonly name: string;
  /** The one listener. Default: all of the name. */
  readonly listenerId?: string | undefined;
  /** The reason, for the listeners and the audit, of up to 255 characters. Default: none. */
  readonly reason?: string | undefined;
  /** True ends their streams, too. Default false. */
  readonly killStreams?: boolean | undefined;
}

/** The result of taking a name from its listeners. */
export interface Eviction {
  readonly listeners: number;
  /** The number of streams that were killed. */
  readonly streams: number;
}

/** The default number of streams. */
const defaultMaxStreams = 1_000;
const mostStreams = 20_000;
const defaultIntervalMs = 1_000;
/** Ten messages a second are more than a person can follow. */
export const leastIntervalMs = 100;
const longestIntervalMs = 60_000;
/** The longest filter and the longest reason. */
const maxTextChars = 255;

const snapshotOptionNames = optionNames<SnapshotOptions>({ maxStreams: true, filter: true });
const watchOptionNames = optionNames<WatchOptions>({ maxStreams: true, filter: true, intervalMs: true, signal: true });
const evictOptionNames = optionNames<EvictOptions>({ name: true, listenerId: true, reason: true, killStreams: true });

/** Options with their defaults. */
export interface ResolvedSnapshot {
  readonly maxStreams: number;
  readonly filter: string;
}

/** @throws TypeError for an unknown option, RangeError for a value out of its range */
export function resolveSnapshot(options: SnapshotOptions): ResolvedSnapshot {
  checkOptionNames("snapshot", options, snapshotOptionNames);
  return snapshotOf(options);
}

/** @throws as `resolveSnapshot` */
export function resolveWatch(options: WatchOptions): ResolvedSnapshot & { readonly intervalMs: number } {
  checkOptionNames("watch", options, watchOptionNames);
  const intervalMs = wholeNumber(
    "intervalMs",
    options.intervalMs ?? defaultIntervalMs,
    leastIntervalMs,
    longestIntervalMs,
  );
  return { ...snapshotOf(options), intervalMs };
}

/** @throws TypeError for an unknown option, RangeError for a reason that cannot be told */
export function checkEvict(options: EvictOptions): void {
  checkOptionNames("evictName", options, evictOptionNames);
  checkReason(options.reason ?? "");
}

function snapshotOf({ maxStreams, filter = "" }: SnapshotOptions): ResolvedSnapshot {
  if (filter.length > maxTextChars)
    throw new RangeError(`a filter of ${filter.length} characters is longer than ${maxTextChars}`);
  return { maxStreams: wholeNumber("maxStreams", maxStreams ?? defaultMaxStreams, 0, mostStreams), filter };
}

/** @throws RangeError for a reason that is too long, or has control characters */
export function checkReason(reason: string): void {
  if (reason.length > maxTextChars)
    throw new RangeError(`a reason of ${reason.length} characters is longer than ${maxTextChars}`);
  if (/[\p{Cc}\p{Cs}]/u.test(reason)) throw new RangeError("a reason must not have control characters");
}
