import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { testsOf } from "./importers.mjs";
import { difference, mutantsOf, mutated } from "./mutants.mjs";
import { randomFrom, sample } from "./sample.mjs";

const texts = (source) => mutantsOf(source).map((mutant) => mutated(source, mutant));

describe("the mutants of a source", () => {
  it("change conditions, comparisons, constants, results and statements", () => {
    expect(texts("if (a < 3) b();")).toEqual([
      "if (!(a < 3)) b();",
      "if (a <= 3) b();",
      "if (a >= 3) b();",
      "if (a < 4) b();",
      "if (a < 3) ;",
    ]);
    expect(texts("function f() { return a ?? b; }")).toEqual([
      "function f() { return (b); }",
      "function f() { return undefined; }",
    ]);
    expect(texts("a && !b ? c : d;")).toContain("!(a && !b) ? c : d;");
    expect(texts("count++;")).toEqual(["count--;"]);
    expect(texts("throw new Error(`at most $" + "{1 + 2}`);")).toEqual([";"]);
  });

  it("leave types, imports, declarations and the keys of literals alone", () => {
    for (const source of [
      'import { a } from "./a.js";',
      "type A = 1 | 2;",
      "interface B { c: 3; d(e: 4): 5 }",
      "declare const e: 6;",
      "const f = { 7: g };",
      "export * from './h.js';",
    ])
      expect(texts(source), source).toEqual([]);
    expect(texts("const a = (b as 1) + c!;")).toEqual(["const a = (b as 1) - c!;"]);
  });

  it("are shown as the line before and after", () => {
    const source = "a();\n  if (b) {\n  }\n";
    expect(difference(source, mutantsOf(source)[1])).toEqual({ line: 2, before: "if (b) {", after: "if (!(b)) {" });
  });
});

describe("a sample", () => {
  it("is the same for the same seed, another for another seed, and has nothing twice", () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const of = (seed) => sample(items, 20, randomFrom(seed));
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    expect(new Set(of(1)).size).toBe(20);
    expect(sample(items, 200, randomFrom(1)).toSorted((a, b) => a - b)).toEqual(items);
  });
});

it("the tests of a source are those that reach it, the one of its name first", () => {
  const folder = fileURLToPath(new URL("../../packages/base", import.meta.url));
  const tests = testsOf(folder, "src/heap.ts");
  expect(tests[0]).toBe("test/heap.test.ts");
  expect(tests).toContain("test/timer-heap.test.ts");
  expect(tests).not.toContain("test/waiting.test.ts");
});
