/** The receiving half of a carrier. */
import { abortReason, type Deferred, deferred, Fifo, onAbort } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError } from "../contract/errors.js";
import type { WaitOptions } from "../contract/stream.js";
import { waitOptionsRefusal } from "./option-refusal.js";

interface Waiter<T> {
  resolve(item: T | undefined): void;
  reject(error: unknown): void;
  /** Takes the listener off the signal; absent if there was no signal. */
  forget?: () => void;
}

/**
 * The items that have arrived and were not taken yet, the one `take` that may wait, and the end. The queue has no limit
 * of its own: the carrier stops its source according to `size`, and `onTaken` reports when there is room again.
 */
export class ReceiveQueue<T extends {}> {
  readonly #items: Fifo<T> = new Fifo();
  readonly #onTaken: ((item: T) => void) | undefined;
  #waiter: Waiter<T> | undefined;
  /** The mark after the last item: an error, or the end if `error` is undefined. */
  #last: { readonly error: Error | undefined } | undefined;
  /** True once the end has been taken, so that no later failure can replace it. */
  #endTaken = false;
  /**
   * Makes the error of later calls, once this side reads no more. Most streams are closed and then left alone, and an
   * error costs more than the rest of their end.
   */
  #closed: (() => Error) | undefined;
  /** True when this side does not wait for the end either. */
  #abandoned = false;
  #discarding: Deferred<void> | undefined;

  /** `onTaken` is called with each item that leaves the queue, whether taken or discarded. It may push. */
  constructor(onTaken?: (item: T) => void) {
    this.#onTaken = onTaken;
  }

  /** The number of items that have not been taken. */
  get size(): number {
    return this.#items.size;
  }

  /** True when the next item leaves the queue at once, because a `take` waits or everything is discarded. */
  get hasWaitingReader(): boolean {
    return this.#waiter !== undefined || this.#closed !== undefined;
  }

  /** True once this side has taken the end, or discarded up to it. */
  get endTaken(): boolean {
    return this.#endTaken;
  }

  // The source's side.

  /** Adds an item that has arrived. It is ignored after the end. */
  push(item: T): void {
    if (this.#last !== undefined) return;
    if (this.#closed !== undefined) {
      this.#onTaken?.(item);
    } else if (this.#waiter !== undefined) {
      this.#takeWaiter(this.#waiter).resolve(item);
      this.#onTaken?.(item);
    } else {
      this.#items.push(item);
    }
  }

  /** Marks the end: after the items, `take` returns `undefined`, or rejects with `error` if it is given. */
  end(error?: Error): void {
    if (this.#last === undefined) this.#finish(error);
  }

  /**
   * Marks a break: the items are dropped and `take` rejects with `error`. After an end that was taken, or after an
   * error, it does nothing.
   */
  fail(error: Error): void {
    if (this.#endTaken || this.#last?.error !== undefined) return;
    this.#items.clear();
    this.#finish(error);
  }

  // The reader's side.

  /**
   * Returns the next item, `undefined` at the end.
   * @throws BusyStreamError while another one waits, and the error that `end`, `fail` or `close` was given
   */
  take(options?: WaitOptions): Promise<T | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed());
    if (this.#waiter !== undefined)
      return Promise.reject(new BusyStreamError("another receive is waiting on this stream"));
    const refusal = waitOptionsRefusal(options);
    if (refusal !== undefined) return Promise.reject(refusal);
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#onTaken?.(item);
      return Promise.resolve(item);
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject };
      this.#waiter = waiter;
      if (signal !== undefined) {
        waiter.forget = onAbort(signal, () => {
          if (this.#waiter === waiter) this.#takeWaiter(waiter).reject(abortReason(signal));
        });
      }
      this.#settleWaiter();
    });
  }

  /**
   * Stops reading: a waiting `take` and later ones reject with `error`, all items are dropped, and `discard` resolves.
   */
  close(error: Error): void {
    this.#abandoned = true;
    this.#drop(() => error);
    this.#discarding?.resolve();
  }

  /** Stops reading as `close` does, but resolves only when nothing more can come, for whatever reason. */
  discard(): Promise<void> {
    this.#drop(closedHere);
    if (this.#last !== undefined || this.#abandoned) return Promise.resolve();
    this.#discarding ??= deferred();
    return this.#discarding.promise;
  }

  #drop(why: () => Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = why;
    if (this.#waiter !== undefined) this.#takeWaiter(this.#waiter).reject(why());
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) this.#onTaken?.(item);
    if (this.#last !== undefined) this.#endTaken ||= this.#last.error === undefined;
  }

  #finish(error: Error | undefined): void {
    this.#last = { error };
    if (this.#closed !== undefined) this.#endTaken ||= error === undefined;
    this.#discarding?.resolve();
    this.#settleWaiter();
  }

  /** Settles a `take` that has nothing left to wait for. */
  #settleWaiter(): void {
    if (this.#waiter === undefined || this.#last === undefined) return;
    const waiter = this.#takeWaiter(this.#waiter);
    if (this.#last.error !== undefined) {
      waiter.reject(this.#last.error);
    } else {
      this.#endTaken = true;
      waiter.resolve(undefined);
    }
  }

  #takeWaiter(waiter: Waiter<T>): Waiter<T> {
    this.#waiter = undefined;
    waiter.forget?.();
    return waiter;
  }
}

function closedHere(): ClosedStreamError {
  return new ClosedStreamError("the stream was closed");
}
