/** Makes tokens: for the two sides of a stream, and for users of the exchange. */
import { randomUUID } from "node:crypto";
import type { Role } from "../rendezvous.js";
import type { KeyRing } from "./key-ring.js";

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

  constructor(keys: KeyRing, unixNowMs: () => number) {
    this.#keys = keys;
    this.#unixNowMs = unixNowMs;
  }

  /** Returns a token for one side of a stream, good for one peer. */
  forStream(stream: string, role: Role, lifetimeMs: number): Promise<string> {
    return this.#mint(routerToken, stream, lifetimeMs, { role });
  }

  /** Returns a token with which `identity` listens, dials and lists. */
  forExchange(identity: string, lifetimeMs: number): Promise<string> {
    return this.#mint(exchangeToken, identity, lifetimeMs, {});
  }

  #mint(
    kind: { issuer: string; audience: string },
    subject: string,
    lifetimeMs: number,
    more: { role?: Role },
  ): Promise<string> {
    const nowMs = this.#unixNowMs();
    return this.#keys.sign({
      iss: kind.issuer,
      aud: kind.audience,
      sub: subject,
      jti: randomUUID(),
      iat: Math.floor(nowMs / 1_000),
      // RFC 7519 allows fractions. Whole seconds suit every reader, rounded up so that no token is shorter than asked
      // for.
      exp: Math.ceil((nowMs + lifetimeMs) / 1_000),
      ...more,
    });
  }
}
