/** A bound for work that goes on beside the event loop, so that its results do not pile up in memory. */
import { Fifo } from "@trunkline/base";

/**
 * Runs a limited number of pieces of work at the same time. The others wait in lanes, each in order; the lanes take
 * turns, so that nobody who asks for a thousand pieces makes others wait for all of them.
 */
export class WorkLimit {
  readonly #most: number;
  /** The lanes in which work waits, that whose turn is next first. */
  readonly #lanes: Map<object, Fifo<() => void>> = new Map();
  #running = 0;

  /** @param most the number of pieces of work that may go on at the same time */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `work` when it is the turn of its `lane` and it is the first there, and settles as it does. Where `mustWait`
   * returns a promise then, the others go on until that is settled, and the work waits for its turn again.
   */
  async run<Result>(
    lane: object,
    work: () => Promise<Result>,
    mustWait?: () => Promise<void> | undefined,
  ): Promise<Result> {
    for (;;) {
      if (this.#running >= this.#most) await this.#turnIn(lane);
      else this.#running += 1;
      const waiting = mustWait?.();
      if (waiting === undefined) break;
      this.#leave();
      await waiting;
    }
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #turnIn(lane: object): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#lanes.get(lane);
      if (waiting !== undefined) {
        waiting.push(resolve);
        return;
      }
      const first = new Fifo<() => void>();
      first.push(resolve);
      this.#lanes.set(lane, first);
    });
  }

  /** Gives the place of a piece of work to the first one of the next lane. */
  #leave(): void {
    for (const [lane, waiting] of this.#lanes) {
      this.#lanes.delete(lane);
      const next = waiting.shift();
      if (waiting.size > 0) this.#lanes.set(lane, waiting);
      next?.();
      return;
    }
    this.#running -= 1;
  }
}
