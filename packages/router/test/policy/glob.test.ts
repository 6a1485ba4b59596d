/** Patterns of names and identities, compared with a plain one that tries every way. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Glob } from "../../src/policy/glob.js";

function tryAll(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] !== "*") return pattern[0] === text[0] && tryAll(pattern.slice(1), text.slice(1));
  return tryAll(pattern.slice(1), text) || (text !== "" && tryAll(pattern, text.slice(1)));
}

describe("a pattern", () => {
  it("fits a text as trying every way does", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "/"), maxLength: 8 });
    const patterns = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });
    fc.assert(
      fc.property(patterns, letters, (pattern, text) => {
        expect(new Glob(pattern).matches(text)).toBe(tryAll(pattern, text));
      }),
    );
  });

  it("stands for itself without a star, and with one alone for everything", () => {
    expect(new Glob("web").matches("web")).toBe(true);
    expect(new Glob("web").matches("web2")).toBe(false);
    expect(new Glob("*").matches("lab/board-7")).toBe(true);
  });

  it("has the identity in the place of {identity}, whose characters stand for themselves", () => {
    const own = new Glob("{identity}/*");
    expect(own.matches("lab-1/board", "lab-1")).toBe(true);
    expect(own.matches("lab-2/board", "lab-1")).toBe(false);
    expect(own.matches("lab-2/board", "*")).toBe(false);
    expect(own.matches("lab-2/board", "lab*")).toBe(false);
    expect(new Glob("a{identity}").matches("a$&", "$&")).toBe(true);
  });

  it("with many stars takes no long time for a text that nearly fits", () => {
    expect(new Glob("a*".repeat(120)).matches(`${"a".repeat(119)}b`)).toBe(false);
    expect(new Glob(`${"*a".repeat(100)}b`).matches("a".repeat(100_000))).toBe(false);
  });
});
