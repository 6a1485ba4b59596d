import { describe, expect, test } from "vitest";
import { SpareMemory } from "../src/index.js";

const limits = { leastBytes: 16, mostBytes: 64, maxPieces: 3 };

describe("spare memory", () => {
  test("gives the piece of the wanted size that came last, once", () => {
    const spares = new SpareMemory(limits);
    const [first, second, larger] = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(40)];
    for (const each of [first, second, larger]) spares.give(each);
    expect([spares.take(32), spares.take(32), spares.take(32)]).toEqual([second, first, undefined]);
    expect(spares.take(32, 64)).toBe(larger);
  });

  test("keeps no piece that is too small or too large", () => {
    const spares = new SpareMemory(limits);
    spares.give(new Uint8Array(15));
    spares.give(new Uint8Array(65));
    expect(spares.take(16, 100)).toBeUndefined();
  });

  test("lets the oldest pieces go where there are too many, or too many bytes", () => {
    const spares = new SpareMemory({ ...limits, maxBytes: 100 });
    for (const bytes of [16, 17, 18, 19]) spares.give(new Uint8Array(bytes));
    expect(spares.take(16)).toBeUndefined();
    spares.give(new Uint8Array(64));
    expect([17, 18, 19, 64].map((bytes) => spares.take(bytes)?.length)).toEqual([undefined, undefined, 19, 64]);
  });

  test("takes the whole memory behind a view", () => {
    const spares = new SpareMemory(limits);
    const { buffer } = new Uint8Array(32);
    spares.give(new Uint8Array(buffer, 8, 4));
    expect(spares.take(32)?.buffer).toBe(buffer);
  });

  test("lets everything go when it is cleared", () => {
    const spares = new SpareMemory({ ...limits, maxBytes: 32 });
    spares.give(new Uint8Array(32));
    spares.clear();
    expect(spares.take(32)).toBeUndefined();
    spares.give(new Uint8Array(32));
    expect(spares.take(32)).toHaveLength(32);
  });
});
