import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTimeout, encodeTimeout } from "../../src/wire/timeout.js";

describe("grpc-timeout", () => {
  it.each([
    [0, "1u"],
    [0.0004, "1u"],
    [0.3, "300u"],
    [1, "1000u"],
    [999.9995, "1000000u"],
    [1_000, "1000m"],
    [1_000.2, "1001m"],
    [5_000, "5000m"],
    [99_999_999, "99999999m"],
    [100_000_000, "100000S"],
    [99_999_999_001, "1666667M"],
    [1e30, "99999999H"],
    [Number.POSITIVE_INFINITY, "99999999H"],
  ])("sends %d ms as %s", (ms, wire) => {
    expect(encodeTimeout(ms)).toBe(wire);
  });

  it.each([
    ["1n", 1e-6],
    ["5u", 0.005],
    ["250m", 250],
    ["2S", 2_000],
    ["3M", 180_000],
    ["4H", 14_400_000],
    ["00000001S", 1_000],
    ["0m", 0],
  ])("reads %s as %d ms", (wire, ms) => {
    expect(decodeTimeout(wire)).toBeCloseTo(ms, 9);
  });

  it.each(["", "1", "S", "1s", "-1S", "1.5S", "123456789m", "1 S", " 1S", "1S ", "0x1S", "١S"])(
    "refuses the malformed %j",
    (wire) => {
      expect(decodeTimeout(wire)).toBeUndefined();
    },
  );

  it("is never shorter than what was asked for, nor longer by more than a thousandth or one unit", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3.5e14, noNaN: true }), (ms) => {
        const wire = encodeTimeout(ms);
        expect(wire).toMatch(/^[0-9]{1,8}[umSMH]$/);
        const back = decodeTimeout(wire) as number;
        expect(back).toBeGreaterThanOrEqual(ms - 1e-6);
        expect(back).toBeLessThanOrEqual(ms * 1.001 + (ms >= 99_999_999 ? 3_600_000 : 0.001));
      }),
    );
  });
});
