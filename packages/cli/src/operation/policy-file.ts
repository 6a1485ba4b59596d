/**
 * Reads a policy from YAML, and says for each mistake the line and the column. YAML can do more than a policy needs:
 * anchors, tags, directives and keys that are no text are refused before anything is built of them, and so is deep
 * nesting, since the parser takes a stack, or hours, for some of it.
 */
import { policyProblems, type RouterPolicy } from "@trunkline/router";
import { CST, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, type Pair, parseDocument, visit } from "yaml";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { readSmallFile } from "../secret-file.js";
import type { FileSource } from "./file-watch.js";

/** A mistake in a policy file. Lines and columns are counted from 1. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The content of a policy file: a policy, or all mistakes that are in the way of one. */
export type PolicyContent =
  | { readonly policy: RouterPolicy; readonly problems?: undefined }
  | { readonly policy?: undefined; readonly problems: readonly FileProblem[] };

/** The largest policy file: 5,000 denied tokens and all the rules that a person can look after. */
export const maxPolicyFileBytes = 262_144;
/** The deepest nesting of `[`, `{` and of `-` on one line: a policy needs three. */
const maxNesting = 8;
/** The number of mistakes after which the reading ends. */
const maxProblems = 100;

/** Returns the policy in the bytes of a file, or its mistakes. Never throws. */
export function readPolicy(bytes: Uint8Array): PolicyContent {
  const text = textOf(bytes);
  if (typeof text !== "string") return { problems: [text] };
  const lines = new LineCounter();
  const at = (offset: number, message: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, message };
  };
  try {
    const unneeded = findUnneeded(text);
    if (unneeded !== undefined) {
      addLines(lines, text);
      return { problems: [at(unneeded.offset, unneeded.message)] };
    }
    return contentOf(text, lines, at);
  } catch (error) {
    return { problems: [{ line: 1, column: 1, message: `it cannot be read as YAML: ${reasonOf(error)}` }] };
  }
}

/** Returns the text of a mistake with its place, as compilers write it: `policy.yaml:3:5: …`. */
export function problemText(path: string, { line, column, message }: FileProblem): string {
  return `${path}:${line}:${column}: ${message}`;
}

/** Returns the policy file as a source that can be read again and again. */
export function policyFile(path: string): FileSource<RouterPolicy> {
  return {
    paths: [path],
    read: async () => [await readSmallFile(path, "the policy", maxPolicyFileBytes)],
    parse([bytes]) {
      const { policy, problems } = readPolicy(bytes as Uint8Array);
      if (policy !== undefined) return policy;
      const [first, ...more] = problems.map((problem) => problemText(path, problem));
      const others = more.length === 0 ? "" : ` (and ${more.length} more: trunkline check ${path})`;
      throw new CommandError(`cannot use the policy ${first}${others}`, ExitCode.unreadable);
    },
  };
}

type At = (offset: number, message: string) => FileProblem;

function contentOf(text: string, lines: LineCounter, at: At): PolicyContent {
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const faults = [...document.errors, ...document.warnings].slice(0, maxProblems);
  if (faults.length > 0) return { problems: faults.map(({ pos, message }) => at(pos[0], oneLine(message))) };
  const problems: FileProblem[] = [];
  visit(document, {
    Map: (_, { items }) => {
      for (const { offset, message } of keyProblems(items)) {
        problems.push(at(offset, message));
        if (problems.length === maxProblems) return visit.BREAK;
      }
      return undefined;
    },
  });
  if (problems.length > 0) return { problems };
  const policy: unknown = document.toJS();
  const found = policyProblems(policy);
  if (found.length === 0) return { policy: policy as RouterPolicy };
  return { problems: found.map(({ path, message }) => at(offsetOf(document.contents, path), message)) };
}

interface Place {
  readonly offset: number;
  readonly message: string;
}

/** Finds what a policy does not need and what is dear to parse, by the tokens alone. */
function findUnneeded(text: string): Place | undefined {
  let offset = 0;
  let nesting = 0;
  let dashes = 0;
  let isScalarText = false;
  for (const token of new Lexer().lex(text)) {
    // The text of a scalar follows its mark, and may look like any other token.
    const type: string = isScalarText ? "text" : (CST.tokenType(token) ?? "text");
    isScalarText = type === "scalar";
    const message = unneeded[type];
    if (message !== undefined) return { offset, message };
    if (type === "flow-seq-start" || type === "flow-map-start") nesting += 1;
    else if (type === "flow-seq-end" || type === "flow-map-end") nesting -= 1;
    else if (type === "newline") dashes = 0;
    else if (type === "seq-item-ind") dashes += 1;
    if (nesting > maxNesting || dashes > maxNesting) return { offset, message: "it is nested too deeply for a policy" };
    if (!marks.has(type)) offset += token.length;
  }
  return undefined;
}

const unneeded: Readonly<Record<string, string>> = {
  alias: "a policy has no aliases (*name): a pattern that begins with a star is written in quotes",
  anchor: "a policy has no anchors (&name)",
  tag: "a policy has no tags (!name)",
  "directive-line": "a policy has no directives (%NAME)",
  "explicit-key-ind": "a policy has no keys that begin with a question mark",
};

/** The tokens of the lexer that stand for no characters of the text. */
const marks: ReadonlySet<string> = new Set(["doc-mode", "flow-error-end", "scalar"]);

function* keyProblems(items: readonly Pair[]): IterableIterator<Place> {
  const seen = new Set<string>();
  for (const { key } of items) {
    const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
    const name = isScalar(key) ? key.value : undefined;
    if (typeof name !== "string") yield { offset, message: "a key must be text" };
    else if (seen.has(name)) yield { offset, message: `the key ${JSON.stringify(name)} is there twice` };
    else seen.add(name);
  }
}

/** Returns the place of the key or entry that a path leads to, or of the last one on the way that is there. */
function offsetOf(root: unknown, path: readonly (string | number)[]): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      offset = startOf(pair?.key) ?? offset;
      node = pair?.value;
    } else if (isSeq(node)) {
      node = node.items[part as number];
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function textOf(bytes: Uint8Array): string | FileProblem {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return { line: 1, column: 1, message: "it is not text in UTF-8" };
  }
}

function addLines(lines: LineCounter, text: string): void {
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
}

const maxMessageChars = 200;

/** Returns a message of the parser on one line: it may show what is in the file. */
function oneLine(message: string): string {
  const line = message.replace(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length <= maxMessageChars ? line : `${line.slice(0, maxMessageChars)}…`;
}
