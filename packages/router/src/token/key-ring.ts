/** The keys that tokens are checked and signed with: shared secrets, several during a rotation, and sets of public keys. Each is imported once. */
import { webcrypto } from "node:crypto";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  type ProtectedHeaderParameters,
  SignJWT,
} from "jose";

/** A secret for HS256, HS384 and HS512, as Jumpstarter's `ROUTER_KEY` (text stands for its UTF-8 bytes). */
export interface SecretKeySource {
  readonly secret: string | Uint8Array;
  /** `kid` of the tokens that are signed with it; tokens that name another key are not tried with it. */
  readonly keyId?: string | undefined;
}

/** Public keys for EdDSA, ES256 and RS256: a set, or where it is to be had. A remote set is fetched when it is needed, and again when it has not the key. */
export type PublicKeySource = { readonly jwks: JSONWebKeySet } | { readonly jwksUrl: URL };

export type KeySource = SecretKeySource | PublicKeySource;

const hashes = { HS256: "SHA-256", HS384: "SHA-384", HS512: "SHA-512" } as const;
type HmacAlgorithm = keyof typeof hashes;

const publicAlgorithms = ["EdDSA", "Ed25519", "ES256", "RS256"];

/** Verifies a token with some of the keys. */
type Check = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

export class KeyRing {
  readonly #secrets: readonly Secret[];
  readonly #publicKeys: readonly JWTVerifyGetKey[];

  /** @throws TypeError where there is no key, or one that is none */
  constructor(sources: readonly KeySource[]) {
    if (!Array.isArray(sources) || sources.length === 0)
      throw new TypeError("a router needs at least one key to check tokens with");
    this.#secrets = sources.flatMap((source) => ("secret" in source ? [new Secret(source)] : []));
    this.#publicKeys = sources.flatMap((source) => ("secret" in source ? [] : [publicKeys(source)]));
  }

  /** True if tokens can be made with it too. */
  get canSign(): boolean {
    return this.#secrets.length > 0;
  }

  /**
   * The claims of a token that one of the keys has signed and jose finds in order.
   * @throws jose's JOSEError
   */
  async verify(token: string, header: ProtectedHeaderParameters, options: JWTVerifyOptions): Promise<JWTPayload> {
    const { alg = "", kid } = header;
    let failure: unknown = new errors.JOSEAlgNotAllowed(
      `no key here is for algorithm ${JSON.stringify(alg.slice(0, 16))}`,
    );
    for (const check of this.#checks(alg, kid)) {
      try {
        return await check(token, options);
      } catch (error) {
        // Another key may fit; whatever else is wrong, is wrong with every key.
        if (!(error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey))
          throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #checks(alg: string, kid: string | undefined): Check[] {
    if (isHmac(alg)) {
      const fitting = this.#secrets.filter(({ keyId }) => kid === undefined || keyId === undefined || keyId === kid);
      return fitting.map((secret) => async (token, options) => {
        const { payload } = await jwtVerify(token, await secret.key(alg), { ...options, algorithms: [alg] });
        return payload;
      });
    }
    return this.#publicKeys.map((keys) => async (token, options) => {
      const { payload } = await jwtVerify(token, keys, { ...options, algorithms: publicAlgorithms });
      return payload;
    });
  }

  /** A token with these claims, signed with the first secret. @throws TypeError where there is none */
  async sign(claims: JWTPayload): Promise<string> {
    const [secret] = this.#secrets;
    if (secret === undefined)
      throw new TypeError("tokens can be made only with a secret, and this router has public keys alone");
    const { keyId } = secret;
    const header = keyId === undefined ? { alg: "HS256", typ: "JWT" } : { alg: "HS256", typ: "JWT", kid: keyId };
    return new SignJWT(claims).setProtectedHeader(header).sign(await secret.key("HS256"));
  }
}

class Secret {
  readonly keyId: string | undefined;
  readonly #bytes: Uint8Array;
  readonly #keys: Map<HmacAlgorithm, Promise<webcrypto.CryptoKey>> = new Map();

  constructor({ secret, keyId }: SecretKeySource) {
    this.#bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : Uint8Array.from(secret);
    if (this.#bytes.length === 0) throw new TypeError("a secret key must not be empty");
    this.keyId = keyId;
  }

  key(algorithm: HmacAlgorithm): Promise<webcrypto.CryptoKey> {
    let key = this.#keys.get(algorithm);
    if (key === undefined) {
      const kind = { name: "HMAC", hash: hashes[algorithm] };
      key = webcrypto.subtle.importKey("raw", this.#bytes, kind, false, ["sign", "verify"]);
      this.#keys.set(algorithm, key);
    }
    return key;
  }
}

function publicKeys(source: PublicKeySource): JWTVerifyGetKey {
  if ("jwks" in source) return createLocalJWKSet(source.jwks);
  if (source.jwksUrl instanceof URL) return createRemoteJWKSet(source.jwksUrl);
  throw new TypeError("a key is { secret }, { jwks } or { jwksUrl: URL }");
}

function isHmac(algorithm: string): algorithm is HmacAlgorithm {
  return Object.hasOwn(hashes, algorithm);
}
