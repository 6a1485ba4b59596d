import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { testsOf } from "./importers.mjs";
import { difference, mutantsOf, mutated } from "./mutants.mjs";
import { randomFrom, sample } from "./sample.mjs";
import { withSwitches } from "./switches.mjs";

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

describe("a source with switches", () => {
  const source = `
    function run() {
      let count = 0;
      function judge(a, b) {
        if (a + 1 < b) count += 2;
        else count++;
        for (let index = 0; index < 3; index++) count = count ?? 4;
        if (a === b) throw new Error("same");
        return (a && !b) || [a, b].map((each) => each * 2 - 1).join() > "1,3" ? count : -count;
      }
      return [judge(1, 2), judge(3, 1), judge(0, 9)].join();
    }`;
  const result = (text) => {
    try {
      return new Function(`${text}; return run();`)();
    } catch (error) {
      return String(error);
    }
  };
  const mutants = mutantsOf(source)
    // It loops for ever.
    .filter(({ start }) => !source.startsWith("index++", start - "index".length))
    .map((mutant, id) => ({ ...mutant, id }));

  it("does as the original or as any one of its mutants", () => {
    const switched = withSwitches(source, mutants);
    globalThis.trunklineMutant = () => false;
    expect(result(switched)).toBe(result(source));
    for (const mutant of mutants) {
      globalThis.trunklineMutant = (id) => id === mutant.id;
      expect(result(switched), JSON.stringify(mutant)).toBe(result(mutated(source, mutant)));
    }
    delete globalThis.trunklineMutant;
  });

  it("says which mutants are reached", () => {
    const reached = new Set();
    globalThis.trunklineMutant = (id) => reached.add(id) === undefined;
    const text = "function run() { if (false) return 1 + 2; }";
    result(
      withSwitches(
        text,
        mutantsOf(text).map((mutant, id) => ({ ...mutant, id })),
      ),
    );
    expect([...reached]).toEqual([0, 1]);
    delete globalThis.trunklineMutant;
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
