/**
 * The router as the dashboard shows it, in plain objects. A router's view (`RouterView` of `@trunkline/router`) has
 * this shape; this file must not know where the objects come from.
 */

/** A limit of the router and how full it is. */
export interface RouterLimit {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
}

/** The numbers of a router: totals since its start, and present numbers. */
export interface RouterNumbers {
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
  readonly liveStreams: number;
  readonly waitingStreams: number;
  readonly detachedSessions: number;
  readonly listeners: number;
  readonly streamsOpened: number;
  readonly refused: number;
  readonly resumed: number;
  readonly connections: number;
  readonly eventLoopDelayMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** `"serving"` or `"draining"`. */
  readonly state: string;
  readonly startedUnixMs: number;
  readonly version: string;
  readonly limits: readonly RouterLimit[];
}

/** A listener of a name. */
export interface NameEntry {
  /** The key of the entry, unique among the names. */
  readonly key: string;
  readonly name: string;
  readonly identity: string;
  readonly listenerId: string;
  readonly peer: string;
  readonly sinceUnixMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** The reason why its target is not well; empty where it is. */
  readonly problem: string;
  readonly streams: number;
  readonly streamsInAll: number;
}

/** One of the two peers of a stream. */
export interface StreamParty {
  readonly identity: string;
  readonly peer: string;
  readonly tokenId: string;
  readonly attached: boolean;
  /** 0 where it is not known. */
  readonly roundTripMs: number;
}

/** The wait of one direction of a stream. */
export interface StreamWait {
  /** `"to-dialler"` or `"to-listener"`. */
  readonly direction: string;
  /** `"nobody"`, or the cause. */
  readonly on: string;
  readonly sinceUnixMs: number;
  readonly bufferedBytes: number;
}

/** A stream. */
export interface StreamEntry {
  readonly id: string;
  readonly name: string;
  readonly dialler: StreamParty;
  readonly listener: StreamParty;
  /** `"waiting"`, `"live"`, `"half-closed"`, `"detached"` or `"ending"`. */
  readonly state: string;
  readonly sinceUnixMs: number;
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
  readonly attempts: number;
  /** The metadata with secrets hidden. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly waits: readonly StreamWait[];
}

/** An event of the router. */
export interface RouterLogEvent {
  readonly atUnixMs: number;
  readonly name: string;
  readonly streamId: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The changes since the previous message of one watch. */
export interface RouterChanges {
  /** True where the message replaces all that was known. */
  readonly snapshot: boolean;
  readonly atUnixMs: number;
  readonly numbers: RouterNumbers;
  readonly names: readonly NameEntry[];
  readonly namesGone: readonly string[];
  readonly streams: readonly StreamEntry[];
  readonly streamsGone: readonly string[];
  readonly streamsLeftOut: number;
  readonly events: readonly RouterLogEvent[];
}

/** A setting of the router that is no secret. */
export interface RouterSetting {
  readonly name: string;
  readonly value: string;
  /** The place that it came from, such as `--listen` or `default`. */
  readonly origin: string;
}

/** Options of a watch. */
export interface SourceWatchOptions {
  /** The least time between two messages that are whole, in milliseconds. */
  readonly intervalMs: number;
  /** The most streams that are told of; the others are counted. */
  readonly maxStreams: number;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** The listeners to evict. */
export interface NameEviction {
  readonly name: string;
  /** The listener. Default: all of the name. */
  readonly listenerId?: string;
  readonly reason: string;
  readonly killStreams: boolean;
}

/** The router as the dashboard sees it. An action that is not possible throws an error whose message can be shown. */
export interface DashboardSource {
  /** Returns a snapshot, and then what changes, until its signal aborts. */
  watch(options: SourceWatchOptions): AsyncIterable<RouterChanges>;
  /** Ends a stream for both its peers. `by` says who does it, for the router's events. */
  killStream(id: string, reason: string, by: string): void;
  /** Ends listeners of a name. */
  evictName(eviction: NameEviction, by: string): { readonly listeners: number; readonly streams: number };
  /** Begins to drain the router, within its own time where `deadlineMs` is undefined. */
  drain(deadlineMs: number | undefined, by: string): void;
}
