/** The calls of a channel that have no stream yet. This file must not know how connections are made or chosen. */
import { setImmediate } from "#platform";
import type { GrpcError } from "../wire/errors.js";
import type { ClientStream } from "./connection.js";
import type { PickedCall } from "./load-balancing.js";
import { ProcessHold } from "./process-hold.js";

/** A call that wants a stream. */
export interface WaitingCall extends ClientStream, PickedCall {
  readonly waitForReady: boolean;
  /** Called when the service config has come, or is another one. */
  onServiceConfig(): void;
  /** Called when the call will not get a stream. */
  onRefused(error: GrpcError): void;
}

/** Keeps calls in the order in which they came. It has no limit of its own: its owner asks for `size`. */
export class CallQueue {
  readonly #waiting: Set<WaitingCall> = new Set();
  /** The calls whose interceptors still look at the request, or whose next attempt waits for its time. */
  readonly #preparing: Set<WaitingCall> = new Set();
  /** The calls that are about to be told why they are refused. */
  readonly #refused: Map<WaitingCall, GrpcError> = new Map();
  /** Holds the process while calls wait. */
  readonly #hold: ProcessHold = new ProcessHold();

  /** The number of calls that wait for a stream. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Holds the process for a call that does not want a stream yet, until `prepared` or `forget`. */
  prepare(call: WaitingCall): void {
    this.#preparing.add(call);
    this.#holdProcess();
  }

  /** Lets go of a call that `prepare` has taken; without effect on any other. */
  prepared(call: WaitingCall): void {
    if (this.#preparing.size > 0 && this.#preparing.delete(call)) this.#holdProcess();
  }

  add(call: WaitingCall): void {
    this.#waiting.add(call);
    this.#holdProcess();
  }

  /** Forgets a call that wants no stream any more. */
  forget(call: WaitingCall): void {
    this.#preparing.delete(call);
    this.#refused.delete(call);
    this.#waiting.delete(call);
    this.#holdProcess();
  }

  /**
   * Refuses a call in a later turn of the event loop. A program that calls again at once would otherwise keep the loop
   * from ever reaching its sockets and timers, and so the channel from connecting.
   */
  refuse(call: WaitingCall, refusal: GrpcError): void {
    if (this.#refused.size === 0) {
      setImmediate(() => {
        const refused = [...this.#refused];
        this.#refused.clear();
        for (const [each, error] of refused) each.onRefused(error);
      });
    }
    this.#refused.set(call, refusal);
  }

  /**
   * Refuses the waiting calls that `which` names. All of them leave before the first is told, since what a refused call
   * does next may be another call. Each has an error of its own.
   */
  refuseWaiting(which: (call: WaitingCall) => boolean, refusal: () => GrpcError): void {
    const taken = [...this.#waiting].filter(which);
    for (const call of taken) this.#waiting.delete(call);
    for (const call of taken) call.onRefused(refusal());
    this.#holdProcess();
  }

  /**
   * Gives the waiting calls to `open` in their order, until it returns false for one. `open` calls `leave` before it
   * begins a call, since what that does next may be another call, or its own end.
   */
  flush(open: (call: WaitingCall) => boolean): void {
    for (const call of this.#waiting) if (!open(call)) break;
    this.#holdProcess();
  }

  /** Returns the calls that have no stream yet. */
  calls(): WaitingCall[] {
    return [...this.#preparing, ...this.#waiting];
  }

  /** Tells the waiting calls that the service config has come. */
  onServiceConfig(): void {
    for (const call of [...this.#waiting]) call.onServiceConfig();
  }

  /** Lets go of a call that is about to begin. */
  leave(call: WaitingCall): void {
    this.#waiting.delete(call);
  }

  #holdProcess(): void {
    this.#hold.set(this.#waiting.size > 0 || this.#preparing.size > 0);
  }
}
