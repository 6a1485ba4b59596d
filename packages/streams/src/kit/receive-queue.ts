/** The receiving half of a carrier. */

import type { AbortSignalLike } from "@trunkline/base";
import { abortReason, Fifo } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError } from "../contract/errors.js";
import type { WaitOptions } from "../contract/stream.js";

interface Waiter<T> {
  resolve(item: T | undefined): void;
  reject(error: unknown): void;
  /** Takes the listener off the signal; absent if there was no signal. */
  readonly forget?: () => void;
}

/**
 * What has arrived and was not yet taken, one waiting `take`, and how it ends. It has no limit of its own: the carrier stops its source
 * by `size`, and `onTaken` tells when there is room again.
 */
export class ReceiveQueue<T extends {}> {
  readonly #items: Fifo<T> = new Fifo();
  readonly #onTaken: ((item: T) => void) | undefined;
  #waiter: Waiter<T> | undefined;
  /** What comes after the items: an error, or the end if that is undefined. */
  #last: { readonly error: Error | undefined } | undefined;
  /** The end has been taken, so that no later failure can replace it. */
  #endTaken = false;
  /** Set once this side reads no more. */
  #closed: Error | undefined;
  /** This side does not even wait for the end. */
  #abandoned = false;
  #discarding: { readonly promise: Promise<void>; settle(): void } | undefined;

  /** `onTaken` is called with each item that leaves the queue, taken or discarded. It may push. */
  constructor(onTaken?: (item: T) => void) {
    this.#onTaken = onTaken;
  }

  /** Items that nobody has taken. */
  get size(): number {
    return this.#items.size;
  }

  /** True while a `take` waits, or everything is being discarded: the next item will not stay. */
  get hungry(): boolean {
    return this.#waiter !== undefined || this.#closed !== undefined;
  }

  /** True once this side has taken the end, or discarded up to it. */
  get endTaken(): boolean {
    return this.#endTaken;
  }

  // The source's side.

  /** An item has arrived. Ignored after the end. */
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

  /** Nothing more will arrive: `take` gives the items, and then `undefined`, or rejects with `error` if there is one. */
  end(error?: Error): void {
    if (this.#last === undefined) this.#finish(error);
  }

  /** The stream is broken: the items are dropped and `take` rejects with `error`. Nothing after the end was taken, or after an error. */
  fail(error: Error): void {
    if (this.#endTaken || this.#last?.error !== undefined) return;
    this.#items.clear();
    this.#finish(error);
  }

  // The reader's side.

  /**
   * The next item, `undefined` at the end.
   * @throws BusyStreamError while another one waits, and what `end`, `fail` or `close` were given
   */
  take(options?: WaitOptions): Promise<T | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#waiter !== undefined)
      return Promise.reject(new BusyStreamError("another receive is waiting on this stream"));
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#onTaken?.(item);
      return Promise.resolve(item);
    }
    return new Promise((resolve, reject) => {
      this.#waiter = signal === undefined ? { resolve, reject } : { resolve, reject, forget: this.#onAbort(signal) };
      this.#settleWaiter();
    });
  }

  /** Reads no more: a waiting `take` and later ones reject with `error`, what is here and what comes is dropped, `discard` resolves. */
  close(error: Error): void {
    this.#abandoned = true;
    this.#drop(error);
    this.#discarding?.settle();
  }

  /** As `close`; resolves when nothing more can come, for whatever reason. */
  discard(): Promise<void> {
    this.#drop(new ClosedStreamError("the stream was closed"));
    if (this.#last !== undefined || this.#abandoned) return Promise.resolve();
    if (this.#discarding === undefined) {
      let settle = (): void => {};
      const promise = new Promise<void>((resolve) => {
        settle = resolve;
      });
      this.#discarding = { promise, settle };
    }
    return this.#discarding.promise;
  }

  #drop(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    if (this.#waiter !== undefined) this.#takeWaiter(this.#waiter).reject(error);
    for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) this.#onTaken?.(item);
    if (this.#last !== undefined) this.#endTaken ||= this.#last.error === undefined;
  }

  #finish(error: Error | undefined): void {
    this.#last = { error };
    if (this.#closed !== undefined) this.#endTaken ||= error === undefined;
    this.#discarding?.settle();
    this.#settleWaiter();
  }

  /** A `take` that has nothing left to wait for. */
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

  #onAbort(signal: AbortSignalLike): () => void {
    const onAbort = (): void => {
      if (this.#waiter !== undefined) this.#takeWaiter(this.#waiter).reject(abortReason(signal));
    };
    signal.addEventListener("abort", onAbort);
    return () => signal.removeEventListener("abort", onAbort);
  }
}
