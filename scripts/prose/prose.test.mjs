import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { docComments, judgeComment } from "./doc-comment.mjs";
import { wideLines } from "./width.mjs";
import { refusedWords } from "./words.mjs";
import { wrapComments, wrapPage } from "./wrap.mjs";

const lines = (name) =>
  readFileSync(new URL(`fixture/${name}.txt`, import.meta.url), "utf8")
    .trim()
    .split("\n");

describe("the judge of doc comments", () => {
  it("accepts 40 good comments", () => {
    const good = lines("good");
    expect(good).toHaveLength(40);
    expect(good.filter((comment) => judgeComment(comment) !== undefined)).toEqual([]);
  });

  it("refuses 40 fragments, and gives a reason for each", () => {
    const bad = lines("bad");
    expect(bad).toHaveLength(40);
    expect(bad.filter((comment) => judgeComment(comment) === undefined)).toEqual([]);
  });

  it("judges the first sentence only, and no tags", () => {
    expect(judgeComment("Returns the next item. What follows is kept.")).toBeUndefined();
    expect(judgeComment("@param {string} what of the item")).toBeUndefined();
    expect(judgeComment("Returns it. @returns what is left")).toBeUndefined();
  });

  it("finds comments of one line and of several, with their lines", () => {
    const source = "const a = 1;\n/** One. */\nclass B {\n  /**\n   * Two\n   * lines.\n   */\n  c = '/** no */';\n}\n";
    expect(docComments(source)).toEqual([
      { line: 2, text: "One." },
      { line: 4, text: "Two\nlines." },
    ]);
  });
});

describe("the refused words", () => {
  it("are found as whole names and as parts of names, not within words", () => {
    const words = (text) => refusedWords(text).map(({ word }) => word);
    expect(words("let hungry = isHungryNow; // Hungry")).toEqual(["hungry", "hungry", "hungry"]);
    expect(words("the departed, imparted and counterparted")).toEqual([]);
    expect(words("emit('parted')")).toEqual(["parted"]);
    expect(words("the reader,\n * what is left\n * of it")).toEqual(["what is left of"]);
  });
});

describe("the width of lines", () => {
  it("is 120 columns, of characters and not of bytes or UTF-16 units", () => {
    expect(wideLines(`${"x".repeat(120)}\n${"é".repeat(120)}\n${"😀".repeat(120)}`)).toEqual([]);
    expect(wideLines(`\n${"x".repeat(121)}`)).toEqual([{ line: 2, columns: 121 }]);
  });

  it("excepts rows of tables, and lines that a URL makes wide", () => {
    expect(wideLines(`| ${"x".repeat(200)} |`)).toEqual([]);
    expect(wideLines(`see https://example.com/${"x".repeat(200)}`)).toEqual([]);
    expect(wideLines(`${"x".repeat(121)} https://example.com/`)).toHaveLength(1);
  });
});

describe("wrapping", () => {
  const word = "word ".repeat(40).trim();

  it("opens a wide comment of one line, and wraps the paragraphs that are wide", () => {
    const source = `  /** ${word} */\n  a;\n\n/**\n * Short.\n *\n * ${word}\n * more.\n * @throws Error\n */\n// ${word}\n`;
    const after = wrapComments(source);
    expect(wideLines(after)).toEqual([]);
    const wordsOf = (text) => text.match(/[a-zA-Z@]+/g);
    expect(wordsOf(after)).toEqual(wordsOf(source));
    expect(after).toContain("\n * Short.\n *\n");
    expect(after).toContain(" more.\n * @throws Error\n */");
    expect(wrapComments(after)).toBe(after);
  });

  it("leaves code, tables and headings of a page, and hangs the items of lists", () => {
    const page = `# ${word}\n\n    ${word}\n\n\`\`\`\n${word}\n\`\`\`\n\n| ${word} |\n\n- ${word}\n- two\n`;
    const lines = wrapPage(page).split("\n");
    expect(wrapPage(page).replace(/\s+/g, " ")).toBe(page.replace(/\s+/g, " "));
    expect(lines.slice(0, 10)).toEqual(page.split("\n").slice(0, 10));
    expect(lines[10]).toMatch(/^- word/);
    expect(lines[11]).toMatch(/^ {2}word/);
    expect(lines.at(-2)).toBe("- two");
  });
});
