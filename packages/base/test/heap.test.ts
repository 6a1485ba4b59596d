import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap, type HeapEntry } from "../src/index.js";

function entry(dueMs: number): HeapEntry {
  return { dueMs, heapIndex: -1 };
}

describe("a heap", () => {
  test("gives the due entries in order and keeps the others, whatever was added and removed", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(50), fc.boolean())), fc.nat(50), (steps, nowMs) => {
        const heap = new Heap<HeapEntry>();
        const inside = new Set<HeapEntry>();
        for (const [dueMs, removes] of steps) {
          const [some] = inside;
          if (removes && some !== undefined) {
            expect(heap.remove(some)).toBe(true);
            inside.delete(some);
          } else {
            const added = entry(dueMs);
            heap.add(added);
            inside.add(added);
          }
        }
        const expected = [...inside].map(({ dueMs }) => dueMs).filter((dueMs) => dueMs <= nowMs);
        const taken: number[] = [];
        for (let next = heap.takeDue(nowMs); next !== undefined; next = heap.takeDue(nowMs)) taken.push(next.dueMs);
        expect(taken).toEqual(expected.sort((a, b) => a - b));
        expect(heap.size).toBe(inside.size - taken.length);
        expect(heap.first === undefined || heap.first.dueMs > nowMs).toBe(true);
      }),
    );
  });

  test("tells an entry its place, and that it has none when it has left", () => {
    const heap = new Heap<HeapEntry>();
    const [first, second] = [entry(1), entry(2)];
    heap.add(first);
    heap.add(second);
    expect([first.heapIndex, second.heapIndex]).toEqual([0, 1]);
    heap.takeDue(1);
    expect([first.heapIndex, second.heapIndex]).toEqual([-1, 0]);
  });

  test("does nothing when an entry that is not in it is removed", () => {
    const heap = new Heap<HeapEntry>();
    heap.add(entry(1));
    expect(heap.remove(entry(1))).toBe(false);
    expect(heap.size).toBe(1);
  });
});
