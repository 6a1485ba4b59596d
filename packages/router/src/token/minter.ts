/** Makes tokens: for the two sides of a stream, and for those who may use the exchange. */
import { randomUUID } from "node:crypto";
import type { Role } from "../rendezvous.js";
import type { KeyRing } from "./key-ring.js";

/** Whose tokens a router takes, and which: those of Jumpstarter's controller. */
export const routerToken = {
  issuer: "https://jumpstarter.dev/stream",
  audience: "https://jumpstarter.dev/router",
} as const;

/** The same for an exchange. */
export const exchangeToken = { issuer: "trunkline", audience: "trunkline-exchange" } as const;

export class TokenMinter {
  readonly #keys: KeyRing;
  readonly #unixNowMs: () => number;

  constructor(keys: KeyRing, unixNowMs: () => number) {
    this.#keys = keys;
    this.#unixNowMs = unixNowMs;
  }

  /** A token for one side of a stream, good for one peer. */
  forStream(stream: string, role: Role, lifetimeMs: number): Promise<string> {
    return this.#mint(routerToken, stream, lifetimeMs, { role });
  }

  /** A token to listen, dial and list with, as `identity`. */
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
      // RFC 7519 allows fractions; whole seconds, and no shorter than asked for, suit every reader.
      exp: Math.ceil((nowMs + lifetimeMs) / 1_000),
      ...more,
    });
  }
}
