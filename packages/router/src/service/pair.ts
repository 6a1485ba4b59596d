/**
 * Two calls that are joined: the frames that one sends, the other receives, with the backpressure of HTTP/2 all the
 * way.
 *
 * When one side is lost, everything that was accepted from it is delivered first; then the other side's call ends with
 * UNAVAILABLE. The pair itself is over at once, however slowly the survivor reads.
 */
import { type Clock, reasonText } from "@trunkline/base";
import { sentAtOnce } from "@trunkline/streams/kit";
import { isAbortFrame } from "../stream/frame.js";
import type { MutableStats } from "./events.js";
import { type Lingering, otherSideGone } from "./lingering.js";
import type { Peer } from "./peer.js";
import type { Direction, StreamLimits } from "./stream-limits.js";

export interface PairOptions {
  readonly clock: Clock;
  readonly lingering: Lingering;
  readonly stats: MutableStats;
  /** The limits of the stream, where a policy may set some. */
  readonly limits: StreamLimits | undefined;
  /**
   * Called once, when the pair is over: both sides had ended, or `endedBy` is the peer that was lost or has aborted the
   * stream, and `cause` says why.
   */
  onOver(pair: Pair, endedBy: Peer | undefined, cause: string | undefined): void;
}

export class Pair {
  readonly startedAtMs: number;
  readonly peers: readonly [Peer, Peer];
  readonly #options: PairOptions;
  #over = false;

  constructor(first: Peer, second: Peer, options: PairOptions) {
    this.peers = [first, second];
    this.#options = options;
    this.startedAtMs = options.clock.nowMs();
  }

  /** The peer that has dialled; without an exchange the one that came first. */
  get dialler(): Peer {
    const [first, second] = this.peers;
    return second.role === "dial" ? second : first;
  }

  get listener(): Peer {
    const [first, second] = this.peers;
    return second.role === "dial" ? first : second;
  }

  get over(): boolean {
    return this.#over;
  }

  /** The bytes of the frames that were passed on. */
  get bytes(): number {
    return this.peers[0].bytes + this.peers[1].bytes;
  }

  /** Begins to pass frames on. */
  join(): void {
    const [first, second] = this.peers;
    for (const peer of this.peers) {
      peer.joined = true;
      peer.lastFrameAtMs = this.startedAtMs;
    }
    for (const [one, other, direction] of [
      [first, second, 0],
      [second, first, 1],
    ] as const) {
      void this.#forward(one, other, direction);
      if (one.gone) this.#onGone(one, other);
      else one.call.signal.addEventListener("abort", () => this.#onGone(one, other), { once: true });
    }
  }

  /** The limits of the stream. */
  get limits(): StreamLimits | undefined {
    return this.#options.limits;
  }

  async #forward(from: Peer, to: Peer, direction: Direction): Promise<void> {
    const { stats, limits, clock } = this.#options;
    const isToListener = to === this.listener;
    try {
      for (let frame = await from.call.receive(); frame !== undefined; frame = await from.call.receive()) {
        stats.frames += 1;
        stats.bytes += frame.length;
        if (isToListener) stats.bytesToListeners += frame.length;
        from.bytes += frame.length;
        from.lastFrameAtMs = clock.nowMs();
        from.heldBytes = frame.length;
        if (isAbortFrame(frame)) from.aborted = true;
        const pause = limits?.pace(direction, frame.length);
        if (pause !== undefined) {
          from.paced = true;
          await pause;
          from.paced = false;
        }
        const sent = to.call.send(frame);
        if (sent !== sentAtOnce) await sent;
        from.heldBytes = 0;
      }
    } catch {
      // One of them is lost. If it was the receiver, it cannot be told; if it was the sender, all frames of it have
      // been passed on.
      to.finish(otherSideGone);
      return;
    }
    from.ended = true;
    if (to.ended) {
      const aborted = this.peers.find((peer) => peer.aborted);
      this.#end(aborted, aborted && "the peer has aborted the stream");
      from.finish();
      to.finish();
    } else if (from.gone) {
      to.finish(otherSideGone);
    }
  }

  #onGone(peer: Peer, survivor: Peer): void {
    if (peer.ended && survivor.ended) return;
    this.#end(peer, reasonText(peer.call.signal.reason));
    peer.finish();
    if (peer.ended) survivor.finish(otherSideGone);
    else if (!survivor.gone) this.#options.lingering.add(survivor, () => this.bytes);
  }

  #end(endedBy: Peer | undefined, cause: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.limits?.stop();
    this.#options.onOver(this, endedBy, cause);
  }
}
