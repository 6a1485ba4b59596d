/**
 * Wraps prose at 120 columns: comments of sources and paragraphs of pages. Only paragraphs that have a wide line change.
 */
import { maxColumns, wideLines } from "./width.mjs";

const listItem = /^(?:[-*+]|\d+\.) +/;

/**
 * Returns a source with the paragraphs of its comments wrapped.
 * @param {string} source
 * @returns {string}
 */
export function wrapComments(source) {
  const opened = source.replace(/^([ \t]*)\/\*\* (.*) \*\/$/gm, (whole, indent, text) =>
    columnsOf(whole) > maxColumns ? `${indent}/**\n${indent} * ${text}\n${indent} */` : whole,
  );
  return wrapBlocks(opened.split("\n"), (line, state) => {
    if (/^\s*\/\*\*/.test(line)) state.inDoc = true;
    const prefix = (state.inDoc ? /^\s*\* ?/ : /^\s*\/\/ /).exec(line)?.[0];
    if (/\*\/\s*$/.test(line)) state.inDoc = false;
    if (prefix === undefined || /\*\/\s*$/.test(line) || /biome-ignore|@ts-|eslint/.test(line)) return undefined;
    const text = line.slice(prefix.length);
    if (text.startsWith("```")) state.inFence = !state.inFence;
    if (state.inFence || text.startsWith("```") || /^ {2,}/.test(text)) return undefined;
    return { prefix: prefix.endsWith(" ") ? prefix : `${prefix} `, text };
  });
}

/**
 * Returns a page with its paragraphs wrapped; code, tables and headings stay as they are.
 * @param {string} page
 * @returns {string}
 */
export function wrapPage(page) {
  return wrapBlocks(page.split("\n"), (line, state) => {
    if (/^\s*```/.test(line)) state.inFence = !state.inFence;
    if (state.inFence || /^\s*(```|\||#|<|\[[^\]]+\]:)/.test(line)) return undefined;
    const prefix = /^[ \t]*(?:> )?/.exec(line)?.[0] ?? "";
    if (/^ {4,}/.test(prefix) && !state.inItem) return undefined;
    const text = line.slice(prefix.length);
    if (line.trim() === "") return undefined;
    state.inItem = listItem.test(text) || (state.inItem && prefix !== "");
    return { prefix, text };
  });
}

/**
 * Wraps the paragraphs of lines. `read` splits a line into its prefix and its text, or gives undefined for a line to keep.
 * @param {string[]} lines
 * @param {(line: string, state: { inDoc: boolean, inFence: boolean, inItem: boolean }) => { prefix: string, text: string } | undefined} read
 * @returns {string}
 */
function wrapBlocks(lines, read) {
  const state = { inDoc: false, inFence: false, inItem: false };
  const out = [];
  /** @type {{ prefix: string, hanging: string, lines: string[], texts: string[] } | undefined} */
  let paragraph;
  const flush = () => {
    if (paragraph === undefined) return;
    const wide = wideLines(paragraph.lines.join("\n")).length > 0;
    out.push(...(wide ? wrap(paragraph.texts.join(" "), paragraph.prefix, paragraph.hanging) : paragraph.lines));
    paragraph = undefined;
  };
  for (const line of lines) {
    const split = read(line, state);
    const text = split?.text.trim() ?? "";
    if (split === undefined || text === "") {
      flush();
      out.push(line);
      continue;
    }
    const item = listItem.exec(text);
    const tag = /^@\w/.test(text);
    const hanging = paragraph?.hanging;
    if (
      item === null &&
      !tag &&
      paragraph !== undefined &&
      (split.prefix === hanging || split.prefix === paragraph.prefix)
    ) {
      paragraph.lines.push(line);
      paragraph.texts.push(text);
      continue;
    }
    flush();
    paragraph = {
      prefix: split.prefix,
      hanging: item === null ? split.prefix : split.prefix + " ".repeat(item[0].length),
      lines: [line],
      texts: [text],
    };
  }
  flush();
  return out.join("\n");
}

/** @param {string} text @param {string} prefix @param {string} hanging @returns {string[]} */
function wrap(text, prefix, hanging) {
  const lines = [];
  let line = prefix;
  for (const word of words(text)) {
    const empty = line === prefix || line === hanging;
    if (!empty && columnsOf(line) + 1 + columnsOf(word) > maxColumns) {
      lines.push(line);
      line = hanging + word;
    } else line += empty ? word : ` ${word}`;
  }
  return [...lines, line];
}

/** Splits at blanks, but not within code or at a place where the next line would begin a list. */
function words(text) {
  const parts = text.match(/(?:`[^`]*`|[^\s`]|`)+/g) ?? [];
  const joined = [];
  for (const part of parts) {
    if (joined.length > 0 && /^([-*+#|]|\d+\.)$/.test(part)) joined[joined.length - 1] += ` ${part}`;
    else joined.push(part);
  }
  return joined;
}

/** @param {string} text */
function columnsOf(text) {
  return [...text].length;
}
