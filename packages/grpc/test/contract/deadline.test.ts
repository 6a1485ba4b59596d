import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { Deadline } from "../../src/index.js";

describe("a deadline", () => {
  it("tells what remains, never less than nothing", () => {
    const clock = new VirtualClock(1_000);
    const deadline = Deadline.after(500, clock);
    expect(deadline.atMs).toBe(1_500);
    clock.advance(200);
    expect(deadline.remainingMs).toBe(300);
    expect(deadline.expired).toBe(false);
    clock.advance(1_000);
    expect(deadline.remainingMs).toBe(0);
    expect(deadline.expired).toBe(true);
  });

  it("may be over from the start, or never come", () => {
    expect(Deadline.after(0).expired).toBe(true);
    expect(Deadline.after(-5).remainingMs).toBe(0);
    expect(Deadline.after(Number.POSITIVE_INFINITY).expired).toBe(false);
  });

  it("is the earliest of several, of whatever clocks", () => {
    const clock = new VirtualClock(1e9);
    const soon = Deadline.after(10, clock);
    const late = Deadline.after(60_000);
    expect(Deadline.earliest(late, undefined, soon)).toBe(soon);
    expect(Deadline.earliest(undefined)).toBeUndefined();
  });

  it.each([Number.NaN, "5s" as never, undefined as never])("is not made of %s", (ms) => {
    expect(() => Deadline.after(ms)).toThrow(/a deadline is a number of milliseconds from now, not/);
  });
});
