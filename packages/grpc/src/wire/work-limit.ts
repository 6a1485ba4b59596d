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

  /** Runs `work` when it is its turn, and settles as it does. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // A piece of work that has ended gives its place to the next one.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
