/** The sending half of a carrier. */

import { abortReason, Fifo } from "@trunkline/base";
import { BusyStreamError, ClosedStreamError } from "../contract/errors.js";
import { maxPendingSends, type WaitOptions } from "../contract/stream.js";

/** What a carrier does with items. */
export interface Sink<T> {
  /** True while one more item may be accepted. When that becomes true again, the carrier calls `flush()`. */
  hasRoom(): boolean;
  /** Takes one item; it cannot be taken back. What it throws, its `send` rejects with. */
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

/** The promise of every send that need not wait. */
const accepted: Promise<void> = Promise.resolve();

/**
 * Sends in order, those that wait for room, the limit on how many may (`maxPendingSends`), and how it ends. An item waits here until the
 * carrier has room, so that a cancelled send never began.
 */
export class SendQueue<T> {
  readonly #sink: Sink<T>;
  readonly #pending: Fifo<Pending<T>> = new Fifo();
  /** Why nothing can be sent any more; taken first by every later call. */
  #failure: { readonly error: unknown } | undefined;
  #end:
    | { readonly promise: Promise<void>; resolve(value: Promise<void> | void): void; reject(error: unknown): void }
    | undefined;
  #endAccepted = false;

  constructor(sink: Sink<T>) {
    this.#sink = sink;
  }

  /** True once the sink has taken the end. */
  get ended(): boolean {
    return this.#endAccepted;
  }

  /** Resolves when the sink has taken the item. @throws BusyStreamError, ClosedStreamError after `end`, and what `fail` was given */
  send(item: T, options?: WaitOptions): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#end !== undefined) return Promise.reject(new ClosedStreamError("nothing can be sent after sendEof()"));
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(abortReason(signal));
    if (this.#pending.size === 0 && this.#sink.hasRoom()) {
      try {
        this.#sink.accept(item);
      } catch (error) {
        return Promise.reject(error);
      }
      return accepted;
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
        const onAbort = (): void => {
          pending.forget?.();
          if (this.#pending.remove(pending)) reject(abortReason(signal));
          this.flush(); // the end may have waited for this one
        };
        pending.forget = () => signal.removeEventListener("abort", onAbort);
        signal.addEventListener("abort", onAbort);
      }
      this.#pending.push(pending);
    });
  }

  /** Ends the sending once everything before has been accepted; settles as the sink's `end` does. Later calls join. */
  end(): Promise<void> {
    if (this.#end === undefined) {
      if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
      let resolve = (_: Promise<void> | void): void => {};
      let reject = (_: unknown): void => {};
      const promise = new Promise<void>((onResolve, onReject) => {
        resolve = onResolve;
        reject = onReject;
      });
      this.#end = { promise, resolve, reject };
      this.flush();
    }
    return this.#end.promise;
  }

  /** There is room again, or less is waiting. */
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
        this.#end.resolve(this.#sink.end());
      } catch (error) {
        this.#end.reject(error);
      }
    }
  }

  /** Nothing can be sent any more: what waits and every later `send` rejects with `error`. The first call counts. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    for (let pending = this.#pending.shift(); pending !== undefined; pending = this.#pending.shift()) {
      pending.forget?.();
      pending.reject(error);
    }
    this.#end?.reject(error);
  }
}
