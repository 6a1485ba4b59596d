import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { exitCodeMeanings, signalMeanings } from "../src/exit-codes.js";

test("the README lists every exit code with its meaning", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = readme.split("\n").map((line) => line.replace(/ +/g, " "));
  for (const [code, meaning] of Object.entries({ ...exitCodeMeanings, ...signalMeanings }))
    expect(rows).toContain(`| ${code} | ${meaning} |`);
});
