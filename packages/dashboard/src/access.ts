/**
 * The right to see the page and to act: links that are good once and for five minutes, and the cookies that they
 * become. A cookie is signed and not kept, so that it needs no memory and outlives a restart of a router whose key
 * does.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** The rights of a page: `"see"` shows everything, `"act"` also ends streams, evicts names and drains. */
export type DashboardRights = "see" | "act";

/** The time for which a link is good, in milliseconds. */
export const linkLifetimeMs = 300_000;
/** The time for which a cookie is good: a working day. */
export const cookieLifetimeMs = 43_200_000;
/** The links that are good at once; the oldest goes when another one is made. */
const maxLinks = 100;

/** The links and cookies of a dashboard. */
export class Access {
  readonly #key: Uint8Array;
  readonly #unixNowMs: () => number;
  /** The links that are good, by the hash of their token, so that no time tells how much of a guess was right. */
  readonly #links: Map<string, { readonly rights: DashboardRights; readonly untilMs: number }> = new Map();

  constructor(key: Uint8Array, unixNowMs: () => number) {
    this.#key = key;
    this.#unixNowMs = unixNowMs;
  }

  /** Returns the token of a new link. */
  newToken(rights: DashboardRights): string {
    const token = randomBytes(32).toString("base64url");
    this.#links.set(hashOf(token), { rights, untilMs: this.#unixNowMs() + linkLifetimeMs });
    for (const oldest of this.#links.keys()) {
      if (this.#links.size <= maxLinks) break;
      this.#links.delete(oldest);
    }
    return token;
  }

  /** Returns the cookie that a token becomes; undefined where it is not good, no longer good, or was used. */
  redeem(token: string): string | undefined {
    const hash = hashOf(token);
    const link = this.#links.get(hash);
    this.#links.delete(hash);
    if (link === undefined || link.untilMs <= this.#unixNowMs()) return undefined;
    const content = `${this.#unixNowMs() + cookieLifetimeMs}.${link.rights}`;
    return `${content}.${this.#sign(content)}`;
  }

  /** Returns the rights of a cookie; undefined where it is not good. */
  rightsOf(cookie: string | undefined): DashboardRights | undefined {
    const [until = "", rights, signature, ...more] = cookie?.split(".") ?? [];
    if (signature === undefined || more.length > 0 || (rights !== "see" && rights !== "act")) return undefined;
    const given = Buffer.from(signature);
    const right = Buffer.from(this.#sign(`${until}.${rights}`));
    if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
    return Number(until) > this.#unixNowMs() ? rights : undefined;
  }

  #sign(content: string): string {
    return createHmac("sha256", this.#key).update(`trunkline dashboard ${content}`).digest("base64url");
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

/** Returns the value of a cookie of a request. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (at !== -1 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}
