/** The decisions of a policy: what a caller may do, and why not. It knows neither calls nor statuses. */
import { shortened } from "@trunkline/base";
import { PolicyError, policyProblems } from "./check-policy.js";
import { Glob } from "./glob.js";
import type { AdminRight, PolicyRule, RouterPolicy, SharedNames, Sharing } from "./policy.js";

/** A caller of the exchange, as its token names it. */
export interface Caller {
  readonly identity: string;
  /** The `jti` of the token, or the fingerprint of the certificate behind `sha256:`. */
  readonly tokenId: string | undefined;
  /** The right to the admin service that a token of the router's own key claims. Only routers without a policy ask. */
  readonly admin?: AdminRight | undefined;
}

/** A stream of the exchange: who dials whom, by which name. */
export interface StreamParties {
  readonly name: string;
  readonly dialler: Caller;
  readonly listener: Caller;
}

/** The limits of one identity. */
export interface IdentityLimits {
  readonly maxListeners: number;
  readonly maxStreams: number;
  readonly maxBytesPerSecond: number;
  readonly maxStreamSeconds: number;
}

interface Rule extends IdentityLimits {
  readonly identities: readonly Glob[];
  readonly listen: readonly Glob[];
  readonly dial: readonly Glob[];
  readonly admin: AdminRight | undefined;
}

/** The terms on which the listeners of one name share it. */
export interface NameSharing {
  readonly exposers: Sharing;
  readonly maxExposers: number;
}

interface SharedRule extends NameSharing {
  readonly names: readonly Glob[];
}

interface Decisions {
  readonly rules: readonly Rule[];
  readonly shared: readonly SharedRule[];
  readonly identities: ReadonlySet<string>;
  readonly tokenIds: ReadonlySet<string>;
}

const unlimited: IdentityLimits = {
  maxListeners: Number.POSITIVE_INFINITY,
  maxStreams: Number.POSITIVE_INFINITY,
  maxBytesPerSecond: Number.POSITIVE_INFINITY,
  maxStreamSeconds: Number.POSITIVE_INFINITY,
};

/** The rights of all callers at one router: those of its policy, or everything where it has none. */
export class Access {
  #decisions: Decisions | undefined;

  /** @throws PolicyError */
  constructor(policy: RouterPolicy | undefined) {
    this.update(policy);
  }

  /** Exchanges the policy, which is copied. @throws PolicyError, and the old policy stays */
  update(policy: RouterPolicy | undefined): void {
    if (policy === undefined) {
      this.#decisions = undefined;
      return;
    }
    const problems = policyProblems(policy);
    if (problems.length > 0) throw new PolicyError(problems);
    const { rules, names = [], denied } = policy;
    this.#decisions = {
      rules: rules.map(compiled),
      shared: names.map(compiledNames),
      identities: new Set(denied?.identities),
      tokenIds: new Set(denied?.tokenIds),
    };
  }

  /** Returns why the caller is denied, or undefined if it is not. */
  denial({ identity, tokenId }: Caller): string | undefined {
    if (this.#decisions?.identities.has(identity)) return `the identity ${shownIdentity(identity)} is denied`;
    return this.tokenDenial(tokenId);
  }

  /** Returns why the token is denied, or undefined if it is not. */
  tokenDenial(tokenId: string | undefined): string | undefined {
    const isDenied = tokenId !== undefined && this.#decisions?.tokenIds.has(tokenId) === true;
    if (!isDenied) return undefined;
    return `this ${tokenId.startsWith("sha256:") ? "certificate" : "token"} is denied`;
  }

  /** Returns why the caller may not listen under the name, or undefined if it may. */
  listenRefusal(caller: Caller, name: string): string | undefined {
    return this.denial(caller) ?? this.#refusal("listen", caller, name);
  }

  /** Returns why the caller may not dial the name, or undefined if it may. */
  dialRefusal(caller: Caller, name: string): string | undefined {
    return this.denial(caller) ?? this.#refusal("dial", caller, name);
  }

  /**
   * Returns why the caller has not this right to the admin service, or undefined if it has. The rules of a policy
   * decide alone; without one, no token has it that does not say so.
   */
  adminRefusal(caller: Caller, right: AdminRight): string | undefined {
    const denial = this.denial(caller);
    if (denial !== undefined) return denial;
    const held = this.#decisions === undefined ? caller.admin : this.#ruleOf(caller.identity)?.admin;
    if (held === "act" || held === right) return undefined;
    if (this.#decisions === undefined)
      return `without a policy, this needs a token that says admin: ${right} (trunkline token mint --admin ${right})`;
    return `the policy does not give the identity ${shownIdentity(caller.identity)} the right admin: ${right}`;
  }

  /** Returns why the stream may not go on, or undefined if it may. */
  streamRefusal({ name, dialler, listener }: StreamParties): string | undefined {
    return this.dialRefusal(dialler, name) ?? this.listenRefusal(listener, name);
  }

  /** Returns why a stream that was dialled so long ago may not go on, or undefined if it may. */
  ageRefusal(dialler: string, ageMs: number): string | undefined {
    const { maxStreamSeconds } = this.limitsOf(dialler);
    if (ageMs < maxStreamSeconds * 1_000) return undefined;
    const limit = `${maxStreamSeconds} s (maxStreamSeconds)`;
    return `the policy ends streams of the identity ${shownIdentity(dialler)} after ${limit}`;
  }

  /** Returns the terms on which listeners share the name; undefined where it is for one alone. */
  sharingOf(name: string): NameSharing | undefined {
    return this.#decisions?.shared.find(({ names }) => names.some((pattern) => pattern.matches(name)));
  }

  limitsOf(identity: string): IdentityLimits {
    if (this.#decisions === undefined) return unlimited;
    return this.#ruleOf(identity) ?? unlimited;
  }

  #refusal(right: "listen" | "dial", { identity }: Caller, name: string): string | undefined {
    if (this.#decisions === undefined) return undefined;
    const isAllowed = this.#ruleOf(identity)?.[right].some((pattern) => pattern.matches(name, identity)) === true;
    if (isAllowed) return undefined;
    const what = right === "listen" ? "listen under" : "dial";
    return `the policy does not let the identity ${shownIdentity(identity)} ${what} ${JSON.stringify(name)}`;
  }

  #ruleOf(identity: string): Rule | undefined {
    return this.#decisions?.rules.find(({ identities }) => identities.some((pattern) => pattern.matches(identity)));
  }
}

/** The number of listeners of a shared name where the policy says none. */
const defaultMaxExposers = 16;

function compiledNames({ names, exposers, maxExposers = defaultMaxExposers }: SharedNames): SharedRule {
  return { names: globs(names), exposers, maxExposers };
}

function globs(patterns: readonly string[]): Glob[] {
  return patterns.map((pattern) => new Glob(pattern));
}

function compiled(rule: PolicyRule): Rule {
  const { identities, listen = [], dial = [] } = rule;
  return {
    identities: globs(identities),
    listen: globs(listen),
    dial: globs(dial),
    admin: rule.admin,
    maxListeners: rule.maxListeners ?? unlimited.maxListeners,
    maxStreams: rule.maxStreams ?? unlimited.maxStreams,
    maxBytesPerSecond: rule.maxBytesPerSecond ?? unlimited.maxBytesPerSecond,
    maxStreamSeconds: rule.maxStreamSeconds ?? unlimited.maxStreamSeconds,
  };
}

const maxShownChars = 64;

/** Returns an identity as a message shows it. Tokens of other issuers may have long ones. */
function shownIdentity(identity: string): string {
  return JSON.stringify(shortened(identity, maxShownChars));
}
