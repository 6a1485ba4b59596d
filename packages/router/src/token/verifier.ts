/**
 * Verifies bearer tokens as Jumpstarter's router does, and more strictly where that accepts too much: a token has a
 * subject that is not empty. A verified token is remembered by its hash, so that its next use costs a hash and no
 * signature.
 */
import { hash } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload } from "jose";
import { type AdminRight, adminRights } from "../policy/policy.js";
import type { Role } from "../rendezvous.js";
import { identityProblem } from "./identity.js";
import { isSecretAlgorithm, type KeyRing } from "./key-ring.js";
import { KeysUnavailableError } from "./remote-keys.js";

/** The claims of a token that has been verified. */
export interface VerifiedToken {
  /** The name of the stream in a router's token, the identity of the user in an exchange's. Never empty. */
  readonly subject: string;
  readonly expiresAtUnixMs: number;
  /** The token's `jti`. */
  readonly tokenId: string | undefined;
  readonly role: Role | undefined;
  /** The number of the attempt that a token is for, where its stream is a session. */
  readonly attempt: number | undefined;
  /** The content of a ticket, where the token is one. */
  readonly ticket: Ticket | undefined;
  /** The right to the admin service that a token of one of the router's own secrets claims. */
  readonly admin: AdminRight | undefined;
}

/** A session, as the tickets of both its sides describe it. Their subject is its name, beside the role. */
export interface Ticket {
  /** The name that was dialled. */
  readonly name: string;
  /** The identities of both sides. */
  readonly dialler: string;
  readonly listener: string;
  /** The name that the listener gives itself, where others may share the name that was dialled. */
  readonly peerId: string | undefined;
  /** The time at which the name was dialled, in milliseconds since 1970. */
  readonly startedAtUnixMs: number;
}

/** An error that says why a token is refused. Its message holds nothing of the token. */
export class TokenError extends Error {
  override name = "TokenError";
  readonly code = "INVALID_TOKEN";
}

export interface TokenVerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Returns the milliseconds since 1970. */
  unixNowMs(): number;
  /** The number of verified tokens to remember. */
  readonly maxCachedTokens: number;
  /** The difference between the clocks of issuer and router that is allowed. Default 0. */
  readonly clockToleranceMs?: number | undefined;
  /**
   * The claim that names the user, where the tokens are of another issuer: nothing else of them is looked at then.
   * Default: the tokens are those of a router.
   */
  readonly identity?: { readonly claim: string; readonly prefix: string } | undefined;
}

/** The longest token: as long as the headers that a router takes. */
export const maxTokenChars = 16_384;

/** The largest time in a token. RFC 7519 counts in seconds; a larger number is a mistake in the unit. */
const maxNumericDate = 1e11;

export class TokenVerifier {
  readonly #keys: KeyRing;
  readonly #options: TokenVerifierOptions;
  /**
   * The tokens by their SHA-256, the first one verified in front. Expired ones leave when they are used again, or from
   * the front.
   */
  #verified: Map<string, VerifiedToken> = new Map();

  constructor(keys: KeyRing, options: TokenVerifierOptions) {
    this.#keys = keys;
    this.#options = options;
  }

  /** The issuer whose tokens are verified. */
  get issuer(): string {
    return this.#options.issuer;
  }

  get cachedTokens(): number {
    return this.#verified.size;
  }

  /** @throws TokenError, KeysUnavailableError */
  async verify(token: string): Promise<VerifiedToken> {
    if (token.length > maxTokenChars)
      throw new TokenError(`it has ${token.length} characters, more than ${maxTokenChars}`);
    const key = hashOf(token);
    const known = this.#verified.get(key);
    if (known !== undefined) {
      if (known.expiresAtUnixMs > this.#options.unixNowMs()) return known;
      this.#verified.delete(key);
      throw new TokenError("it has expired");
    }
    const remembered = this.#verified;
    const verified = await this.#verifyAnew(token);
    // The keys may have changed meanwhile: what an old one has verified is not remembered.
    if (remembered === this.#verified) this.#remember(key, verified);
    return verified;
  }

  /** Forgets all tokens, so that each is verified again with the keys that there are now. */
  forget(): void {
    this.#verified = new Map();
  }

  /** Remembers a token that this process has made: it needs no verification. */
  trust(token: string, verified: VerifiedToken): void {
    this.#remember(hashOf(token), verified);
  }

  #remember(key: string, verified: VerifiedToken): void {
    this.#verified.set(key, verified);
    if (this.#verified.size <= this.#options.maxCachedTokens) return;
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined) this.#verified.delete(oldest);
  }

  async #verifyAnew(token: string): Promise<VerifiedToken> {
    const { issuer, audience, unixNowMs, identity, clockToleranceMs = 0 } = this.#options;
    const nowMs = unixNowMs();
    let claims: JWTPayload;
    let isOwn: boolean;
    try {
      const header = decodeProtectedHeader(token);
      isOwn = isSecretAlgorithm(header.alg);
      claims = await this.#keys.verify(token, header, {
        issuer,
        audience,
        requiredClaims: identity === undefined ? ["exp", "sub"] : ["exp"],
        currentDate: new Date(nowMs),
        clockTolerance: clockToleranceMs / 1_000,
      });
    } catch (error) {
      if (error instanceof KeysUnavailableError) throw error;
      throw new TokenError(describe(error));
    }
    const expiresAtUnixMs = expiryOf(claims, nowMs, clockToleranceMs);
    return identity === undefined
      ? readClaims(claims, expiresAtUnixMs, nowMs + clockToleranceMs, isOwn)
      : readIdentity(claims, expiresAtUnixMs, identity);
  }
}

function hashOf(token: string): string {
  return hash("sha256", token, "base64");
}

/** Returns the time up to which a token is good. @throws TokenError */
function expiryOf({ exp }: JWTPayload, nowMs: number, toleranceMs: number): number {
  if (typeof exp !== "number" || !(exp <= maxNumericDate)) throw new TokenError("its expiry (exp) is not a date");
  const expiresAtUnixMs = exp * 1_000 + toleranceMs;
  if (expiresAtUnixMs <= nowMs) throw new TokenError("it has expired");
  return expiresAtUnixMs;
}

/** Checks the claims of a router's token that jose does not check. @throws TokenError */
function readClaims(claims: JWTPayload, expiresAtUnixMs: number, latestMs: number, isOwn: boolean): VerifiedToken {
  const { sub, iat, jti, role, attempt } = claims;
  if (typeof sub !== "string" || sub === "") throw new TokenError("its subject (sub) is empty");
  if (iat !== undefined && !(typeof iat === "number" && iat * 1_000 <= latestMs))
    throw new TokenError("it was issued (iat) in the future");
  const tokenId = tokenIdOf(jti);
  if (role !== undefined && role !== "listen" && role !== "dial")
    throw new TokenError('its role is neither "listen" nor "dial"');
  if (attempt !== undefined && !(Number.isSafeInteger(attempt) && (attempt as number) > 0 && role !== undefined))
    throw new TokenError("its attempt is no whole number above 0, or it has no role");
  const ticket = ticketOf(claims);
  // A public key belongs to another issuer, which names users and does not make operators.
  const admin = isOwn ? adminRights.find((right) => right === claims["admin"]) : undefined;
  return { subject: sub, expiresAtUnixMs, tokenId, role, attempt: attempt as number | undefined, ticket, admin };
}

/** Returns the user that a token of another issuer names. @throws TokenError */
function readIdentity(
  claims: JWTPayload,
  expiresAtUnixMs: number,
  { claim, prefix }: NonNullable<TokenVerifierOptions["identity"]>,
): VerifiedToken {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
  const named = `the claim ${JSON.stringify(claim)}, which names its user,`;
  if (typeof value !== "string" || value === "") throw new TokenError(`${named} is not text`);
  if (claim === "email" && claims["email_verified"] !== true)
    throw new TokenError("the address of its user is not verified (email_verified)");
  const subject = `${prefix}${value}`;
  const problem = identityProblem(subject);
  if (problem !== undefined) throw new TokenError(`${named} ${problem}`);
  const tokenId = tokenIdOf(claims.jti);
  return {
    subject,
    expiresAtUnixMs,
    tokenId,
    role: undefined,
    attempt: undefined,
    ticket: undefined,
    admin: undefined,
  };
}

function tokenIdOf(jti: unknown): string | undefined {
  if (jti !== undefined && typeof jti !== "string") throw new TokenError("its id (jti) is not text");
  return jti;
}

/** Returns the content of a ticket, undefined for claims that are none. */
function ticketOf({ name, dialler, listener, peer, started }: JWTPayload): Ticket | undefined {
  if (typeof name !== "string" || typeof dialler !== "string" || typeof listener !== "string") return undefined;
  if (typeof started !== "number") return undefined;
  return { name, dialler, listener, peerId: typeof peer === "string" ? peer : undefined, startedAtUnixMs: started };
}

/** Returns the reason of jose's error in our own words: jose's messages may show what is in a token. */
function describe(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return claimFailures[error.claim] ?? "one of its claims is wrong";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature fits no key of this router";
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSEAlgNotAllowed)
    return "no key of this router is for its algorithm and key id";
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "it names no key (kid), and several could be its own";
  return "it is not a signed JWT that this router could read";
}

const claimFailures: Readonly<Record<string, string>> = {
  exp: "it has no expiry (exp), or one that is not a date",
  nbf: "it is not valid yet (nbf)",
  iss: "it is from another issuer (iss)",
  aud: "it is for another audience (aud)",
  sub: "its subject (sub) is missing",
};
