/** Makes tokens: for the two sides of a stream, and for users of the exchange. */
import { randomUUID } from "node:crypto";
import type { Role } from "../rendezvous.js";
import type { KeyRing } from "./key-ring.js";
import type { VerifiedToken } from "./verifier.js";

/** The issuer and the audience of tokens for a router, those of Jumpstarter's controller. */
export const routerToken = {
  issuer: "https://jumpstarter.dev/stream",
  audience: "https://jumpstarter.dev/router",
} as const;

/** The issuer and the audience of tokens for an exchange. */
export const exchangeToken = { issuer: "trunkline", audience: "trunkline-exchange" } as const;

export class TokenMinter {
  readonly #keys: KeyRing;
  readonly #unixNowMs: () => number;
  readonly #onStreamToken: (token: string, verified: VerifiedToken) => void;

  /** `onStreamToken` is told of each token for a stream: who has made it need not verify it. */
  constructor(
    keys: KeyRing,
    unixNowMs: () => number,
    onStreamToken: (token: string, verified: VerifiedToken) => void = () => {},
  ) {
    this.#keys = keys;
    this.#unixNowMs = unixNowMs;
    this.#onStreamToken = onStreamToken;
  }

  /** Returns a token for one side of a stream, good for one peer. */
  forStream(stream: string, role: Role, lifetimeMs: number): string {
    const { token, tokenId, expiresAtUnixMs } = this.#mint(routerToken, stream, lifetimeMs, { role });
    this.#onStreamToken(token, { subject: stream, expiresAtUnixMs, tokenId, role });
    return token;
  }

  /** Returns a token with which `identity` listens, dials and lists. */
  forExchange(identity: string, lifetimeMs: number): string {
    return this.#mint(exchangeToken, identity, lifetimeMs, {}).token;
  }

  #mint(
    kind: { issuer: string; audience: string },
    subject: string,
    lifetimeMs: number,
    more: { role?: Role },
  ): { token: string; tokenId: string; expiresAtUnixMs: number } {
    const nowMs = this.#unixNowMs();
    const tokenId = randomUUID();
    // RFC 7519 allows fractions. Whole seconds suit every reader, rounded up so that no token is shorter than asked
    // for.
    const exp = Math.ceil((nowMs + lifetimeMs) / 1_000);
    const token = this.#keys.sign({
      iss: kind.issuer,
      aud: kind.audience,
      sub: subject,
      jti: tokenId,
      iat: Math.floor(nowMs / 1_000),
      exp,
      ...more,
    });
    return { token, tokenId, expiresAtUnixMs: exp * 1_000 };
  }
}
