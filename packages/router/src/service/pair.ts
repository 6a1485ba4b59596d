/**
 * Two calls that are joined: what one sends, the other receives, with the backpressure of HTTP/2 all the way.
 *
 * When one side is gone, everything that was accepted from it is delivered first; then the other side's call ends with UNAVAILABLE. The pair
 * itself is over at once, however slowly the survivor reads.
 */

import { reasonText } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { Clock } from "@trunkline/streams";
import type { MutableStats } from "./events.js";
import type { Peer } from "./peer.js";

export interface PairOptions {
  readonly clock: Clock;
  /** How long a survivor may take none of what is left for it. */
  readonly lingerMs: number;
  readonly stats: MutableStats;
  /** Called once. `cause`: why, if not because both sides had ended. */
  onOver(pair: Pair, cause: string | undefined): void;
}

export class Pair {
  /** Of the frames that were passed on. */
  bytes = 0;
  readonly startedAtMs: number;
  readonly #options: PairOptions;
  #over = false;

  constructor(options: PairOptions) {
    this.#options = options;
    this.startedAtMs = options.clock.nowMs();
  }

  join(first: Peer, second: Peer): void {
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      void this.#forward(one, other);
      if (one.gone) this.#onGone(one, other);
      else one.call.signal.addEventListener("abort", () => this.#onGone(one, other), { once: true });
    }
  }

  async #forward(from: Peer, to: Peer): Promise<void> {
    const { stats } = this.#options;
    try {
      for (let frame = await from.call.receive(); frame !== undefined; frame = await from.call.receive()) {
        stats.frames += 1;
        stats.bytes += frame.length;
        this.bytes += frame.length;
        await to.call.send(frame);
      }
    } catch {
      // One of them is gone. If it was the receiver, there is nobody left to tell; if it was the sender, all of it has arrived.
      to.finish(otherSideGone);
      return;
    }
    from.ended = true;
    if (to.ended) {
      this.#end(undefined);
      from.finish();
      to.finish();
    } else if (from.gone) {
      to.finish(otherSideGone);
    }
  }

  #onGone(peer: Peer, survivor: Peer): void {
    if (peer.ended && survivor.ended) return;
    this.#end(reasonText(peer.call.signal.reason));
    peer.finish();
    if (peer.ended) survivor.finish(otherSideGone);
    else if (!survivor.gone) this.#linger(survivor, this.bytes);
  }

  /** A survivor that takes nothing for too long is cut off: by a reset, since nothing else would reach it. */
  #linger(survivor: Peer, bytesBefore: number): void {
    const { clock, lingerMs } = this.#options;
    const cancel = clock.at(
      clock.nowMs() + lingerMs,
      () => {
        if (this.bytes === bytesBefore) survivor.call.abort(otherSideGone);
        else this.#linger(survivor, this.bytes);
      },
      "watch",
    );
    survivor.over.then(cancel, cancel);
  }

  #end(cause: string | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onOver(this, cause);
  }
}

/** Shared: the status of a call that somebody else's end has ended holds nothing of it. */
const otherSideGone = new GrpcError(Status.UNAVAILABLE, "the other side of the stream is gone");
