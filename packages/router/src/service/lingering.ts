/**
 * The survivors of broken pairs that still take what was accepted from a lost peer. A slow reader is not a dead one: it
 * has all the time it needs while its connection lives, which the server's keepalive checks. Their number is bounded,
 * and so is the memory that they hold.
 */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { MutableStats } from "./events.js";
import type { Peer } from "./peer.js";

export interface LingeringOptions {
  readonly clock: Clock;
  /** The longest time that a survivor may take nothing of what waits for it; `Infinity` for as long as it lives. */
  readonly lingerMs: number;
  /** The number of survivors; one more cuts off the one that lingers the longest. */
  readonly maxLingeringPeers: number;
  readonly stats: MutableStats;
}

/** All survivors of one router. */
export class Lingering {
  readonly #options: LingeringOptions;
  /** The survivors with what cancels their timer, in the order in which they lost their other side. */
  readonly #survivors: Map<Peer, () => void> = new Map();

  constructor(options: LingeringOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#survivors.size;
  }

  /**
   * Lets `survivor` take what waits for it. `passedBytes` returns what was passed on so far: it grows while the
   * survivor takes something.
   */
  add(survivor: Peer, passedBytes: () => number): void {
    const { maxLingeringPeers } = this.#options;
    this.#survivors.set(survivor, () => {});
    this.#watch(survivor, passedBytes);
    const onOver = (): void => this.#remove(survivor);
    survivor.over.then(onOver, onOver);
    survivor.call.signal.addEventListener("abort", onOver, { once: true });
    for (const oldest of this.#survivors.keys()) {
      if (this.#survivors.size <= maxLingeringPeers) break;
      this.#cutOff(oldest);
    }
    this.#count();
  }

  #watch(survivor: Peer, passedBytes: () => number): void {
    const { clock, lingerMs } = this.#options;
    if (lingerMs === Number.POSITIVE_INFINITY) return;
    const before = passedBytes();
    const cancel = clock.at(
      clock.nowMs() + lingerMs,
      () => {
        if (passedBytes() === before) this.#cutOff(survivor);
        else this.#watch(survivor, passedBytes);
      },
      "watch",
    );
    this.#survivors.set(survivor, cancel);
  }

  /** Ends the call by a reset: a status would wait behind the data that the survivor does not take. */
  #cutOff(survivor: Peer): void {
    this.#remove(survivor);
    survivor.call.abort(otherSideGone);
  }

  #remove(survivor: Peer): void {
    this.#survivors.get(survivor)?.();
    this.#survivors.delete(survivor);
    this.#count();
  }

  #count(): void {
    this.#options.stats.lingeringPeers = this.#survivors.size;
  }
}

/** The status of a survivor, shared by all: it says nothing about the peer that was lost. */
export const otherSideGone: GrpcError = new GrpcError(Status.UNAVAILABLE, "the other side of the stream is gone");
