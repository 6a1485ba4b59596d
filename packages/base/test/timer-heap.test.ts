import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppointmentKind } from "../src/index.js";
import { VirtualClock } from "../src/testing/index.js";
import { type TimerEntry, TimerHeap } from "../src/timer-heap.js";

function entry(onDue: () => void = () => {}): TimerEntry {
  return { dueMs: 0, heapIndex: -1, onDue };
}

describe("a heap of timers", () => {
  it("calls every entry at its time, in order, on one appointment of the clock", () => {
    const clock = new VirtualClock();
    const heap = new TimerHeap(clock, "watch");
    const called: number[] = [];
    for (const ms of [30, 10, 20, 10])
      heap.add(
        entry(() => called.push(clock.nowMs())),
        ms,
      );
    expect(clock.pending).toBe(1);
    clock.advance(9);
    expect(called).toEqual([]);
    clock.advance(100);
    expect(called).toEqual([10, 10, 20, 30]);
    expect(heap.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it("forgets an entry that was removed, and removing it again does nothing", () => {
    const clock = new VirtualClock();
    const heap = new TimerHeap(clock, "watch");
    const one = entry(() => expect.unreachable());
    heap.add(one, 10);
    heap.remove(one);
    heap.remove(one);
    clock.advance(20);
    expect(heap.size).toBe(0);
  });

  it("takes entries that are added while others are due", () => {
    const clock = new VirtualClock();
    const heap = new TimerHeap(clock, "watch");
    const called: string[] = [];
    heap.add(
      entry(() => {
        called.push("first");
        heap.add(
          entry(() => called.push("second")),
          15,
        );
      }),
      10,
    );
    clock.advance(20);
    expect(called).toEqual(["first", "second"]);
  });

  it("makes a new appointment of its kind for an entry that is earlier than all others, and only then", () => {
    const clock = new VirtualClock();
    const made: [number, AppointmentKind][] = [];
    const heap = new TimerHeap(
      {
        nowMs: () => clock.nowMs(),
        at: (atMs, callback, kind) => {
          made.push([atMs, kind]);
          return clock.at(atMs, callback);
        },
      },
      "watch",
    );
    for (const ms of [20, 30, 20, 10, 10]) heap.add(entry(), ms);
    expect(made).toEqual([
      [20, "watch"],
      [10, "watch"],
    ]);
    expect(clock.pending).toBe(1);
  });

  it("lets go of the clock when it is stopped", () => {
    const clock = new VirtualClock();
    const heap = new TimerHeap(clock, "watch");
    heap.add(entry(), 10);
    heap.stop();
    expect(clock.pending).toBe(0);
  });

  it("does the same as a sorted list, whatever is added and removed", () => {
    const step = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 100 }) }),
      fc.record({ remove: fc.nat(50) }),
      fc.record({ advance: fc.integer({ min: 0, max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const clock = new VirtualClock();
        const heap = new TimerHeap(clock, "watch");
        const live = new Map<TimerEntry, number>();
        for (const each of steps) {
          if ("add" in each) {
            const dueMs = clock.nowMs() + each.add;
            const one: TimerEntry = entry(() => {
              expect(live.get(one)).toBe(dueMs);
              expect(dueMs).toBeLessThanOrEqual(clock.nowMs());
              for (const other of live.values()) expect(other).toBeGreaterThanOrEqual(dueMs);
              live.delete(one);
            });
            live.set(one, dueMs);
            heap.add(one, dueMs);
          } else if ("remove" in each) {
            const one = [...live.keys()][each.remove];
            if (one === undefined) continue;
            heap.remove(one);
            live.delete(one);
          } else {
            clock.advance(each.advance);
            for (const dueMs of live.values()) expect(dueMs).toBeGreaterThanOrEqual(clock.nowMs());
          }
          expect(heap.size).toBe(live.size);
        }
      }),
    );
  });
});
