import { describe, expect, it } from "vitest";
import { ratioInterval } from "./statistics.mjs";

describe("the interval of a ratio", () => {
  it("is that of Student's t on the logarithms", () => {
    // The logarithms are -0.1, 0 and 0.1: mean 0, deviation 0.1, 4.303 × 0.1 / √3 = 0.24843.
    const { ratio, low, high } = ratioInterval([Math.exp(-0.1), 1, Math.exp(0.1)]);
    expect(ratio).toBeCloseTo(1, 10);
    expect(high).toBeCloseTo(Math.exp(0.24843), 4);
    expect(low).toBeCloseTo(Math.exp(-0.24843), 4);
  });

  it("is a point for ratios that are all equal, and holds the mean of many", () => {
    expect(ratioInterval([0.5, 0.5])).toEqual({ ratio: 0.5, low: 0.5, high: 0.5 });
    const many = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? 0.9 : 1.1));
    const { low, high } = ratioInterval(many);
    expect(low).toBeGreaterThan(0.95);
    expect(high).toBeLessThan(1.05);
  });
});
