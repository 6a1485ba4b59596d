/** Every kind of mistake in a policy file has one line with its place. */
import { readFileSync } from "node:fs";
import type { RouterPolicy } from "@trunkline/router";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { policySchema } from "../../src/operation/policy-file.js";
import { problemText, readYaml } from "../../src/operation/yaml-file.js";

const readPolicy = (bytes: Uint8Array) => readYaml<RouterPolicy>(bytes, policySchema);

const read = (text: string | Uint8Array): string[] => {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  return (readPolicy(bytes).problems ?? []).map((problem) => problemText("p", problem));
};

const good = `# The boards of the lab.
rules:
  - identities: [board-*]   # their own names
    listen: ["{identity}", "{identity}/*"]
    maxListeners: 5
  - identities:
      - ci
      - "*@example.org"
    dial: ["*"]
denied:
  identities: [board-9]
  tokenIds:
    - 8a7c3c1e-5f8b-4a53-9f52-0d3b7a1b1a11
`;

const mistakes: readonly (readonly [what: string, text: string, ...lines: string[]])[] = [
  ["nothing", "", "p:1:1: a policy must have the fields rules, names, denied, and is empty"],
  ["a comment alone", "# soon\n", "p:1:1: a policy must have the fields rules, names, denied, and is empty"],
  ["a list", "- rules\n", "p:1:1: a policy must have the fields rules, names, denied, and is a list"],
  ["an unknown field", "rules: []\nrule: []\n", 'p:2:1: "rule" is no field here; the fields are rules, names, denied'],
  [
    "an unknown field of a rule",
    "rules:\n  - identities: [a]\n    dials: [b]\n",
    'p:3:5: "dials" is no field here; the fields are ' +
      "identities, listen, dial, admin, maxListeners, maxStreams, maxBytesPerSecond, maxStreamSeconds",
  ],
  ["a rule for nobody", "rules:\n  - dial: [b]\n", "p:2:5: the field identities is missing"],
  ["text for a list", "rules:\n  - identities: a\n", 'p:2:5: identities must be a list, and is "a"'],
  ["nothing for a list", "rules:\n  - identities:\n", "p:2:5: identities must be a list, and is empty"],
  [
    "a number for an identity",
    "rules:\n  - identities: [a, 42]\n",
    'p:2:21: an entry of identities must be text, and is 42: write "42"',
  ],
  [
    "a word that YAML takes for something else",
    "rules:\n  - identities:\n      - true\n",
    'p:3:9: an entry of identities must be text, and is true: write "true"',
  ],
  [
    "a limit with a unit",
    "rules:\n  - identities: [a]\n    maxStreams: 10k\n",
    'p:3:5: maxStreams must be a whole number from 0 on, not "10k"',
  ],
  [
    "two mistakes",
    "rules:\n  - identities: []\n  - identities: [b]\n    listen: [a b]\n",
    "p:2:5: identities must not be an empty list",
    'p:4:14: the pattern "a b" of names has the character " "; ' +
      "it can have letters, digits, . _ / - and *, or {identity}",
  ],
  [
    "an identity in two rules",
    "rules:\n  - identities: [a]\n  - identities: [a]\n",
    'p:3:18: "a" is never looked at here: the rule 1 is for it and comes first',
  ],
  [
    "a star without quotes",
    "rules:\n  - identities: [*]\n",
    "p:2:18: a policy has no aliases (*name): a text that begins with a star is written in quotes",
  ],
  ["an anchor", "rules: &all []\n", "p:1:8: a policy has no anchors (&name)"],
  ["a tag", "rules: !!seq []\n", "p:1:8: a policy has no tags (!name)"],
  ["a directive", "%YAML 1.1\n---\nrules: []\n", "p:1:1: a policy has no directives (%NAME)"],
  ["an explicit key", "? rules\n: []\n", "p:1:1: a policy has no keys that begin with a question mark"],
  ["a key twice", "rules: []\ndenied: {}\nrules: []\n", 'p:3:1: the key "rules" is there twice'],
  ["a key that is a number", "rules: []\n7: []\n", "p:2:1: a key must be text"],
  ["a key that is a list", "rules: []\n[a]: b\n", "p:2:1: a key must be text"],
  ["a merge", "rules: []\n<<: {}\n", 'p:2:1: "<<" is no field here; the fields are rules, names, denied'],
  [
    "a key of the prototype",
    "rules: []\n__proto__: {}\n",
    'p:2:1: "__proto__" is no field here; the fields are rules, names, denied',
  ],
  ["a tab", "rules:\n\t- identities: [a]\n", "p:2:1: Tabs are not allowed as indentation"],
  [
    "a bracket that is open",
    "rules: [\n",
    "p:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  ["a quote that is open", 'rules: "x\n', 'p:2:1: Missing closing "quote'],
  ["wrong indentation", "rules:\n  - identities: [a]\n   dial: [b]\n", "p:3:1: Sequence item without - indicator"],
  [
    "two documents",
    "rules: []\n---\nrules: []\n",
    "p:2:1: Source contains multiple documents; please use YAML.parseAllDocuments()",
  ],
  ["deep nesting", "rules: [[[[[[[[[[", "p:1:16: it is nested too deeply for a policy"],
  ["deep nesting by dashes", `${"- ".repeat(20)}a`, "p:1:17: it is nested too deeply for a policy"],
];

describe("a policy file", () => {
  test("has comments, both forms of lists, and patterns in quotes where YAML needs them", () => {
    expect(readPolicy(Buffer.from(good)).value).toEqual({
      rules: [
        { identities: ["board-*"], listen: ["{identity}", "{identity}/*"], maxListeners: 5 },
        { identities: ["ci", "*@example.org"], dial: ["*"] },
      ],
      denied: { identities: ["board-9"], tokenIds: ["8a7c3c1e-5f8b-4a53-9f52-0d3b7a1b1a11"] },
    });
  });

  test("may be JSON, have a byte order mark, or lines that end as on Windows", () => {
    for (const text of ['{"rules": []}', "\uFEFFrules: []\n", "rules: []\r\n", "---\nrules: []\n"])
      expect(readPolicy(Buffer.from(text)).value).toEqual({ rules: [] });
  });

  test.each(mistakes)("with %s has its line", (_, text, ...lines) => {
    expect(read(text)).toEqual(lines);
  });

  test("of the page for operators can be used", () => {
    const page = readFileSync(new URL("../../../../docs/operators.md", import.meta.url), "utf8");
    const shown = [...page.matchAll(/^```yaml\n(# policy\.yaml\n.*?)^```$/gms)].map(([, text]) => text as string);
    expect(shown.length).toBeGreaterThan(0);
    for (const text of shown) expect(read(text)).toEqual([]);
  });

  test("that is no text says so", () => {
    expect(read(new Uint8Array([0x72, 0xff, 0xfe]))).toEqual(["p:1:1: it is not text in UTF-8"]);
  });

  test("whose mistakes hold control characters has lines without them", () => {
    const lines = read('rules:\n  - identities: ["a\\u001b[31m"]\n    "x\\ny": 1\n');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]+$/);
  });

  test("with very many mistakes has a hundred lines at most", () => {
    expect(read("a: b: c\n".repeat(1_000)).length).toBeLessThanOrEqual(100);
    expect(read(`rules: []\n${"a: 1\n".repeat(1_000)}`).length).toBeLessThanOrEqual(100);
  });

  test("made to be dear is refused by its tokens", () => {
    for (const text of ["? ".repeat(100_000), "[".repeat(200_000), "{a: ".repeat(60_000), "- ".repeat(100_000)])
      expect(read(text)).toHaveLength(1);
  });

  test("may have a block of text that looks like anything", () => {
    expect(read("rules: |\n  *a &b !c\n  ? [[[[[[[[[[[[[[\n")).toEqual([
      'p:1:1: rules must be a list, and is "*a &b !c\\n? [[[[[[[[[[[[[[\\n"',
    ]);
  });

  test("of any content is read without an error, and each line is one", () => {
    const pieces = fc.constantFrom(
      "rules:",
      "\n",
      "  ",
      "- ",
      "identities: ",
      "[",
      "]",
      "{",
      "}",
      "*",
      "&a ",
      '"',
      "'",
      "? ",
      ": ",
      "|",
      "#",
      "\t",
      "a",
      "1",
      ",",
      "!x ",
      "%Y",
      "---\n",
      "\u0000",
      "é",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        for (const line of read(parts.join(""))) expect(line).toMatch(/^p:\d+:\d+: [^\n]+$/);
      }),
      { numRuns: 1_000 },
    );
  });

  test("that was cut anywhere is read, too", () => {
    for (let end = 0; end <= good.length; end += 1) {
      const { value: policy, problems } = readPolicy(Buffer.from(good.slice(0, end)));
      expect(policy !== undefined || (problems ?? []).length > 0).toBe(true);
    }
  });
});
