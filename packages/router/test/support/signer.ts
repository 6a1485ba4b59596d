/** A key of an issuer of its own, the tokens that it signs, and the public part as a JWK. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { JWK } from "jose";

export type PublicAlgorithm = "EdDSA" | "ES256" | "RS256";

const makers: Readonly<Record<PublicAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  EdDSA: () => generateKeyPairSync("ed25519"),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }),
};

export class Signer {
  readonly alg: PublicAlgorithm;
  readonly jwk: JWK;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor(kid: string, alg: PublicAlgorithm = "EdDSA") {
    const { publicKey, privateKey } = makers[alg]();
    this.alg = alg;
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
    this.jwk = { ...publicKey.export({ format: "jwk" }), kid, alg } as JWK;
  }

  /** Returns a signed token; `header` may lie. */
  token(claims: object, header: object = {}): string {
    const text = `${encoded({ alg: this.alg, kid: this.jwk.kid, ...header })}.${encoded(claims)}`;
    const key = this.#privateKey;
    const bytes = Buffer.from(text);
    const signature =
      this.alg === "EdDSA"
        ? sign(null, bytes, key)
        : sign("sha256", bytes, this.alg === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key);
    return `${text}.${signature.toString("base64url")}`;
  }
}

export function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
