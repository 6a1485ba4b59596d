import fc from "fast-check";
import { expect, it } from "vitest";
import { trimBlanks } from "../src/index.js";

it("removes blanks and tabs at both ends, and nothing else", () => {
  const text = fc.string({ unit: fc.constantFrom(" ", "\t", "a", "\n", "\u00a0"), maxLength: 12 });
  fc.assert(
    fc.property(text, (value) => {
      expect(trimBlanks(value)).toBe(value.replace(/^[ \t]+/, "").replace(/[ \t]+$/, ""));
    }),
  );
});

it("takes a million blanks within a text as they are", () => {
  const value = `a${" ".repeat(1_000_000)}b`;
  expect(trimBlanks(` ${value}\t`)).toBe(value);
});
