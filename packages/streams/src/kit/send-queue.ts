/** The sending half of a carrier. */
import { abortReason, type Deferred, deferred, Fifo, onAbort } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError } from "../contract/errors.js";
import { maxPendingSends, type WaitOptions } from "../contract/stream.js";
import { itemRefusal } from "./item.js";
import { sendOptionsRefusal } from "./option-refusal.js";

/** The carrier behind a `SendQueue`. */
export interface Sink<T> {
  /** Returns true while one more item may be accepted. When that becomes true again, the carrier calls `flush()`. */
  hasRoom(): boolean;
  /** Takes one item, which cannot be taken back. An error that it throws rejects the `send` of the item. */
  accept(item: T): void;
  /** Takes the end, after all items. `sendEof` settles as the promise does. */
  end(): Promise<void> | void;
}

interface Pending<T> {
  readonly item: T;
  resolve(): void;
  reject(error: unknown): void;
  /** Takes the listener off the signal; absent if there was no signal. */
  forget?: () => void;
}

/**
 * The promise of every send that need not wait. Who sends many items goes on without awaiting this one: room is
 * bounded, so that a later send waits.
 */
export const sentAtOnce: Promise<void> = Promise.resolve();

/**
 * Sends in order, with those that wait for room, the limit of their number (`maxPendingSends`), and the end. An item
 * waits here until the carrier has room, so that a cancelled send never began.
 */
export class SendQueue<T> {
  readonly #sink: Sink<T>;
  readonly #pending: Fifo<Pending<T>> = new Fifo();
  /** Makes the error of every later call, once nothing can be sent any more. */
  #failure: (() => unknown) | undefined;
  #end: Deferred<void> | undefined;
  #endAccepted = false;

  constructor(sink: Sink<T>) {
    this.#sink = sink;
  }

  /** The number of sends that wait for room. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** True once the sink has taken the end. */
  get ended(): boolean {
    return this.#endAccepted;
  }

  /**
   * Sends an item; resolves when the sink has taken it.
   * @throws BusyStreamError, ClosedStreamError after `end`, TypeError for no item, and the error that `fail` was given
   */
  send(item: T, options?: WaitOptions): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure());
    if (this.#end !== undefined) return Promise.reject(new ClosedStreamError("nothing can be sent after sendEof()"));
    const refusal = itemRefusal(item) ?? sendOptionsRefusal(options);
    if (refusal !== undefined) return Promise.reject(refusal);
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.#pending.size === 0 && this.#sink.hasRoom()) {
      try {
        this.#sink.accept(item);
      } catch (error) {
        return Promise.reject(error);
      }
      return sentAtOnce;
    }
    if (this.#pending.size >= maxPendingSends) {
      return Promise.reject(
        new BusyStreamError(
          `${this.#pending.size + 1} sends would wait, more than maxPendingSends (${maxPendingSends})`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const pending: Pending<T> = { item, resolve, reject };
      if (signal !== undefined) {
        pending.forget = onAbort(signal, () => {
          if (this.#pending.remove(pending)) reject(abortReason(signal));
          this.flush(); // the end may have waited for this one
        });
      }
      this.#pending.push(pending);
    });
  }

  /**
   * Ends the sending once every item has been accepted; settles as the sink's `end` does. A later call joins the first.
   */
  end(): Promise<void> {
    if (this.#end === undefined) {
      if (this.#failure !== undefined) return Promise.reject(this.#failure());
      this.#end = deferred();
      this.flush();
    }
    return this.#end.promise;
  }

  /** Sends on after there is room again, or less is waiting. */
  flush(): void {
    while (this.#pending.size > 0 && this.#sink.hasRoom()) {
      const pending = this.#pending.shift() as Pending<T>;
      pending.forget?.();
      try {
        this.#sink.accept(pending.item);
        pending.resolve();
      } catch (error) {
        pending.reject(error);
      }
    }
    if (this.#end !== undefined && !this.#endAccepted && this.#failure === undefined && this.#pending.size === 0) {
      this.#endAccepted = true;
      try {
        this.#end.resolve(this.#sink.end() ?? undefined);
      } catch (error) {
        this.#end.reject(error);
      }
    }
  }

  /**
   * Ends the sending by an error: every waiting and later `send` rejects with it. Only the first call has an effect.
   */
  fail(error: unknown): void {
    this.failWith(() => error);
  }

  /**
   * Does what `fail` does, with an error that is made only when something rejects with it: after an orderly end mostly
   * nothing does.
   */
  failWith(why: () => unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    for (let pending = this.#pending.shift(); pending !== undefined; pending = this.#pending.shift()) {
      pending.forget?.();
      pending.reject(why());
    }
    if (this.#end !== undefined && !this.#endAccepted) this.#end.reject(why());
  }
}
