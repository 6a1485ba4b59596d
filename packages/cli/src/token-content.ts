/** The content of a token, read without a check of its signature: for people, never for a decision. */
import { Buffer } from "node:buffer";

/** One part of a JWT. */
export type TokenPart = Readonly<Record<string, unknown>>;

/** Returns the header and the claims of a JWT; undefined for text that is none. */
export function tokenContent(token: string): { readonly header: TokenPart; readonly claims: TokenPart } | undefined {
  const [header, claims, ...rest] = token.split(".").map(decoded);
  return header === undefined || claims === undefined || rest.length !== 1 ? undefined : { header, claims };
}

/** Returns the time at which a token expires, in milliseconds since 1970; undefined where that cannot be read. */
export function tokenExpiryMs(token: string): number | undefined {
  const seconds = tokenContent(token)?.claims["exp"];
  return typeof seconds === "number" && Math.abs(seconds) <= 8.64e12 ? seconds * 1_000 : undefined;
}

/** Returns the JSON object of a part of a JWT; undefined for anything else, such as a signature. */
function decoded(part: string): TokenPart | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as TokenPart) : undefined;
  } catch {
    return undefined;
  }
}
