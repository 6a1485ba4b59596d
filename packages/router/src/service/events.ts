/** The reports of a router about itself: events for logs, and counts. No event ever holds a token. */
import type { Status } from "@trunkline/grpc";
import type { RemoteKeyEvent } from "../token/remote-keys.js";

/**
 * An event of a router, for logs. `stream` is the subject of the tokens that the peers of a stream show, `peer` is the
 * address of a caller, `method` the path of a call.
 */
export type RouterEvent =
  /** Public keys were fetched that are new, or again after their server was away; or it begins to be away. */
  | RemoteKeyEvent
  /** A call was refused: a bad token, a third peer, an unknown name, a limit. */
  | {
      readonly kind: "refused";
      readonly method: string;
      readonly peer: string;
      readonly status: Status;
      readonly message: string;
    }
  /**
   * More calls of `method` were refused with `status` than are reported one by one: `count` of them within
   * `durationMs`.
   */
  | {
      readonly kind: "refusals-omitted";
      readonly method: string;
      readonly status: Status;
      readonly count: number;
      readonly durationMs: number;
    }
  /** The first peer of a stream waits for the other one. */
  | { readonly kind: "waiting"; readonly stream: string; readonly peer: string }
  /**
   * The wait of a first peer has ended without the other one: its time was over, the peer has left, or it has called
   * again, or an operator has ended the stream.
   */
  | {
      readonly kind: "expired";
      readonly stream: string;
      readonly peer: string;
      readonly reason: "timed-out" | "left" | "replaced" | "killed";
    }
  /** Two peers were joined. */
  | { readonly kind: "paired"; readonly stream: string; readonly peers: readonly [string, string] }
  /**
   * A pair has ended. `cause` is the reason if a peer was lost or has aborted the stream, or an operator has ended it
   * (`operator`), else undefined.
   */
  | {
      readonly kind: "closed";
      readonly stream: string;
      readonly cause: string | undefined;
      readonly durationMs: number;
      /** The bytes of all frames that were passed on. */
      readonly bytes: number;
      readonly peers: readonly [ClosedPeer, ClosedPeer];
      /** The identity of the operator who has ended the stream; undefined where none has. */
      readonly operator: string | undefined;
    }
  /** A listener was registered under a name. */
  | { readonly kind: "listening"; readonly name: string; readonly identity: string; readonly peer: string }
  /**
   * A listener is registered no more: its call has ended, another listener of the same identity has taken the name, or
   * it did not take its heartbeats in time, the policy no longer allows it, or an operator has taken the name away.
   */
  | {
      readonly kind: "listener-removed";
      readonly name: string;
      readonly identity: string;
      readonly reason: "left" | "superseded" | "unresponsive" | "denied" | "evicted";
    }
  /** The target of a listener fails its health check, for the reason in `problem`, or is well again (undefined). */
  | {
      readonly kind: "listener-health";
      readonly name: string;
      readonly identity: string;
      readonly problem: string | undefined;
    }
  /** A stream was offered to the listener of a name. `identity` is that of the dialler. */
  | {
      readonly kind: "dialled";
      readonly name: string;
      /** The identity of the listener. */
      readonly listener: string;
      readonly identity: string;
      readonly peer: string;
      readonly stream: string;
    }
  /** An operator has ended a stream. `operator` is the identity, `name` empty where the stream was not dialled here. */
  | {
      readonly kind: "killed";
      readonly stream: string;
      readonly name: string;
      readonly operator: string;
      readonly reason: string;
    }
  /** An operator has taken a name from so many listeners. */
  | {
      readonly kind: "evicted";
      readonly name: string;
      readonly listeners: number;
      readonly operator: string;
      readonly reason: string;
    }
  /** An operator has asked the router to drain. Without `deadlineMs` it takes its own time. */
  | { readonly kind: "drain-requested"; readonly operator: string; readonly deadlineMs: number | undefined };

/** A peer of a pair that has ended. */
export interface ClosedPeer {
  readonly address: string;
  /** The role in its token, which those of an exchange have. */
  readonly role: "listen" | "dial" | undefined;
  /** The bytes of the frames that came from it. */
  readonly bytes: number;
  /** True where it was lost before both sides had ended, or has aborted the stream. */
  readonly endedIt: boolean;
}

/** Counts of a router: totals since it was made, and present numbers where the comment says "now". */
export interface RouterStats {
  /** The number of first peers that wait now. */
  readonly waitingPeers: number;
  /** The number of pairs that live now. */
  readonly livePairs: number;
  /** The number of survivors that still take, now, what was accepted from a lost peer. */
  readonly lingeringPeers: number;
  /** The number of pairs that were joined. */
  readonly pairs: number;
  /** The number of those pairs that have carried a session on. */
  readonly resumptions: number;
  /** The number of pairs that ended because a peer was lost, or has aborted the stream. */
  readonly brokenPairs: number;
  /** The number of first peers whose other side did not come in time. */
  readonly expiredWaits: number;
  /** The number of frames that were passed on. */
  readonly frames: number;
  /** The bytes of the frames that were passed on. */
  readonly bytes: number;
  /** The bytes of the frames that went to listeners; without an exchange, to the peers that came second. */
  readonly bytesToListeners: number;
  /** The number of listeners that there are now; several may share a name. */
  readonly listeners: number;
  /** The number of streams that were offered to listeners. */
  readonly dials: number;
  /** The number of calls that were refused, whatever the reason. */
  readonly refusals: number;
}

export type MutableStats = { -readonly [Name in keyof RouterStats]: RouterStats[Name] };

/** Returns counts that are all zero. */
export function newStats(): MutableStats {
  return {
    waitingPeers: 0,
    livePairs: 0,
    lingeringPeers: 0,
    pairs: 0,
    resumptions: 0,
    brokenPairs: 0,
    expiredWaits: 0,
    frames: 0,
    bytes: 0,
    bytesToListeners: 0,
    listeners: 0,
    dials: 0,
    refusals: 0,
  };
}
