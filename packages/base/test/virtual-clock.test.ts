import { describe, expect, test } from "vitest";
import { VirtualClock } from "../src/testing/index.js";

describe("VirtualClock", () => {
  test("keeps appointments in the order of their times, then of their making, each at its own time", () => {
    const clock = new VirtualClock(100);
    const kept: [string, number][] = [];
    const keep = (name: string) => () => kept.push([name, clock.nowMs()]);
    clock.at(130, keep("c"));
    clock.at(110, keep("a"));
    clock.at(130, keep("d"));
    clock.at(120, keep("b"));
    expect(clock.nextMs).toBe(110);
    clock.advance(9);
    expect(kept).toEqual([]);
    clock.advance(21);
    expect(kept).toEqual([
      ["a", 110],
      ["b", 120],
      ["c", 130],
      ["d", 130],
    ]);
    expect(clock.nowMs()).toBe(130);
    expect(clock.nextMs).toBeUndefined();
  });

  test("an appointment made on the way is kept on the same way", () => {
    const clock = new VirtualClock();
    const kept: number[] = [];
    const again = (): void => {
      kept.push(clock.nowMs());
      if (kept.length < 3) clock.at(clock.nowMs() + 10, again);
    };
    clock.at(10, again);
    clock.advance(100);
    expect(kept).toEqual([10, 20, 30]);
    expect(clock.nowMs()).toBe(100);
  });

  test("a cancelled appointment is not kept, and cancelling twice does nothing", () => {
    const clock = new VirtualClock();
    let kept = 0;
    const cancel = clock.at(10, () => kept++);
    clock.at(10, () => kept++);
    cancel();
    cancel();
    expect(clock.pending).toBe(1);
    clock.advance(10);
    expect(kept).toBe(1);
  });

  test("an appointment whose time has come is kept soon, but never before at() has returned", async () => {
    const clock = new VirtualClock(50);
    let kept = 0;
    clock.at(50, () => kept++);
    clock.at(10, () => kept++);
    expect(kept).toBe(0);
    await Promise.resolve();
    expect(kept).toBe(2);
    expect(clock.nowMs()).toBe(50);
  });

  test("time does not go back", () => {
    expect(() => new VirtualClock().advance(-1)).toThrow("time cannot advance by -1 ms");
    expect(() => new VirtualClock().advance(Number.NaN)).toThrow("time cannot advance by NaN ms");
  });
});
