/** What a router tells about itself: events for logs, and counts. None of it ever holds a token. */
import type { GrpcError, ServerCall, Status } from "@trunkline/grpc";

/** Something that happened, for logs. `stream` is the subject of the tokens that met, `peer` the address of who called. */
export type RouterEvent =
  /** A call was refused: a bad token, a third peer, an unknown name, a limit. `method` is its path. */
  | {
      readonly kind: "refused";
      readonly method: string;
      readonly peer: string;
      readonly status: Status;
      readonly message: string;
    }
  /** A first peer waits. */
  | { readonly kind: "waiting"; readonly stream: string; readonly peer: string }
  /** It has waited too long, or has left. */
  | {
      readonly kind: "unmet";
      readonly stream: string;
      readonly peer: string;
      readonly because: "expired" | "left" | "replaced";
    }
  /** Two peers are joined. */
  | { readonly kind: "paired"; readonly stream: string; readonly peers: readonly [string, string] }
  /** They are no more. `cause` says why, unless both had ended. */
  | {
      readonly kind: "parted";
      readonly stream: string;
      readonly cause: string | undefined;
      readonly durationMs: number;
      /** Of the frames that were passed on. */
      readonly bytes: number;
    }
  /** Somebody listens under a name. */
  | { readonly kind: "listening"; readonly name: string; readonly identity: string; readonly peer: string }
  | {
      readonly kind: "unlistened";
      readonly name: string;
      readonly identity: string;
      readonly because: "left" | "superseded";
    }
  /** A stream was offered to who listens under a name. */
  | {
      readonly kind: "dialled";
      readonly name: string;
      readonly identity: string;
      readonly peer: string;
      readonly stream: string;
    };

/** Counts since the router began, and of now where they say so. */
export interface RouterStats {
  /** First peers that wait now. */
  readonly waitingPeers: number;
  /** Pairs that live now. */
  readonly livePairs: number;
  readonly pairs: number;
  /** Pairs that ended because a peer was gone. */
  readonly brokenPairs: number;
  /** First peers whose other side did not come in time. */
  readonly expiredWaits: number;
  /** Frames and bytes of frames that were passed on. */
  readonly frames: number;
  readonly bytes: number;
  /** Names that are listened to now. */
  readonly listeners: number;
  readonly dials: number;
  /** Calls that were refused, for whatever reason. */
  readonly refusals: number;
}

export type MutableStats = { -readonly [Name in keyof RouterStats]: RouterStats[Name] };

export function newStats(): MutableStats {
  return {
    waitingPeers: 0,
    livePairs: 0,
    pairs: 0,
    brokenPairs: 0,
    expiredWaits: 0,
    frames: 0,
    bytes: 0,
    listeners: 0,
    dials: 0,
    refusals: 0,
  };
}

/** What the services of a router share to tell about themselves. */
export class Reporter {
  readonly stats: MutableStats = newStats();
  readonly #onEvent: ((event: RouterEvent) => void) | undefined;

  constructor(onEvent: ((event: RouterEvent) => void) | undefined) {
    this.#onEvent = onEvent;
  }

  /** A call ends before it has begun. */
  refused(call: ServerCall<{}, never>, { status, message }: GrpcError): void {
    this.stats.refusals += 1;
    this.tell({ kind: "refused", method: call.path, peer: call.peer.address, status, message });
  }

  /** What the listener throws is its own affair, and must not end a stream. */
  tell(event: RouterEvent): void {
    try {
      this.#onEvent?.(event);
    } catch {
      // A log that fails has nobody left to tell.
    }
  }
}
