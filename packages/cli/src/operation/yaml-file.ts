/**
 * Reads a file of YAML that people write, such as a policy, and says for each mistake the line and the column. YAML can
 * do more than these files need: anchors, tags, directives and keys that are no text are refused before anything is
 * built of them, and so is deep nesting, since the parser takes a stack, or hours, for some of it.
 */
import { shortened } from "@trunkline/base";
import { CST, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, type Pair, parseDocument, visit } from "yaml";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { readSmallFile } from "../secret-file.js";
import type { FileSource } from "./file-watch.js";

/** A mistake in a file. Lines and columns are counted from 1. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The content of a file: a value, or all mistakes that are in the way of one. */
export type YamlContent<Value> =
  | { readonly value: Value; lineOf(path: readonly (string | number)[]): number; readonly problems?: undefined }
  | { readonly value?: undefined; readonly problems: readonly FileProblem[] };

/** A kind of file, by its schema. */
export interface YamlSchema {
  /** The word for the file in messages: "a policy". */
  readonly what: string;
  /** The command that finds all mistakes of the file, without its path. */
  readonly checkedBy: string;
  /** Returns the mistakes of a value, each with the keys and indexes that lead to its place. */
  problemsOf(value: unknown): readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
}

/** The largest file: 5,000 denied tokens and all the rules that a person can look after. */
export const maxYamlFileBytes = 262_144;
/** The deepest nesting of `[`, `{` and of `-` on one line: the files need three. */
const maxNesting = 8;
/** The number of mistakes after which the reading ends. */
const maxProblems = 100;

/** Returns the value in the bytes of a file, or its mistakes. Never throws. */
export function readYaml<Value>(bytes: Uint8Array, schema: YamlSchema): YamlContent<Value> {
  const text = textOf(bytes);
  if (typeof text !== "string") return { problems: [text] };
  const lines = new LineCounter();
  const at = (offset: number, message: string): FileProblem => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, message };
  };
  try {
    const unneeded = findUnneeded(text, schema.what);
    if (unneeded !== undefined) {
      addLines(lines, text);
      return { problems: [at(unneeded.offset, unneeded.message)] };
    }
    return contentOf<Value>(text, schema, lines, at);
  } catch (error) {
    return { problems: [{ line: 1, column: 1, message: `it cannot be read as YAML: ${reasonOf(error)}` }] };
  }
}

/** Returns the text of a mistake with its place, as compilers write it: `policy.yaml:3:5: …`. */
export function problemText(path: string, { line, column, message }: FileProblem): string {
  return `${path}:${line}:${column}: ${message}`;
}

/** Returns the file as a source that can be read again and again. `name` is its word in messages: "the policy". */
export function yamlFile<Value>(path: string, name: string, schema: YamlSchema): FileSource<Value> {
  return {
    paths: [path],
    read: async () => [await readSmallFile(path, name, maxYamlFileBytes)],
    parse([bytes]) {
      const { value, problems } = readYaml<Value>(bytes as Uint8Array, schema);
      if (problems === undefined) return value;
      throw new CommandError(`cannot use ${name} ${firstOf(path, problems, schema)}`, ExitCode.unreadable);
    },
  };
}

/** Returns the first mistake of a file, and how many more there are. */
export function firstOf(path: string, problems: readonly FileProblem[], { checkedBy }: YamlSchema): string {
  const [first, ...more] = problems.map((problem) => problemText(path, problem));
  return `${first}${more.length === 0 ? "" : ` (and ${more.length} more: ${checkedBy} ${path})`}`;
}

type At = (offset: number, message: string) => FileProblem;

function contentOf<Value>(text: string, schema: YamlSchema, lines: LineCounter, at: At): YamlContent<Value> {
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
  const value: unknown = document.toJS();
  const found = schema.problemsOf(value);
  if (found.length === 0)
    return { value: value as Value, lineOf: (path) => at(offsetOf(document.contents, path), "").line };
  return { problems: found.map(({ path, message }) => at(offsetOf(document.contents, path), message)) };
}

interface Place {
  readonly offset: number;
  readonly message: string;
}

/** Finds what the files do not need and what is dear to parse, by the tokens alone. */
function findUnneeded(text: string, what: string): Place | undefined {
  let offset = 0;
  let nesting = 0;
  let dashes = 0;
  let isScalarText = false;
  for (const token of new Lexer().lex(text)) {
    // The text of a scalar follows its mark, and may look like any other token.
    const type: string = isScalarText ? "text" : (CST.tokenType(token) ?? "text");
    isScalarText = type === "scalar";
    const message = unneeded[type];
    if (message !== undefined) return { offset, message: `${what} has no ${message}` };
    if (type === "flow-seq-start" || type === "flow-map-start") nesting += 1;
    else if (type === "flow-seq-end" || type === "flow-map-end") nesting -= 1;
    else if (type === "newline") dashes = 0;
    else if (type === "seq-item-ind") dashes += 1;
    if (nesting > maxNesting || dashes > maxNesting) return { offset, message: `it is nested too deeply for ${what}` };
    if (!marks.has(type)) offset += token.length;
  }
  return undefined;
}

const unneeded: Readonly<Record<string, string>> = {
  alias: "aliases (*name): a text that begins with a star is written in quotes",
  anchor: "anchors (&name)",
  tag: "tags (!name)",
  "directive-line": "directives (%NAME)",
  "explicit-key-ind": "keys that begin with a question mark",
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
  return shortened(line, maxMessageChars);
}
