import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fifo } from "../src/index.js";

describe("Fifo", () => {
  test("agrees with an array for any sequence of push, shift, remove and clear", () => {
    const operation = fc.oneof(
      { weight: 5, arbitrary: fc.nat(9).map((item) => ({ kind: "push" as const, item })) },
      { weight: 4, arbitrary: fc.constant({ kind: "shift" as const }) },
      { weight: 1, arbitrary: fc.nat(9).map((item) => ({ kind: "remove" as const, item })) },
      { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const queue = new Fifo<{ item: number }>();
        const items = Array.from({ length: 10 }, (_, item) => ({ item }));
        let model: { item: number }[] = [];
        for (const step of operations) {
          if (step.kind === "push") {
            queue.push(items[step.item] as { item: number });
            model.push(items[step.item] as { item: number });
          } else if (step.kind === "shift") {
            expect(queue.shift()).toBe(model.shift());
          } else if (step.kind === "remove") {
            const index = model.indexOf(items[step.item] as { item: number });
            expect(queue.remove(items[step.item] as { item: number })).toBe(index !== -1);
            if (index !== -1) model.splice(index, 1);
          } else {
            queue.clear();
            model = [];
          }
          expect(queue.size).toBe(model.length);
        }
      }),
    );
  });

  test("stays fast and small however long it is used", () => {
    const queue = new Fifo<number>();
    for (let item = 1; item <= 100; item++) queue.push(item);
    let wrong = 0;
    for (let item = 101; item <= 300_000; item++) {
      queue.push(item);
      if (queue.shift() !== item - 100) wrong++;
    }
    expect(wrong).toBe(0);
    expect(queue.size).toBe(100);
  });
});
