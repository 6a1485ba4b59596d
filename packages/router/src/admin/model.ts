/**
 * The state of a router as an operator sees it: plain objects, the same in the router's process and at a client of the
 * admin service. Texts come from peers, and may have any character; they are bounded.
 */

/** One message of `watch`: a snapshot, or what has changed since the message before. */
export interface RouterUpdate {
  /** True where the message replaces all that was known. */
  readonly snapshot: boolean;
  readonly atUnixMs: number;
  /** Always whole. */
  readonly numbers: RouterNumbers;
  /** The names that are new or have changed. */
  readonly names: readonly RouterName[];
  /** The keys of names that are gone. */
  readonly namesGone: readonly string[];
  /** The streams that are new or have changed. */
  readonly streams: readonly RoutedStream[];
  /** The ids of streams that are gone. */
  readonly streamsGone: readonly string[];
  /** The number of streams that fit the filter, and are beyond `maxStreams`. */
  readonly streamsLeftOut: number;
  /** The events since the message before; with the first one those before it, too. The router keeps the last 1,000. */
  readonly events: readonly LoggedEvent[];
}

/** The router as a whole. Totals count from its start. */
export interface RouterNumbers {
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
  readonly liveStreams: number;
  /** The number of peers that wait for their other side. */
  readonly waitingStreams: number;
  readonly detachedSessions: number;
  readonly listeners: number;
  readonly streamsOpened: number;
  readonly refused: number;
  readonly resumed: number;
  readonly connections: number;
  /** The longest delay of the event loop since it was last measured. It is measured while someone watches. */
  readonly eventLoopDelayMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly state: "serving" | "draining";
  readonly startedUnixMs: number;
  readonly version: string;
  readonly limits: readonly UsedLimit[];
}

/** A limit of the router, and how much of it is used. */
export interface UsedLimit {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
}

/** A listener of a name. Several listeners may share a name. */
export interface RouterName {
  /** The key of this entry in `namesGone`. */
  readonly key: string;
  readonly name: string;
  readonly identity: string;
  readonly listenerId: string;
  readonly peer: string;
  readonly sinceUnixMs: number;
  /** The metadata of the listener, without secrets, and cut. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The reason why its target fails its health check; empty where it does not, or nothing is known. */
  readonly problem: string;
  /** The number of streams that were offered to it and have not ended. */
  readonly streams: number;
  readonly streamsInAll: number;
}

/** `waiting` for a side that has not come yet; `detached` is a session whose sides may come back. */
export type StreamState = "waiting" | "live" | "half-closed" | "detached" | "ending";

/** A stream. */
export interface RoutedStream {
  readonly id: string;
  /** The name that was dialled; empty for a stream whose tokens are not of the exchange. */
  readonly name: string;
  /** The side that has dialled; without an exchange the peer that came first. */
  readonly dialler: StreamParty;
  readonly listener: StreamParty;
  readonly state: StreamState;
  readonly sinceUnixMs: number;
  readonly bytesToDialler: number;
  readonly bytesToListener: number;
  /** The number of pairs of calls that have carried the stream here: more than one for a session that was resumed. */
  readonly attempts: number;
  /** The metadata of the dialler, without secrets, and cut. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The wait of each direction that has not ended. */
  readonly waits: readonly StreamWait[];
}

/** A side of a stream. */
export interface StreamParty {
  /** The identity; empty where the token names none. */
  readonly identity: string;
  readonly peer: string;
  readonly tokenId: string;
  /** True while its call is here. */
  readonly attached: boolean;
  /** 0 where it is not known. */
  readonly roundTripMs: number;
}

/**
 * The cause of a wait: `nobody` where bytes flow, `sender-idle` where the router has passed on all that has come,
 * `router-outgoing-window` where the receiver takes nothing, `rate-limit` of the policy, `peer-detached` where a side
 * of a session is away, `not-attached` where a side has not come yet.
 */
export type WaitCause =
  | "nobody"
  | "sender-idle"
  | "router-outgoing-window"
  | "rate-limit"
  | "peer-detached"
  | "not-attached";

/** The wait of one direction of a stream. */
export interface StreamWait {
  readonly direction: "to-dialler" | "to-listener";
  readonly on: WaitCause;
  /** The beginning of the wait; 0 for `nobody`. */
  readonly sinceUnixMs: number;
  /** The bytes that the router has taken and could not pass on. */
  readonly bufferedBytes: number;
}

/** An event of the router. */
export interface LoggedEvent {
  readonly atUnixMs: number;
  /** The kind of the `RouterEvent`. */
  readonly name: string;
  /** The stream; empty for an event of none. */
  readonly streamId: string;
  readonly text: string;
  /** The other fields of the event, as text, cut. */
  readonly fields: Readonly<Record<string, string>>;
}
