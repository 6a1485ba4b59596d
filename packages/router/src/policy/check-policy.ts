/**
 * The schema of a policy. It finds all mistakes and names the place of each, so that the reader of a file can say the
 * line. The value may be anything: it comes from a file.
 */
import { shortened, wholeNumberProblem } from "@trunkline/base";
import { identityPlaceholder } from "./glob.js";
import {
  adminRights,
  type DeniedCallers,
  type PolicyRule,
  type RouterPolicy,
  type SharedNames,
  type Sharing,
} from "./policy.js";

/** The keys and indexes that lead to a value in a policy. */
export type PolicyPath = readonly (string | number)[];

/** One mistake in a policy. */
export interface PolicyProblem {
  /** The place of the mistake, such as `["rules", 2, "maxStreams"]`. */
  readonly path: PolicyPath;
  /** The reason, on one line, without the place. */
  readonly message: string;
}

/** An error that names all mistakes of a policy. */
export class PolicyError extends TypeError {
  override name = "PolicyError";
  readonly code = "INVALID_POLICY";
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    super(problems.map(({ path, message }) => `${pathText(path)}: ${message}`).join("; "));
    this.problems = problems;
  }
}

/** The most rules: each call looks through them in order. */
export const maxPolicyRules = 1_000;
/** The most entries for names that are shared: each dial and each listener looks through them in order. */
export const maxSharedNames = 1_000;
/** The most entries of one list of patterns. */
export const maxPatterns = 1_000;
/** The most entries of one list of denied callers. */
export const maxDenied = 5_000;
/** The longest pattern or entry. */
export const maxPatternChars = 255;
/** The lowest rate of a stream: a full frame a second, so that acknowledgements and PINGs come in time. */
export const leastBytesPerSecond = 65_536;
/** The longest time of a stream: that of a timer. */
export const mostStreamSeconds = 2_147_483;
/** The number of mistakes after which the check ends. */
const maxProblems = 100;

type Check = (value: unknown, path: PolicyPath) => void;
const sharings: readonly Sharing[] = ["first", "round-robin", "least-streams"];

type Shape<T> = { readonly [Name in keyof T]-?: { readonly check: Check; readonly required?: true } };

/** Returns all mistakes of a policy in the order in which they stand, none if it can be used; 100 at most. */
export function policyProblems(policy: unknown): PolicyProblem[] {
  return new PolicyCheck().run(policy);
}

/** Returns a path as text: `policy.rules[2].maxStreams`. */
export function pathText(path: PolicyPath): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^\w{1,64}$/.test(part) ? `.${part}` : `[${shown(part)}]`;
  });
  return `policy${parts.join("")}`;
}

class PolicyCheck {
  readonly #problems: PolicyProblem[] = [];
  /** The rule in which each pattern of identities stands. */
  readonly #rulesByPattern: Map<string, number> = new Map();

  run(policy: unknown): PolicyProblem[] {
    this.#mapping(policy, [], this.#policy);
    return this.#problems;
  }

  // The schema.

  readonly #identityPattern: Check = (value, path) => {
    if (!this.#text(value, path)) return;
    if (value.includes(identityPlaceholder)) {
      this.#add(path, `${identityPlaceholder} is for patterns of names, and ${shown(value)} is one of identities`);
      return;
    }
    const rule = path[1] as number;
    const earlier = this.#rulesByPattern.get(value) ?? this.#rulesByPattern.get("*");
    if (earlier === undefined) this.#rulesByPattern.set(value, rule);
    else if (earlier === rule) this.#add(path, `${shown(value)} is in this rule already`);
    else this.#add(path, `${shown(value)} is never looked at here: the rule ${earlier + 1} is for it and comes first`);
  };

  readonly #namePattern: Check = (value, path) => {
    if (!this.#text(value, path)) return;
    const literal = value.replaceAll(identityPlaceholder, "");
    const wrong = /[^A-Za-z0-9._/*-]/u.exec(literal)?.[0];
    if (wrong !== undefined) {
      const known = `letters, digits, . _ / - and *, or ${identityPlaceholder}`;
      this.#add(path, `the pattern ${shown(value)} of names has the character ${shown(wrong)}; it can have ${known}`);
    } else if (/^[._/-]|[._/-]$/.test(value)) {
      this.#add(path, `the pattern ${shown(value)} fits no name: names begin and end with a letter or a digit`);
    }
  };

  readonly #sharedPattern: Check = (value, path) => {
    if (typeof value === "string" && value.includes(identityPlaceholder))
      this.#add(path, `${shown(value)} has ${identityPlaceholder}, and shared names may belong to several identities`);
    else this.#namePattern(value, path);
  };

  readonly #sharing: Check = (value, path) => this.#oneOf(sharings, value, path);

  readonly #adminRight: Check = (value, path) => this.#oneOf(adminRights, value, path);

  readonly #exactText: Check = (value, path) => {
    if (this.#text(value, path) && value.includes("*"))
      this.#add(path, `${shown(value)} has a star, and denied callers are named in full; a rule without rights can`);
  };

  readonly #limit: Check = (value, path) => this.#wholeNumber(value, path, 0);

  readonly #limitAboveZero: Check = (value, path) => this.#wholeNumber(value, path, 1);

  readonly #bytesPerSecond: Check = (value, path) => this.#wholeNumber(value, path, leastBytesPerSecond);

  readonly #seconds: Check = (value, path) => this.#wholeNumber(value, path, 1, mostStreamSeconds);

  readonly #rule: Shape<PolicyRule> = {
    identities: { check: this.#list(maxPatterns, this.#identityPattern, 1), required: true },
    listen: { check: this.#list(maxPatterns, this.#namePattern) },
    dial: { check: this.#list(maxPatterns, this.#namePattern) },
    admin: { check: this.#adminRight },
    maxListeners: { check: this.#limit },
    maxStreams: { check: this.#limit },
    maxBytesPerSecond: { check: this.#bytesPerSecond },
    maxStreamSeconds: { check: this.#seconds },
  };

  readonly #denied: Shape<DeniedCallers> = {
    identities: { check: this.#list(maxDenied, this.#exactText) },
    tokenIds: { check: this.#list(maxDenied, this.#exactText) },
  };

  readonly #shared: Shape<SharedNames> = {
    names: { check: this.#list(maxPatterns, this.#sharedPattern, 1), required: true },
    exposers: { check: this.#sharing, required: true },
    maxExposers: { check: this.#limitAboveZero },
  };

  readonly #policy: Shape<RouterPolicy> = {
    rules: {
      check: this.#list(maxPolicyRules, (value, path) => this.#mapping(value, path, this.#rule)),
      required: true,
    },
    names: { check: this.#list(maxSharedNames, (value, path) => this.#mapping(value, path, this.#shared)) },
    denied: { check: (value, path) => this.#mapping(value, path, this.#denied) },
  };

  // Its machinery.

  #mapping<T>(value: unknown, path: PolicyPath, shape: Shape<T>): void {
    const known = Object.keys(shape) as (keyof T & string)[];
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#add(path, `${subject(path)} must have the fields ${known.join(", ")}, and is ${shown(value)}`);
      return;
    }
    for (const [key, field] of Object.entries(value)) {
      if (!Object.hasOwn(shape, key))
        this.#add([...path, key], `${shown(key)} is no field here; the fields are ${known.join(", ")}`);
      else if (field !== undefined) shape[key as keyof T].check(field, [...path, key]);
    }
    for (const key of known) {
      if (shape[key].required === true && (value as Record<string, unknown>)[key] === undefined)
        this.#add(path, `the field ${key} is missing`);
    }
  }

  #list(most: number, check: Check, least = 0): Check {
    return (value, path) => {
      if (!Array.isArray(value)) this.#add(path, `${subject(path)} must be a list, and is ${shown(value)}`);
      else if (value.length < least) this.#add(path, `${subject(path)} must not be an empty list`);
      else if (value.length > most) this.#add(path, `${subject(path)} has ${value.length} entries, more than ${most}`);
      else {
        for (const [index, entry] of value.entries()) {
          if (this.#problems.length >= maxProblems) return;
          check(entry, [...path, index]);
        }
      }
    };
  }

  #oneOf(words: readonly string[], value: unknown, path: PolicyPath): void {
    if (!words.some((known) => known === value))
      this.#add(path, `${subject(path)} must be one of ${words.join(", ")}, not ${shown(value)}`);
  }

  #wholeNumber(value: unknown, path: PolicyPath, least: number, most?: number): void {
    const problem = wholeNumberProblem(value, least, most);
    if (problem !== undefined) this.#add(path, `${subject(path)} ${problem}, not ${shown(value)}`);
  }

  #text(value: unknown, path: PolicyPath): value is string {
    if (typeof value !== "string")
      this.#add(path, `${subject(path)} must be text, and is ${shown(value)}${quotes(value)}`);
    else if (value === "") this.#add(path, `${subject(path)} must not be empty`);
    else if (value.length > maxPatternChars)
      this.#add(path, `${subject(path)} has ${value.length} characters, more than ${maxPatternChars}`);
    else if (/\p{Cc}|\p{Cs}/u.test(value)) this.#add(path, `${shown(value)} has control characters`);
    else return true;
    return false;
  }

  #add(path: PolicyPath, message: string): void {
    if (this.#problems.length < maxProblems) this.#problems.push({ path, message });
  }
}

const maxShownChars = 60;

/** Returns the words for the value at a path, with which a message begins. */
function subject(path: PolicyPath): string {
  const last = path.at(-1);
  if (last === undefined) return "a policy";
  return typeof last === "string" ? last : `an entry of ${path.at(-2)}`;
}

/** Returns a value as a message shows it: on one line, and short. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value === null) return "empty";
  if (typeof value === "object") return "a mapping";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return shortened(text, maxShownChars);
}

/** Returns the advice for an identity such as 42 or true, which YAML does not take for text. */
function quotes(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? `: write "${value}"` : "";
}
