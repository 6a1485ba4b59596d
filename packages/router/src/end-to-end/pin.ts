/**
 * Pins of keys: the SHA-256 of a public key (of its SubjectPublicKeyInfo), in the form that curl's `--pinnedpubkey`
 * has.
 */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";

const prefix = "sha256//";

/** Returns the pin of a public key, or of the key of a certificate: `sha256//` and 44 characters of base64. */
export function pinOf(subject: KeyObject | X509Certificate): string {
  const key = subject instanceof X509Certificate ? subject.publicKey : publicPart(subject);
  return (
    prefix +
    createHash("sha256")
      .update(key.export({ type: "spki", format: "der" }))
      .digest("base64")
  );
}

function publicPart(key: KeyObject): KeyObject {
  return key.type === "private" ? createPublicKey(key) : key;
}

/** Returns the pin as `pinOf` writes it. @throws TypeError for text that is none */
export function parsePin(text: string): string {
  const digest = /^sha256\/\/([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
  // A digest whose last bits are not zero would never equal one that was computed.
  if (digest !== undefined && Buffer.from(digest, "base64").toString("base64") === digest) return prefix + digest;
  throw new TypeError(`${JSON.stringify(text.slice(0, 100))} is no pin: it has the form sha256//BASE64, of 32 bytes`);
}
