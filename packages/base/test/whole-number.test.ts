import { describe, expect, test } from "vitest";
import { aboveZero, durationMs, maxTimerMs, numberInRange, wholeNumber } from "../src/index.js";

describe("wholeNumber", () => {
  test("returns a whole number within its range, both ends included", () => {
    expect([1, 5, 9].map((value) => wholeNumber("size", value, 1, 9))).toEqual([1, 5, 9]);
  });

  test.each([0, 10, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5" as unknown as number])("refuses %s", (value) => {
    expect(() => wholeNumber("size", value, 1, 9)).toThrow(
      new RangeError(`size must be a whole number from 1 to 9, not ${String(value)}`),
    );
  });

  test("names no upper end where there is none", () => {
    expect(() => wholeNumber("size", 0, 1)).toThrow("size must be a whole number from 1 on, not 0");
  });
});

test("numberInRange takes fractions and refuses what is outside", () => {
  expect(numberInRange("jitter", 0.5, 0, 1)).toBe(0.5);
  expect(() => numberInRange("jitter", 1.1, 0, 1)).toThrow("jitter must be a number from 0 to 1, not 1.1");
  expect(() => numberInRange("jitter", Number.NaN, 0, 1)).toThrow(RangeError);
});

test("the longest time of a timer is 2^31-1 ms", () => {
  expect(maxTimerMs).toBe(2_147_483_647);
});

test("durationMs takes what a timer can hold, and Infinity for ever", () => {
  expect(durationMs("idleMs", maxTimerMs, 1)).toBe(maxTimerMs);
  expect(durationMs("idleMs", Number.POSITIVE_INFINITY, 1)).toBe(Number.POSITIVE_INFINITY);
  expect(() => durationMs("idleMs", maxTimerMs + 1, 1)).toThrow(RangeError);
});

test("aboveZero takes fractions and Infinity, and refuses zero by name", () => {
  expect([Number.MIN_VALUE, 0.5, 1, Number.POSITIVE_INFINITY].map((value) => aboveZero("rate", value))).toEqual([
    Number.MIN_VALUE,
    0.5,
    1,
    Number.POSITIVE_INFINITY,
  ]);
  for (const value of [0, -1, Number.NaN, "1" as unknown as number]) {
    expect(() => aboveZero("rate", value)).toThrow(new RangeError(`rate must be above zero, not ${String(value)}`));
  }
});
