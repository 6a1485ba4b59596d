/**
 * Reads a JWK Set (RFC 7517) into keys: secrets (`oct`) and public keys in one file, each with its id. Whatever cannot
 * be used is refused here, when the set is read, and not when a token comes. No message shows any of a key.
 */
import { createPublicKey, type JsonWebKey } from "node:crypto";
import type { JSONWebKeySet, JWK } from "jose";
import { isSecretAlgorithm, type KeySource, secretAlgorithms } from "./key-ring.js";

/** The most keys of a set: a token without a key id is tried with each that fits its algorithm. */
export const maxKeys = 100;
/** The shortest RSA key in bits, as RFC 7518 §3.3 demands. */
const minRsaBits = 2_048;

const publicKinds: Readonly<Record<string, readonly string[]>> = {
  OKP: ["EdDSA", "Ed25519"],
  EC: ["ES256"],
  RSA: ["RS256"],
};

/**
 * Returns the keys of a JWK Set, the secrets in their order, so that the first one signs.
 * @throws TypeError that names the key by its place and its id, and the reason
 */
export function keysOfSet(set: unknown): KeySource[] {
  const keys = (set as { readonly keys?: unknown } | null | undefined)?.keys;
  if (!Array.isArray(keys)) throw new TypeError('a set of keys is {"keys": [ … ]}');
  if (keys.length === 0) throw new TypeError("the set has no keys");
  if (keys.length > maxKeys) throw new TypeError(`the set has ${keys.length} keys, more than ${maxKeys}`);
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

function publicKeyOf(jwk: Readonly<Record<string, unknown>>, place: string): JWK {
  const { kty, alg } = jwk;
  const algorithms = Object.hasOwn(publicKinds, String(kty)) ? publicKinds[String(kty)] : undefined;
  if (algorithms === undefined)
    throw new TypeError(`kty of ${place} is none of oct, ${Object.keys(publicKinds).join(", ")}`);
  if (alg !== undefined && !algorithms.some((known) => known === alg))
    throw new TypeError(`alg of ${place} is not ${algorithms.join(" or ")}, for which keys of its kind are here`);
  if (jwk["d"] !== undefined)
    throw new TypeError(`${place} has a private part (d); a router needs the public one, and must not see the other`);
  checkUse(jwk as JsonWebKey, place);
  return jwk as JWK;
}

/** Checks that a public key can be used. @throws TypeError */
function checkUse(jwk: JsonWebKey, place: string): void {
  let bits: number | undefined;
  try {
    bits = createPublicKey({ key: jwk, format: "jwk" }).asymmetricKeyDetails?.modulusLength;
  } catch {
    throw new TypeError(`${place} is no public key that can be used`);
  }
  if (jwk.kty === "OKP" && jwk.crv !== "Ed25519") throw new TypeError(`crv of ${place} is not Ed25519`);
  if (jwk.kty === "EC" && jwk.crv !== "P-256") throw new TypeError(`crv of ${place} is not P-256`);
  if (bits !== undefined && bits < minRsaBits)
    throw new TypeError(`${place} has ${bits} bits, less than ${minRsaBits}`);
}

const maxShownChars = 64;

function placeOf(key: unknown, index: number): string {
  const id = (key as { readonly kid?: unknown } | null | undefined)?.kid;
  return typeof id === "string"
    ? `key ${index + 1} (${JSON.stringify(id.slice(0, maxShownChars))})`
    : `key ${index + 1}`;
}
