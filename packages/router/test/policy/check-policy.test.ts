/** Every kind of mistake in a policy has a line that names its place. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PolicyError, policyProblems, Router } from "../../src/index.js";
import { maxDenied, maxPatterns, maxPolicyRules, pathText } from "../../src/policy/check-policy.js";

const lines = (policy: unknown): string[] =>
  policyProblems(policy).map(({ path, message }) => `${pathText(path)}: ${message}`);

const rule = (more: object): object => ({ rules: [{ identities: ["lab"], ...more }] });

const mistakes: readonly (readonly [what: string, policy: unknown, ...lines: string[]])[] = [
  ["nothing at all", undefined, "policy: a policy must have the fields rules, names, denied, and is undefined"],
  ["an empty file", null, "policy: a policy must have the fields rules, names, denied, and is empty"],
  ["a list", [], "policy: a policy must have the fields rules, names, denied, and is a list"],
  ["text", "allow all", 'policy: a policy must have the fields rules, names, denied, and is "allow all"'],
  ["no rules", {}, "policy: the field rules is missing"],
  ["rules that are no list", { rules: {} }, "policy.rules: rules must be a list, and is a mapping"],
  [
    "a rule that is text",
    { rules: ["lab"] },
    "policy.rules[0]: an entry of rules must have the fields " +
      'identities, listen, dial, admin, maxListeners, maxStreams, maxBytesPerSecond, maxStreamSeconds, and is "lab"',
  ],
  [
    "an unknown field",
    { rules: [], rule: [] },
    'policy.rule: "rule" is no field here; the fields are rules, names, denied',
  ],
  [
    "a field of the prototype",
    JSON.parse('{"rules": [], "__proto__": 1, "constructor": 2}'),
    'policy.__proto__: "__proto__" is no field here; the fields are rules, names, denied',
    'policy.constructor: "constructor" is no field here; the fields are rules, names, denied',
  ],
  [
    "a strange key",
    { rules: [], "a\nb": 1 },
    'policy["a\\nb"]: "a\\nb" is no field here; the fields are rules, names, denied',
  ],
  ["a rule for nobody", { rules: [{ dial: ["*"] }] }, "policy.rules[0]: the field identities is missing"],
  [
    "an empty list of identities",
    { rules: [{ identities: [] }] },
    "policy.rules[0].identities: identities must not be an empty list",
  ],
  [
    "a right that there is not",
    rule({ admin: "root" }),
    'policy.rules[0].admin: admin must be one of see, act, not "root"',
  ],
  ["a switch for a right", rule({ admin: true }), "policy.rules[0].admin: admin must be one of see, act, not true"],
  ["text for a list", rule({ dial: "*" }), 'policy.rules[0].dial: dial must be a list, and is "*"'],
  ["nothing for a list", rule({ dial: null }), "policy.rules[0].dial: dial must be a list, and is empty"],
  [
    "a number for an identity",
    { rules: [{ identities: [42] }] },
    'policy.rules[0].identities[0]: an entry of identities must be text, and is 42: write "42"',
  ],
  ["an empty pattern", rule({ dial: [""] }), "policy.rules[0].dial[0]: an entry of dial must not be empty"],
  [
    "a long pattern",
    rule({ dial: ["a".repeat(256)] }),
    "policy.rules[0].dial[0]: an entry of dial has 256 characters, more than 255",
  ],
  [
    "a pattern with a space",
    rule({ listen: ["my board"] }),
    'policy.rules[0].listen[0]: the pattern "my board" of names has the character " "; ' +
      "it can have letters, digits, . _ / - and *, or {identity}",
  ],
  [
    "another placeholder",
    rule({ listen: ["{user}/x"] }),
    'policy.rules[0].listen[0]: the pattern "{user}/x" of names has the character "{"; ' +
      "it can have letters, digits, . _ / - and *, or {identity}",
  ],
  [
    "a pattern that fits no name",
    rule({ listen: ["/lab/*"] }),
    'policy.rules[0].listen[0]: the pattern "/lab/*" fits no name: names begin and end with a letter or a digit',
  ],
  [
    "control characters",
    { rules: [{ identities: ["a\u0007"] }] },
    'policy.rules[0].identities[0]: "a\\u0007" has control characters',
  ],
  [
    "a placeholder for an identity",
    { rules: [{ identities: ["{identity}"] }] },
    'policy.rules[0].identities[0]: {identity} is for patterns of names, and "{identity}" is one of identities',
  ],
  [
    "an identity twice in a rule",
    { rules: [{ identities: ["lab", "lab"] }] },
    'policy.rules[0].identities[1]: "lab" is in this rule already',
  ],
  [
    "an identity in two rules",
    { rules: [{ identities: ["lab"] }, { identities: ["lab"] }] },
    'policy.rules[1].identities[0]: "lab" is never looked at here: the rule 1 is for it and comes first',
  ],
  [
    "a rule behind one for all",
    { rules: [{ identities: ["*"] }, { identities: ["lab"] }] },
    'policy.rules[1].identities[0]: "lab" is never looked at here: the rule 1 is for it and comes first',
  ],
  [
    "a limit below zero",
    rule({ maxStreams: -1 }),
    "policy.rules[0].maxStreams: maxStreams must be a whole number from 0 on, not -1",
  ],
  [
    "a limit in words",
    rule({ maxListeners: "10 MB" }),
    'policy.rules[0].maxListeners: maxListeners must be a whole number from 0 on, not "10 MB"',
  ],
  [
    "a limit that is no number",
    rule({ maxStreams: Number.NaN }),
    "policy.rules[0].maxStreams: maxStreams must be a whole number from 0 on, not NaN",
  ],
  [
    "a rate below a frame a second",
    rule({ maxBytesPerSecond: 65_535 }),
    "policy.rules[0].maxBytesPerSecond: maxBytesPerSecond must be a whole number from 65536 on, not 65535",
  ],
  [
    "a time beyond that of a timer",
    rule({ maxStreamSeconds: 2_147_484 }),
    "policy.rules[0].maxStreamSeconds: maxStreamSeconds must be a whole number from 1 to 2147483, not 2147484",
  ],
  [
    "no time at all",
    rule({ maxStreamSeconds: 0 }),
    "policy.rules[0].maxStreamSeconds: maxStreamSeconds must be a whole number from 1 to 2147483, not 0",
  ],
  [
    "a star in a denied identity",
    { rules: [], denied: { identities: ["lab-*"] } },
    'policy.denied.identities[0]: "lab-*" has a star, and denied callers are named in full; a rule without rights can',
  ],
  [
    "another way to share a name",
    { rules: [], names: [{ names: ["web"], exposers: "random" }] },
    'policy.names[0].exposers: exposers must be one of first, round-robin, least-streams, not "random"',
  ],
  [
    "no way to share a name, and no name",
    { rules: [], names: [{ names: [] }] },
    "policy.names[0].names: names must not be an empty list",
    "policy.names[0]: the field exposers is missing",
  ],
  [
    "a shared name of one identity, and no listener for it",
    { rules: [], names: [{ names: ["{identity}/x"], exposers: "first", maxExposers: 0 }] },
    'policy.names[0].names[0]: "{identity}/x" has {identity}, and shared names may belong to several identities',
    "policy.names[0].maxExposers: maxExposers must be a whole number from 1 on, not 0",
  ],
  [
    "too many rules",
    { rules: Array.from({ length: maxPolicyRules + 1 }, () => 0) },
    "policy.rules: rules has 1001 entries, more than 1000",
  ],
  [
    "too many patterns",
    rule({ dial: Array.from({ length: maxPatterns + 1 }, () => "a") }),
    "policy.rules[0].dial: dial has 1001 entries, more than 1000",
  ],
  [
    "too many denied tokens",
    { rules: [], denied: { tokenIds: Array.from({ length: maxDenied + 1 }, () => "a") } },
    "policy.denied.tokenIds: tokenIds has 5001 entries, more than 5000",
  ],
];

describe("a policy", () => {
  it.each(mistakes)("with %s is refused, and the line names the place", (_, policy, ...expected) => {
    expect(lines(policy)).toEqual(expected);
  });

  it("that can be used has no mistakes", () => {
    const policy = {
      rules: [
        { identities: ["mallory"] },
        { identities: ["lab-*", "board"], listen: ["{identity}/*", "x"], dial: [], maxListeners: 0, maxStreams: 5 },
        { identities: ["slow"], dial: ["*"], maxBytesPerSecond: 65_536, maxStreamSeconds: 2_147_483 },
        { identities: ["*"], dial: ["*"], listen: undefined },
      ],
      names: [{ names: ["pool/*"], exposers: "least-streams", maxExposers: 3 }],
      denied: { identities: ["eve"], tokenIds: ["8a7c3c1e"] },
    };
    expect(lines(policy)).toEqual([]);
    expect(lines({ rules: [], denied: undefined })).toEqual([]);
  });

  it("with very many mistakes has the first hundred", () => {
    const problems = lines({ rules: Array.from({ length: 1_000 }, () => ({ what: 1 })) });
    expect(problems).toHaveLength(100);
  });

  it("that is refused makes no router, and the error has all mistakes", () => {
    const keys = [{ secret: "a key that only tests use, and long enough" }];
    const policy = { rules: [{ identities: ["lab"], maxStreams: -1 }, { identities: [] }] };
    const message =
      "policy.rules[0].maxStreams: maxStreams must be a whole number from 0 on, not -1; " +
      "policy.rules[1].identities: identities must not be an empty list";
    expect(() => new Router({ keys, policy })).toThrow(PolicyError);
    expect(() => new Router({ keys, policy })).toThrow(message);
  });

  it("of any value whatever is judged without an error, and in short lines", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), (value) => {
        for (const line of [...lines(value), ...lines({ rules: value }), ...lines(rule({ dial: [value] }))])
          expect(line.length).toBeLessThan(400);
      }),
    );
  });
});
