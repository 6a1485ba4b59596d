/** The root README shows only numbers that stand in the results of the benchmarks and in the changelog. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** @param {string} file @returns {string} */
const read = (file) => readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), "utf8");

/** @param {string} text @returns {string[]} its numbers, as they are written */
const numbers = (text) => text.match(/\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?/g) ?? [];

/** @param {string} row @returns {string[]} the cells after the first */
const values = (row) =>
  row
    .split("|")
    .slice(2, -1)
    .map((cell) => cell.trim());

it("every measured number in the README's table stands in the results of the benchmarks, in the same column", () => {
  const table = read("README.md").match(/^\| \| trunkline \| grpc-js[\s\S]*?\n\n/m)?.[0] ?? "";
  const rows = table
    .trim()
    .split("\n")
    .slice(2)
    .map((row) => values(row));
  expect(rows.length).toBeGreaterThan(3);
  const results = read("bench/RESULTS.md")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => values(line).slice(1, 5));
  for (const row of rows) expect(results, "take the numbers over from bench/RESULTS.md").toContainEqual(row);
});

it("the judges' counts in the README are those of the changelog", () => {
  const judges = read("README.md").match(/^Outside judges[\s\S]*?\n\n/m)?.[0] ?? "";
  const known = new Set(numbers(read("CHANGELOG.md")));
  for (const number of numbers(judges.replaceAll("h2spec", ""))) expect(known).toContain(number);
});
