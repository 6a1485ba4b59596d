import { describe, expect, it } from "vitest";
import { Backoff } from "../src/backoff.js";

/** Returns the first waits, without their random part. */
function waits(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => Math.round(backoff.next()));
}

const middle = (): number => 0.5;

describe("a backoff", () => {
  it("begins with 500 ms, grows by 1.6 and stays at 30 s by default", () => {
    expect(waits(new Backoff({}, middle), 11)).toEqual([
      500, 800, 1_280, 2_048, 3_277, 5_243, 8_389, 13_422, 21_475, 30_000, 30_000,
    ]);
  });

  it("follows its options, and never ends before its first wait", () => {
    expect(waits(new Backoff({ initialMs: 10, maxMs: 50, multiplier: 2 }, middle), 4)).toEqual([10, 20, 40, 50]);
    expect(waits(new Backoff({ initialMs: 100, maxMs: 50 }, middle), 2)).toEqual([100, 100]);
  });

  it("spreads each wait by the jitter, to both sides", () => {
    expect(new Backoff({}, () => 0).next()).toBeCloseTo(400, 6);
    expect(new Backoff({}, () => 1).next()).toBeCloseTo(600, 6);
    expect(new Backoff({ jitter: 0 }, () => 1).next()).toBe(500);
  });

  it("begins anew after reset", () => {
    const backoff = new Backoff({}, middle);
    waits(backoff, 5);
    backoff.reset();
    expect(waits(backoff, 2)).toEqual([500, 800]);
  });

  it("takes options at the ends of their ranges, and refuses others by name", () => {
    for (const [name, least, most] of [
      ["initialMs", 1, 86_400_000],
      ["maxMs", 1, 86_400_000],
      ["multiplier", 1, 100],
      ["jitter", 0, 1],
    ] as const) {
      expect(() => new Backoff({ [name]: least })).not.toThrow();
      expect(() => new Backoff({ [name]: most })).not.toThrow();
      expect(() => new Backoff({ [name]: most * 1.01 })).toThrow(`backoff.${name}`);
      expect(() => new Backoff({ [name]: least - 0.01 })).toThrow(RangeError);
    }
  });
});
