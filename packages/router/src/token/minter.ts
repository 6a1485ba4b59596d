/** Makes tokens: for the two sides of a stream, and for users of the exchange. */
import { randomUUID } from "node:crypto";
import type { AdminRight } from "../policy/policy.js";
import type { Role } from "../rendezvous.js";
import type { KeyRing } from "./key-ring.js";
import type { Ticket, VerifiedToken } from "./verifier.js";

/** The issuer and the audience of tokens for a router, those of Jumpstarter's controller. */
export const routerToken = {
  issuer: "https://jumpstarter.dev/stream",
  audience: "https://jumpstarter.dev/router",
} as const;

/** The issuer and the audience that tokens name (`iss`, `aud`). */
export interface TokenParties {
  readonly issuer: string;
  readonly audience: string;
}

/** The issuer and the audience of tokens for an exchange. */
export const exchangeToken = { issuer: "trunkline", audience: "trunkline-exchange" } as const;

/** The issuer and the audience of the tickets of sessions. */
export const ticketToken = { issuer: "trunkline", audience: "trunkline-ticket" } as const;

/** The time for which a ticket is good: a session whose peers are asleep for longer is not missed. */
export const ticketLifetimeMs: number = 7 * 86_400_000;

export class TokenMinter {
  readonly #keys: KeyRing;
  readonly #unixNowMs: () => number;
  readonly #streamParties: TokenParties;
  readonly #onStreamToken: (token: string, verified: VerifiedToken) => void;

  /** `onStreamToken` is told of each token for a stream: who has made it need not verify it. */
  constructor(
    keys: KeyRing,
    unixNowMs: () => number,
    onStreamToken: (token: string, verified: VerifiedToken) => void = () => {},
    streamParties: TokenParties = routerToken,
  ) {
    this.#streamParties = streamParties;
    this.#keys = keys;
    this.#unixNowMs = unixNowMs;
    this.#onStreamToken = onStreamToken;
  }

  /** Returns a token for one side of a stream, good for one peer; in a session, for one attempt. */
  forStream(stream: string, role: Role, lifetimeMs: number, attempt?: number): string {
    const claims = attempt === undefined ? { role } : { role, attempt };
    const { token, tokenId, expiresAtUnixMs } = this.#mint(this.#streamParties, stream, lifetimeMs, claims);
    this.#onStreamToken(token, {
      subject: stream,
      expiresAtUnixMs,
      tokenId,
      role,
      attempt,
      ticket: undefined,
      admin: undefined,
    });
    return token;
  }

  /** Returns the ticket of one side of a session. */
  forTicket(session: string, role: Role, ticket: Ticket): string {
    const { name, dialler, listener, peerId, startedAtUnixMs: started } = ticket;
    const peer = peerId === undefined ? {} : { peer: peerId };
    const claims = { role, name, dialler, listener, started, ...peer };
    return this.#mint(ticketToken, session, ticketLifetimeMs, claims).token;
  }

  /** Returns a token with which `identity` listens, dials and lists, and uses the admin service if it may. */
  forExchange(identity: string, lifetimeMs: number, admin: AdminRight | undefined): string {
    return this.#mint(exchangeToken, identity, lifetimeMs, admin === undefined ? {} : { admin }).token;
  }

  #mint(
    kind: TokenParties,
    subject: string,
    lifetimeMs: number,
    more: Readonly<Record<string, string | number>>,
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
