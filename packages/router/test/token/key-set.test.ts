/** Sets of keys: what is in them, and every kind of mistake with the key that has it. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { keysOfSet } from "../../src/index.js";
import { maxKeys } from "../../src/token/public-keys.js";

const k = Buffer.alloc(64, 7).toString("base64url");
const publicJwk = (pair: { publicKey: { export(options: { format: "jwk" }): object } }): object =>
  pair.publicKey.export({ format: "jwk" });
const ed = generateKeyPairSync("ed25519");
const rsa = publicJwk(generateKeyPairSync("rsa", { modulusLength: 1_024 }));
const p384 = publicJwk(generateKeyPairSync("ec", { namedCurve: "P-384" }));
const p256 = publicJwk(generateKeyPairSync("ec", { namedCurve: "P-256" }));

const mistakes: readonly (readonly [what: string, set: unknown, message: string])[] = [
  ["nothing", undefined, 'a set of keys is {"keys": [ … ]}'],
  ["null", null, 'a set of keys is {"keys": [ … ]}'],
  ["keys that are no list", { keys: {} }, 'a set of keys is {"keys": [ … ]}'],
  ["no key", { keys: [] }, "the set has no keys"],
  [
    "too many keys",
    { keys: Array(maxKeys + 1).fill({ kty: "oct", k }) },
    `the set has ${maxKeys + 1} keys, more than 100`,
  ],
  ["text for a key", { keys: ["oct"] }, "key 1 is no JSON object"],
  ["null for a key", { keys: [null] }, "key 1 is no JSON object"],
  ["an id that is a number", { keys: [{ kty: "oct", k, kid: 1 }] }, "the id (kid) of key 1 is not text"],
  [
    "an id twice",
    {
      keys: [
        { kty: "oct", k, kid: "a" },
        { kty: "oct", k, kid: "a" },
      ],
    },
    'key 2 ("a") has the id of an earlier key',
  ],
  ["a kind that is unknown", { keys: [{ kty: "toString" }] }, "kty of key 1 is none of oct, OKP, EC, RSA"],
  ["a secret that is none", { keys: [{ kty: "oct" }] }, "k of key 1 is not base64url"],
  ["a secret in another coding", { keys: [{ kty: "oct", k: "a+b/" }] }, "k of key 1 is not base64url"],
  [
    "a secret for another algorithm",
    { keys: [{ kty: "oct", k, alg: "RS256" }] },
    "alg of key 1 is none of HS256, HS384, HS512",
  ],
  [
    "a public key for a secret's algorithm",
    { keys: [{ ...p256, alg: "HS256" }] },
    "alg of key 1 is not ES256, for which keys of its kind are here",
  ],
  [
    "a private key",
    { keys: [{ ...ed.privateKey.export({ format: "jwk" }), kid: "mine" }] },
    'key 1 ("mine") has a private part (d); a router needs the public one, and must not see the other',
  ],
  ["another curve", { keys: [p384] }, "crv of key 1 is not P-256"],
  ["a short RSA key", { keys: [rsa] }, "key 1 has 1024 bits, less than 2048"],
  [
    "a public key without its parts",
    { keys: [{ kty: "EC", crv: "P-256" }] },
    "key 1 is no public key that can be used",
  ],
];

describe("a set of keys", () => {
  it.each(mistakes)("with %s is refused by name", (_, set, message) => {
    expect(() => keysOfSet(set)).toThrow(new TypeError(message));
  });

  it("has secrets in their order, and all public keys in one set", () => {
    const edPublic = publicJwk(ed);
    const set = { keys: [{ kty: "oct", k, kid: "new", alg: "HS512" }, edPublic, { kty: "oct", k }, p256] };
    const secret = new Uint8Array(64).fill(7);
    expect(keysOfSet(set)).toEqual([
      { secret, keyId: "new", algorithm: "HS512" },
      { secret, keyId: undefined, algorithm: undefined },
      { jwks: { keys: [edPublic, p256] } },
    ]);
  });

  it("shows nothing of a key in its messages", () => {
    for (const [, set] of mistakes) {
      try {
        keysOfSet(set);
      } catch (error) {
        expect((error as Error).message).not.toContain(k.slice(0, 8));
      }
    }
  });
});
