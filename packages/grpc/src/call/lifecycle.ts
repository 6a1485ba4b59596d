/**
 * The time of a call and its one end: the deadline, the signals that cancel it, closing, and who hears that it is over.
 * Knows nothing of what the call sends or receives.
 */
import { type AbortSignalLike, abortable, type Clock, type TimerEntry, type TimerHeap } from "@trunkline/base";
import type { CloseOptions, WaitOptions } from "@trunkline/streams";
import { type ClosingSteps, closeRefusal, closeWithin, OutputEnd, waitOptionsRefusal } from "@trunkline/streams/kit";
import type { ParentCall } from "../contract/call.js";
import type { Deadline } from "../contract/deadline.js";
import type { GrpcError } from "../wire/errors.js";
import { watchSignals } from "./cancellation.js";

/** The call whose time a `Lifecycle` keeps. */
export interface LifecycleOwner {
  /** Called when the deadline has passed. */
  onDeadline(): void;
  /** Sends the end of this side's messages. Called again only if it failed. */
  endOutput(): Promise<void>;
  /** Reads no more. Settles when nothing more can come. */
  discardInput(): Promise<void>;
  /** Ends the call at once. */
  abort(reason?: unknown): void;
}

export class Lifecycle implements TimerEntry {
  readonly #owner: LifecycleOwner;
  readonly #timers: TimerHeap;
  readonly clock: Clock;
  /** The deadline that is watched. */
  deadline: Deadline | undefined = undefined;
  #unwatch: (() => void) | undefined = undefined;
  #ended = false;
  #error: Error | undefined = undefined;
  /** Called once, when the call ends; set by those who send from an iterable. */
  onEnded: (() => void) | undefined = undefined;
  #outputEnd: OutputEnd | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  dueMs = 0;
  heapIndex = -1;

  constructor(owner: LifecycleOwner, clock: Clock, timers: TimerHeap) {
    this.#owner = owner;
    this.clock = clock;
    this.#timers = timers;
  }

  /** True once `end` has been called. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The error that the call ended with; undefined while it goes on, and after an end without an error. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Milliseconds until the deadline; undefined where none is watched. */
  get remainingMs(): number | undefined {
    return this.heapIndex === -1 ? undefined : this.dueMs - this.clock.nowMs();
  }

  /** Watches a deadline in place of the one before. @returns false when it has passed already */
  watchDeadline(deadline: Deadline | undefined, nowMs: number): boolean {
    if (this.heapIndex !== -1) this.#timers.remove(this);
    this.deadline = deadline;
    if (deadline === undefined || deadline.atMs === Number.POSITIVE_INFINITY) return true;
    const dueMs = deadline.atMsOn(this.clock, nowMs);
    this.#timers.add(this, dueMs);
    return dueMs > nowMs;
  }

  onDue(): void {
    this.#owner.onDeadline();
  }

  /** Calls `cancel` when the signal aborts or the parent is over, at once where that has happened already. */
  watchSignals(
    signal: AbortSignalLike | undefined,
    parent: ParentCall | undefined,
    cancel: (error: GrpcError) => void,
  ): void {
    if (signal === undefined && parent === undefined) return;
    const unwatch = watchSignals(signal, parent, cancel);
    if (this.#ended) unwatch();
    else this.#unwatch = unwatch;
  }

  /** Ends the call with an error, or without one. Only the first call counts. @returns whether this was the first */
  end(error?: Error): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#error = error;
    if (this.heapIndex !== -1) this.#timers.remove(this);
    this.#unwatch?.();
    return true;
  }

  /** Tells `onEnded` that the call is over. */
  tellEnded(): void {
    this.onEnded?.();
  }

  sendEof(options: WaitOptions | undefined): Promise<void> {
    const refusal = waitOptionsRefusal(options, "sendEof");
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#outputEnd ??= new OutputEnd();
    return this.#outputEnd.send(() => this.#owner.endOutput(), options?.signal);
  }

  /** True once this side's end has been sent by `sendEof`. */
  get eofSent(): boolean {
    return this.#outputEnd?.sent ?? false;
  }

  /** True once `close` has been called. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Closes the call: its end is sent and unread messages are dropped, within a time limit. `instead` is called in place
   * of that, where the call has no graceful end. Later calls join the first one.
   */
  close(options: CloseOptions = {}, instead?: () => void): Promise<void> {
    const refusal = closeRefusal(options, this.clock);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#closing === undefined && instead !== undefined) {
      this.#closing = Promise.resolve();
      instead();
    }
    this.#closing ??= closeWithin(this.clock, options.closeTimeoutMs, this.#steps());
    return abortable(this.#closing, options.signal);
  }

  #steps(): ClosingSteps {
    return {
      sendEof: () => this.sendEof(undefined),
      discardInput: () => this.#owner.discardInput(),
      abort: (reason) => this.#owner.abort(reason),
    };
  }
}
