/** The sending half of a layer that takes time over each item. */
import type { WaitOptions } from "../contract/stream.js";
import { SendQueue } from "./send-queue.js";

/**
 * Handles one item at a time, in order. `send` resolves when the item's turn has come, so that one item is handled
 * while the others wait by the rules of every stream. When handling fails, everything after it fails with the same
 * error.
 */
export class SendStage<T> {
  readonly #queue: SendQueue<T>;
  readonly #onFailure: (error: unknown) => void;
  #busy: Promise<void> | undefined;

  constructor(handle: (item: T) => Promise<void>, end: () => Promise<void>, onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
    this.#queue = new SendQueue<T>({
      hasRoom: () => this.#busy === undefined,
      accept: (item) => {
        const work = handle(item);
        this.#busy = work;
        work.then(this.#onDone, (error: unknown) => this.#failed(error));
      },
      end: () => (this.#busy === undefined ? end() : this.#busy.then(end)),
    });
  }

  /** Waits for the item's turn. */
  send(item: T, options?: WaitOptions): Promise<void> {
    return this.#queue.send(item, options);
  }

  /** Sends the end after all items. */
  end(): Promise<void> {
    return this.#queue.end();
  }

  /** Ends the stage by an error, which every waiting and later `send` rejects with. */
  fail(error: unknown): void {
    this.#queue.fail(error);
  }

  readonly #onDone = (): void => {
    this.#busy = undefined;
    this.#queue.flush();
  };

  #failed(error: unknown): void {
    this.#queue.fail(error);
    this.#onFailure(error);
  }
}
