/** A bound for work that goes on beside the event loop, so that its results do not pile up in memory. */
import { Fifo } from "@trunkline/base";

/** Runs a limited number of pieces of work at the same time. The others wait for their turn, in order. */
export class WorkLimit {
  readonly #most: number;
  readonly #waiting: Fifo<() => void> = new Fifo();
  #running = 0;

  /** @param most the number of pieces of work that may go on at the same time */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `work` when it is its turn, and settles as it does. Where `mustWait` returns a promise then, the others go on
   * until that is settled, and the work waits for its turn again.
   */
  async run<Result>(work: () => Promise<Result>, mustWait?: () => Promise<void> | undefined): Promise<Result> {
    for (;;) {
      if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
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

  /** Gives the place of a piece of work to the next one. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
