/**
 * Reads a JWK Set (RFC 7517) into keys: secrets (`oct`) and public keys in one file, each with its id. Whatever cannot
 * be used is refused here, when the set is read, and not when a token comes. No message shows any of a key.
 */
import { Buffer } from "node:buffer";
import type { JSONWebKeySet, JWK } from "jose";
import { isSecretAlgorithm, type KeySource, secretAlgorithms } from "./key-ring.js";
import { entriesOf, placeOf, publicKeyOf } from "./public-keys.js";

/**
 * Returns the keys of a JWK Set, the secrets in their order, so that the first one signs.
 * @throws TypeError that names the key by its place and its id, and the reason
 */
export function keysOfSet(set: unknown): KeySource[] {
  const keys = entriesOf(set);
  const ids = new Set<string>();
  const sources: KeySource[] = [];
  const publicKeys: JWK[] = [];
  for (const [index, key] of keys.entries()) {
    const place = placeOf(key, index);
    if (typeof key !== "object" || key === null || Array.isArray(key))
      throw new TypeError(`${place} is no JSON object`);
    const jwk = key as Readonly<Record<string, unknown>>;
    const id = jwk["kid"];
    if (id !== undefined && (typeof id !== "string" || id === ""))
      throw new TypeError(`the id (kid) of ${place} is not text`);
    if (id !== undefined && ids.has(id)) throw new TypeError(`${place} has the id of an earlier key`);
    if (id !== undefined) ids.add(id);
    if (jwk["kty"] === "oct") sources.push(secretOf(jwk, place, id));
    else publicKeys.push(publicKeyOf(jwk, place));
  }
  if (publicKeys.length > 0) sources.push({ jwks: { keys: publicKeys } satisfies JSONWebKeySet });
  return sources;
}

function secretOf(jwk: Readonly<Record<string, unknown>>, place: string, keyId: string | undefined): KeySource {
  const { k, alg } = jwk;
  if (typeof k !== "string" || !/^[A-Za-z0-9_-]+$/.test(k)) throw new TypeError(`k of ${place} is not base64url`);
  if (alg !== undefined && !isSecretAlgorithm(alg))
    throw new TypeError(`alg of ${place} is none of ${secretAlgorithms.join(", ")}`);
  return { secret: new Uint8Array(Buffer.from(k, "base64url")), keyId, algorithm: alg };
}
