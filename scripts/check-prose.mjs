/**
 * `npm run check:prose [-- --wrap] [PATH…]`: refuses doc comments whose first sentence is a fragment, words that the
 * project does not use, and lines wider than 120 columns, in all files that git tracks or in those below the paths. It
 * ends with 1 if there are any. With `--wrap`, it first wraps wide comments and paragraphs. The rules stand in
 * `scripts/prose/`.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { docComments, judgeComment } from "./prose/doc-comment.mjs";
import { wideLines } from "./prose/width.mjs";
import { refusedWords } from "./prose/words.mjs";
import { wrapComments, wrapPage } from "./prose/wrap.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Files that are generated, and those that hold the refused words as data. */
const excepted = /(^|\/)gen\/|^scripts\/prose\/|^api\//;

const wrap = process.argv.includes("--wrap");
const paths = process.argv.slice(2).filter((argument) => argument !== "--wrap");
const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...paths], {
  cwd: root,
  encoding: "utf8",
});
const files = listed
  .split("\n")
  .filter((file) => /\.(ts|mts|cts|mjs|md|sh)$/.test(file) && !excepted.test(file) && existsSync(`${root}/${file}`));

let findings = 0;
for (const file of files) {
  const text = wrap ? wrapped(file) : readFileSync(`${root}/${file}`, "utf8");
  const found = [
    ...wideLines(text).map(({ line, columns }) => ({
      line,
      message: `the line has ${columns} columns, more than 120`,
    })),
    ...refusedWords(text).map(({ line, word, instead }) => ({ line, message: `"${word}": say ${instead}` })),
    ...(/\.(ts|mts|cts|mjs)$/.test(file) ? fragments(text) : []),
  ];
  for (const { line, message } of found.sort((a, b) => a.line - b.line)) console.error(`${file}:${line}: ${message}`);
  findings += found.length;
}
console.error(findings === 0 ? `${files.length} files: no findings` : `${findings} findings`);
process.exitCode = findings === 0 ? 0 : 1;

/** Wraps a file in place. @param {string} file @returns {string} its text */
function wrapped(file) {
  const text = readFileSync(`${root}/${file}`, "utf8");
  const after = file.endsWith(".md") ? wrapPage(text) : file.endsWith(".sh") ? text : wrapComments(text);
  if (after !== text) writeFileSync(`${root}/${file}`, after);
  return after;
}

/** @param {string} text @returns {{ line: number, message: string }[]} */
function fragments(text) {
  return docComments(text).flatMap((comment) => {
    const reason = judgeComment(comment.text);
    return reason === undefined
      ? []
      : [{ line: comment.line, message: `the doc comment ${reason}: ${shown(comment)}` }];
  });
}

/** @param {{ text: string }} comment @returns {string} */
function shown({ text }) {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `"${line.slice(0, 60)}…"` : `"${line}"`;
}
