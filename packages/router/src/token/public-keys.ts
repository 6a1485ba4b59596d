/**
 * Checks public keys in a JWK Set (RFC 7517), those of a file and those that a server gives out. No message shows any
 * of a key.
 */
import { createPublicKey, type JsonWebKey } from "node:crypto";
import type { JSONWebKeySet, JWK } from "jose";

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
 * Returns the public keys of a set that another server gives out, and that may have keys for other purposes: those are
 * left out, as are secrets, which nobody else may know.
 * @throws TypeError where none is left, and for what is no set
 */
export function publicKeysOf(set: unknown): JSONWebKeySet {
  const usable = entriesOf(set).filter((key, index): key is JWK => {
    try {
      const { kty, use } = (key ?? {}) as Readonly<Record<string, unknown>>;
      if (kty === "oct" || (use !== undefined && use !== "sig")) return false;
      publicKeyOf(key as Readonly<Record<string, unknown>>, placeOf(key, index));
      return true;
    } catch {
      return false;
    }
  });
  if (usable.length === 0) throw new TypeError("the set has no public key for EdDSA, ES256 or RS256");
  // Only what is needed of each: the rest may be large.
  return {
    keys: usable.map(({ kty, crv, x, y, n, e, kid, alg, use }) => withoutGaps({ kty, crv, x, y, n, e, kid, alg, use })),
  };
}

function withoutGaps(jwk: { readonly [Name in keyof JWK]: JWK[Name] | undefined }): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined)) as unknown as JWK;
}

/** Returns the entries of a set, whatever they are. @throws TypeError */
export function entriesOf(set: unknown): readonly unknown[] {
  const keys = (set as { readonly keys?: unknown } | null | undefined)?.keys;
  if (!Array.isArray(keys)) throw new TypeError('a set of keys is {"keys": [ … ]}');
  if (keys.length === 0) throw new TypeError("the set has no keys");
  if (keys.length > maxKeys) throw new TypeError(`the set has ${keys.length} keys, more than ${maxKeys}`);
  return keys;
}

/** Returns a public key that can be used. @throws TypeError that names its place and the reason */
export function publicKeyOf(jwk: Readonly<Record<string, unknown>>, place: string): JWK {
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

/** Returns the words for a key in a message: its number and its id. */
export function placeOf(key: unknown, index: number): string {
  const id = (key as { readonly kid?: unknown } | null | undefined)?.kid;
  return typeof id === "string"
    ? `key ${index + 1} (${JSON.stringify(id.slice(0, maxShownChars))})`
    : `key ${index + 1}`;
}
