import { expect, test } from "vitest";
import { shortened } from "../src/index.js";

test("a text that is too long is cut to the limit, with a sign that it was", () => {
  expect([shortened("abc", 3), shortened("abcd", 3), shortened("abcd", 1), shortened("abcd", 0)]).toEqual([
    "abc",
    "ab…",
    "…",
    "",
  ]);
});
