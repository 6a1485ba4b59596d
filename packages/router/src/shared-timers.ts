/**
 * Timers that notice what did not happen, for things that are many and mostly over long before their time. All those of
 * a clock share one of its appointments: Node's own timer costs a set-up a kilobyte of garbage for each.
 */
import { type Clock, type TimerEntry, TimerHeap } from "@trunkline/base";

const heaps: WeakMap<Clock, TimerHeap> = new WeakMap();

function heapOf(clock: Clock): TimerHeap {
  let heap = heaps.get(clock);
  if (heap === undefined) {
    heap = new TimerHeap(clock, "watch");
    heaps.set(clock, heap);
  }
  return heap;
}

/** One timer, which can be set again and again. It does not keep the process alive. */
export class SharedTimer implements TimerEntry {
  dueMs = 0;
  heapIndex = -1;
  readonly #clock: Clock;
  /** Called when the time has come. */
  readonly onDue: () => void;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.onDue = onDue;
  }

  /** Has `onDue` called after a time, in place of an earlier call that has not come yet. */
  set(ms: number): void {
    const heap = heapOf(this.#clock);
    heap.remove(this);
    heap.add(this, this.#clock.nowMs() + ms);
  }

  cancel(): void {
    if (this.heapIndex < 0) return;
    const heap = heapOf(this.#clock);
    heap.remove(this);
    if (heap.size === 0) heap.stop();
  }
}
