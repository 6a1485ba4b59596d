/**
 * The halves of sessions at this router: they wait, are joined, take each other's places, and are told where the other
 * side has left or the router is about to close.
 */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import { ExpiringMap } from "../registry/expiring-map.js";
import type { Role } from "../rendezvous.js";
import { supersededError, unknownError } from "../session/final.js";
import { SessionRendezvous } from "../session-rendezvous.js";
import { encodeFrame, RouterFrameType } from "../stream/frame.js";
import { ExpiryTimer } from "./expiry-timer.js";
import { otherSideGone } from "./lingering.js";
import type { Peer } from "./peer.js";
import type { Reporter } from "./reporter.js";

export interface SessionHalvesOptions {
  readonly maxRememberedStreams: number;
  readonly clock: Clock;
  readonly reporter: Reporter;
  /** Joins two halves. */
  join(first: Peer, second: Peer): void;
  /** The number of halves that wait may have changed. */
  onWaiting(): void;
}

/** The end of a session at one of its peers. */
interface LeftSession {
  /** The gRPC status, 0 where both directions were complete. */
  readonly status: number;
  readonly message: string;
}

/** A peer looks for the other one for at most as long as `resumeTimeoutMs` allows by default, with some to spare. */
const leftKeptMs = 150_000;
/** The number of sessions that a peer has left: with the longest messages 10 MB. */
const maxLeftKept = 10_000;

/** The time for sessions to find another way, which may be a router that is started now. They come back also later. */
const moveMs = 5_000;

export class SessionHalves {
  readonly #options: SessionHalvesOptions;
  readonly #table: SessionRendezvous<Peer>;
  /** The sessions that a peer has left, so that the other one is told when it comes, and does not wait in vain. */
  readonly #left: ExpiringMap<LeftSession> = new ExpiringMap({ keptMs: leftKeptMs, maxKept: maxLeftKept });
  readonly #timer: ExpiryTimer;

  constructor(options: SessionHalvesOptions) {
    this.#options = options;
    this.#table = new SessionRendezvous(options.maxRememberedStreams);
    this.#timer = new ExpiryTimer({
      clock: options.clock,
      nextExpiryMs: () => this.#table.nextExpiryMs,
      expire: (nowMs) => this.#expire(nowMs),
    });
  }

  get waitingPeers(): number {
    return this.#table.waitingPeers;
  }

  /** Takes a half that has come. @throws GrpcError where it is of no use */
  admit(peer: Peer, role: Role, attempt: number, tokenUntilMs: number): void {
    const { clock, reporter, join, onWaiting } = this.#options;
    const nowMs = clock.nowMs();
    const { stream } = peer;
    this.checkNotLeft(stream);
    const outcome = this.#table.arrive(peer, { stream, role, attempt, tokenUntilMs }, nowMs);
    if (outcome.kind === "old") throw supersededError(outcome.byAttempt);
    if (outcome.kind === "full") {
      throw new GrpcError(
        Status.RESOURCE_EXHAUSTED,
        "the router remembers as many sessions as maxRememberedStreams allows",
      );
    }
    const { superseded, widowed, other } = outcome;
    // At once, and not behind what waits for them: it comes again by the new way.
    superseded?.call.abort(supersededError(attempt));
    widowed?.call.abort(otherSideGone);
    const onOver = (): void => {
      this.#table.ended(stream, role, peer);
      onWaiting();
    };
    peer.over.then(onOver, onOver);
    // Also a half that was superseded while it waited: nothing else ends it.
    peer.call.signal.addEventListener("abort", () => peer.finish(), { once: true });
    if (peer.gone) peer.finish();
    onWaiting();
    if (other === undefined) {
      reporter.tell({ kind: "waiting", stream, peer: peer.address });
      this.#timer.arm();
    } else {
      join(other, peer);
    }
  }

  /** @throws GrpcError where a peer has left the session */
  checkNotLeft(stream: string): void {
    const left = this.#left.find(stream, this.#options.clock.nowMs());
    if (left !== undefined) throw unknownError(left.status, left.message);
  }

  /** Records that a peer has left a session. A half that waits is told at once. */
  left(stream: string, status: number, message: string): void {
    this.#left.add(stream, { status, message }, this.#options.clock.nowMs());
    for (const role of ["dial", "listen"] as const)
      this.#table.waitingOf(stream, role)?.finish(unknownError(status, message));
  }

  /** Ends the halves that wait: their peers come back, here or elsewhere. */
  close(error: () => GrpcError): void {
    this.#timer.stop();
    for (const peer of [...this.#table.waiting()]) peer.finish(error());
  }

  /**
   * Tells all halves that are joined to find another way. Those that have found none after some seconds are ended: they
   * come back, and the router that they wait for may be started only once this one has ended.
   */
  drain(): void {
    const { clock } = this.#options;
    const message = encodeFrame({ frameType: RouterFrameType.ALTSVC, payload: new Uint8Array() });
    for (const peer of this.#table.joined()) peer.call.send(message).catch(() => {});
    const onLate = (): void => {
      const error = new GrpcError(Status.UNAVAILABLE, `the router closes, and no other way was found in ${moveMs} ms`);
      for (const peer of [...this.#table.joined()]) peer.finish(error);
    };
    clock.at(clock.nowMs() + moveMs, onLate, "watch");
  }

  #expire(nowMs: number): void {
    const { reporter } = this.#options;
    for (const peer of this.#table.expire(nowMs)) {
      peer.finish(new GrpcError(Status.UNAVAILABLE, "the other side of the session has not come yet"));
      reporter.stats.expiredWaits += 1;
      reporter.tell({ kind: "expired", stream: peer.stream, peer: peer.address, reason: "timed-out" });
    }
  }
}
