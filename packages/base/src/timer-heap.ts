/** Many deadlines on one appointment of a clock: one timer a connection, a channel or a server, never one a call. */
import type { AppointmentKind, Clock } from "./clock.js";
import { Heap, type HeapEntry } from "./heap.js";

/** An entry of a `TimerHeap`. It is in at most one heap at a time. */
export interface TimerEntry extends HeapEntry {
  /** The time at which the entry is due, in milliseconds of the heap's clock. Only the heap sets it. */
  dueMs: number;
  /** Called when the time has come; the entry has left the heap by then. It must not throw. */
  onDue(): void;
}

/** Calls each entry at its time. All entries share one appointment of the clock. */
export class TimerHeap {
  readonly #clock: Clock;
  readonly #kind: AppointmentKind;
  readonly #heap: Heap<TimerEntry> = new Heap();
  /** The time of the clock's appointment; after removals it may be earlier than the first entry, never later. */
  #armedForMs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock, kind: AppointmentKind) {
    this.#clock = clock;
    this.#kind = kind;
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Calls `entry.onDue` at `dueMs`. */
  add(entry: TimerEntry, dueMs: number): void {
    entry.dueMs = dueMs;
    this.#heap.add(entry);
    if (dueMs < this.#armedForMs) this.#arm(dueMs);
  }

  /** Removes an entry; without effect when it is not in the heap. */
  remove(entry: TimerEntry): void {
    // The appointment stays: the next entry would make it again, and most entries leave long before their time.
    this.#heap.remove(entry);
  }

  /** Cancels the appointment; the next `add` makes a new one. */
  stop(): void {
    this.#arm(Number.POSITIVE_INFINITY);
  }

  #arm(atMs: number): void {
    this.#disarm?.();
    this.#armedForMs = atMs;
    this.#disarm = atMs === Number.POSITIVE_INFINITY ? undefined : this.#clock.at(atMs, () => this.#fire(), this.#kind);
  }

  #fire(): void {
    this.#disarm = undefined;
    this.#armedForMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    for (let due = this.#heap.takeDue(nowMs); due !== undefined; due = this.#heap.takeDue(nowMs)) due.onDue();
    const next = this.#heap.first;
    if (next !== undefined && next.dueMs < this.#armedForMs) this.#arm(next.dueMs);
  }
}
