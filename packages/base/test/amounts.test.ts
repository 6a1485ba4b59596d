import { describe, expect, test } from "vitest";
import { formatBytes, formatSeconds, perSecond } from "../src/index.js";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [999.7, "1.0 kB"],
  [1_000, "1 kB"],
  [1_540, "1.5 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [256_000_000, "256 MB"],
  [5e15, "5 PB"],
  [5e18, "5000 PB"],
])("%d bytes are shown as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("bytes are shown with the digits that are asked for", () => {
  expect([1_234, 9_999, 123_456].map((bytes) => formatBytes(bytes, () => 2))).toEqual([
    "1.23 kB",
    "10.00 kB",
    "123.46 kB",
  ]);
});

test("seconds are shown by their two largest units", () => {
  expect([0, 59, 60, 245, 7_380, 86_399, 100_800].map(formatSeconds)).toEqual([
    "0 s",
    "59 s",
    "1 min 0 s",
    "4 min 5 s",
    "2 h 3 min",
    "23 h 59 min",
    "1 d 4 h",
  ]);
});

describe("the growth of a count a second", () => {
  test("is by the time that has passed", () => {
    expect(perSecond(1_000, 1_500, 250)).toBe(2_000);
  });

  test("is zero for a count that has fallen, and where no time has passed", () => {
    expect([perSecond(5, 4, 1_000), perSecond(0, 5, 0), perSecond(0, 5, -1)]).toEqual([0, 0, 0]);
  });
});
