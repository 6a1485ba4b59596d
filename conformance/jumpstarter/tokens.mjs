/** Tokens for a stream, signed here as Jumpstarter's controller signs them: the router's own code has no part in it. */
import { createHmac, randomUUID } from "node:crypto";

const hashes = { HS256: "sha256", HS384: "sha384", HS512: "sha512" };

/**
 * A token of one stream, good for half an hour. A claim that is `undefined` is left out.
 * @param {string} key the router's
 * @param {Record<string, unknown>} [claims] instead of the controller's
 * @param {{ alg?: "HS256" | "HS384" | "HS512" | "none" }} [options]
 */
export function streamToken(key, claims = {}, { alg = "HS256" } = {}) {
  const now = Math.floor(Date.now() / 1_000);
  const all = {
    iss: "https://jumpstarter.dev/stream",
    sub: randomUUID(),
    aud: ["https://jumpstarter.dev/router"],
    exp: now + 1_800,
    nbf: now,
    iat: now,
    jti: randomUUID(),
    ...claims,
  };
  const signed = [{ alg, typ: "JWT" }, all].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = alg === "none" ? "" : createHmac(hashes[alg], key).update(signed.join(".")).digest("base64url");
  return [...signed, signature].join(".");
}

/** The metadata of a call with a token. @param {string} token */
export const bearer = (token) => [["authorization", `Bearer ${token}`]];
