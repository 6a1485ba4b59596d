import { describe, expect, test } from "vitest";
import { CommandError } from "../src/command-error.js";
import { parseDuration } from "../src/duration.js";
import { firstFitting, fitting, formatDuration, formatRate, printableJson } from "../src/format.js";

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [999.6, "1.0 s"],
  [12_340, "12.3 s"],
  [59_960, "1 min 0 s"],
  [245_000, "4 min 5 s"],
  [7_380_000, "2 h 3 min"],
  [100_800_000, "1 d 4 h"],
])("%d ms are shown as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("a rate is bytes by time, and nothing where no time has passed", () => {
  expect(formatRate(256_000_000, 1_000)).toBe("256 MB/s");
  expect(formatRate(1, 0)).toBe("-");
});

describe("a duration", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["500ms", 500],
    ["1.5s", 1_500],
    ["15m", 900_000],
    ["12h", 43_200_000],
    ["30d", 2_592_000_000],
  ])("%s is understood", (text, ms) => {
    expect(parseDuration(text, "--grace", 1e12)).toBe(ms);
  });

  test.each(["", "s", "-1s", "1 s", "1w", "1e3", "Infinity", "0x10", "1s2m"])("%j is refused", (text) => {
    expect(() => parseDuration(text, "--grace", 1e12)).toThrow(
      new CommandError(`--grace ${JSON.stringify(text)} is no duration; use 30s, 15m, 12h or 30d`, 64),
    );
  });

  test("a number without a unit is refused, except zero", () => {
    expect(() => parseDuration("5", "--lifetime", 1e12)).toThrow(
      new CommandError('--lifetime "5" has no unit; use 5s, 5m, 5h or 5d', 64),
    );
  });

  test("one above the limit is refused with the limit", () => {
    expect(() => parseDuration("2h", "--grace", 3_600_000)).toThrow('--grace "2h" is longer than 1 h 0 min');
  });
});

test("JSON for a terminal has no character that steers it, and stays the same JSON", () => {
  const given = { text: "\u009b31m \u202eabc \u200b" };
  const text = printableJson(given);
  expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  expect(JSON.parse(text)).toEqual(given);
});

test("the parts of a line that fit are taken from its beginning, and at least one", () => {
  expect(fitting(["ab", "cd", "e"], 5)).toEqual(["ab", "cd", "e"]);
  expect(fitting(["ab", "cd", "e"], 4)).toEqual(["ab", "cd"]);
  expect(fitting(["abc", "d"], 2)).toEqual(["abc"]);
});

test("the first of several texts that fits is taken, else the last", () => {
  expect(firstFitting(["long", "abc", "x"], 3)).toBe("abc");
  expect(firstFitting(["long", "abc"], 1)).toBe("abc");
});
