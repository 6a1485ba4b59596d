import { describe, expect, it } from "vitest";
import { LateFrames } from "../../src/connection/late-frames.js";
import { resolveLimits } from "../../src/options/limits.js";

const limits = resolveLimits({}, 65_535);

describe("late frames of a stream that we reset", () => {
  it("pass up to its window, four header sections, and its end", () => {
    const late = new LateFrames(limits);
    late.expect(1, 100, 0);
    expect([late.takeData(1, 60, false), late.takeData(1, 41, false), late.takeData(1, 40, false)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([1, 2, 3, 4, 5].map(() => late.takeHeaders(1, false))).toEqual([true, true, true, true, false]);
    late.expect(3, 100, 0);
    expect([late.takeData(3, 1, true), late.takeHeaders(3, true)]).toEqual([true, false]);
    late.expect(5, 0, 0);
    expect([late.takeHeaders(5, true), late.takeReset(5)]).toEqual([true, false]);
    late.expect(7, 0, 0);
    expect([late.takeReset(7), late.takeHeaders(7, false)]).toEqual([true, false]);
  });

  it("are expected for a minute, and on at most 16,384 streams", () => {
    const late = new LateFrames(limits);
    for (let stream = 0; stream < 20_000; stream++) late.expect(stream, 1, 0);
    expect(late.size).toBe(16_384);
    expect([late.takeData(3_615, 1, false), late.takeData(3_616, 1, false), late.takeData(19_999, 1, false)]).toEqual([
      false,
      true,
      true,
    ]);
    late.expect(20_001, 1, 60_000);
    expect(late.size).toBe(1);
  });

  it("are forgotten one for each new one, half a million times, without a look at all of them", () => {
    const late = new LateFrames(limits);
    for (let stream = 0; stream < 500_000; stream++) late.expect(stream, 1, stream / 1_000);
    expect(late.size).toBe(16_384);
    expect([late.takeReset(483_615), late.takeReset(483_616)]).toEqual([false, true]);
  });
});
