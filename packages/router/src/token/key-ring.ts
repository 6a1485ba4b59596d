/**
 * The keys that tokens are verified and signed with: shared secrets, several during a rotation, and sets of public
 * keys. Each is imported once.
 */
import { Buffer } from "node:buffer";
import { webcrypto } from "node:crypto";
import { checkOptionNames, isBytes, isUrl, optionNames } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import {
  createLocalJWKSet,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  type ProtectedHeaderParameters,
} from "jose";
import { type HmacHash, HmacKey } from "./hmac.js";
import { KeysUnavailableError, RemoteKeys, type RemoteKeysContext, type RemoteServer } from "./remote-keys.js";

/** A secret for HS256, HS384 and HS512, as Jumpstarter's `ROUTER_KEY`. */
export interface SecretKeySource {
  /**
   * The secret, taken as it is: text stands for its UTF-8 bytes, white space at its edges included. At least 32 bytes.
   */
  readonly secret: string | Uint8Array;
  /** The `kid` of the tokens that are signed with the secret; tokens that name another key are not verified with it. */
  readonly keyId?: string | undefined;
  /**
   * The one algorithm that the secret is for: it signs with it, and verifies no token with another one. Default: it
   * signs by HS256 and verifies all three.
   */
  readonly algorithm?: SecretAlgorithm | undefined;
  /**
   * True takes a secret below 32 bytes, as Jumpstarter's router does. Default false: HMAC with SHA-256 is only as
   * strong as its key, and a short one can be found from a single token.
   */
  readonly allowShortSecret?: boolean | undefined;
}

const secretKeyNames = optionNames<SecretKeySource>({
  secret: true,
  keyId: true,
  algorithm: true,
  allowShortSecret: true,
});

/** The fewest bytes of a secret: the output of SHA-256, which RFC 7518 §3.2 demands for HS256. */
export const minSecretBytes = 32;

/**
 * A set of public keys at an address, from where it is fetched when it is needed, by a timer, and when it lacks a key.
 */
export interface RemoteKeySource extends RemoteServer {
  readonly jwksUrl: URL;
}

const remoteKeyNames = optionNames<RemoteKeySource>({
  jwksUrl: true,
  ca: true,
  allowHttp: true,
  refreshMs: true,
  minRefreshMs: true,
  fetchTimeoutMs: true,
  maxDocumentBytes: true,
  maxStaleMs: true,
});

/** Public keys for EdDSA, ES256 and RS256: a set, or the address of one. */
export type PublicKeySource = { readonly jwks: JSONWebKeySet } | RemoteKeySource;

const localKeyNames: ReadonlySet<string> = new Set(["jwks"]);

/** A source of keys: a secret, or public keys. */
export type KeySource = SecretKeySource | PublicKeySource;

/** An algorithm for secrets. */
export type SecretAlgorithm = "HS256" | "HS384" | "HS512";

/** The hash of an algorithm, with its names in Web Crypto and in Node, and the fewest bytes of a secret for it. */
interface SecretHash {
  readonly name: string;
  readonly hmac: HmacHash;
  readonly bytes: number;
}

const hashes: Readonly<Record<SecretAlgorithm, SecretHash>> = {
  HS256: { name: "SHA-256", hmac: "sha256", bytes: minSecretBytes },
  HS384: { name: "SHA-384", hmac: "sha384", bytes: 48 },
  HS512: { name: "SHA-512", hmac: "sha512", bytes: 64 },
};

/** The names of the algorithms for secrets. */
export const secretAlgorithms = Object.keys(hashes) as readonly SecretAlgorithm[];

/** Returns true for the name of an algorithm for secrets. */
export function isSecretAlgorithm(name: unknown): name is SecretAlgorithm {
  return typeof name === "string" && Object.hasOwn(hashes, name);
}

const publicAlgorithms = ["EdDSA", "Ed25519", "ES256", "RS256"];

/** Public keys that are found in another way. */
interface FoundKeySource {
  readonly find: JWTVerifyGetKey;
}

type RingSource = KeySource | FoundKeySource;

/** Verifies a token with some of the keys. */
type Check = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>;

export class KeyRing {
  #secrets: readonly Secret[] = [];
  #publicKeys: readonly JWTVerifyGetKey[] = [];
  /** The keys that are fetched, by their address and the options of fetching them. */
  #remote: ReadonlyMap<string, RemoteKeys> = new Map();
  readonly #context: RemoteKeysContext;

  /**
   * `context` is needed for keys that are fetched. @throws TypeError where there is no key, or one that cannot be used
   */
  constructor(sources: readonly RingSource[], context: RemoteKeysContext = quietContext) {
    this.#context = context;
    this.replace(sources);
  }

  /**
   * Exchanges all keys; those of an address that stays are not fetched anew. @throws TypeError as the constructor, and
   * the old keys stay
   */
  replace(sources: readonly RingSource[]): void {
    if (!Array.isArray(sources) || sources.length === 0)
      throw new TypeError("a router needs at least one key to verify tokens with");
    const secrets = sources.flatMap((source) => ("secret" in source ? [new Secret(source)] : []));
    if (this.canSign && secrets.length === 0)
      throw new TypeError("a router that makes tokens needs a secret among its new keys");
    const remote = new Map<string, RemoteKeys>();
    const others = sources.flatMap((source) => ("secret" in source ? [] : [this.#publicKeysOf(source, remote)]));
    for (const [way, keys] of this.#remote) if (!remote.has(way)) keys.close();
    this.#secrets = secrets;
    this.#publicKeys = others;
    this.#remote = remote;
  }

  #publicKeysOf(source: PublicKeySource | FoundKeySource, remote: Map<string, RemoteKeys>): JWTVerifyGetKey {
    if ("find" in source) return source.find;
    if ("jwks" in source) {
      checkOptionNames("a key with jwks", source, localKeyNames);
      return createLocalJWKSet(source.jwks);
    }
    if (!isUrl(source.jwksUrl)) throw new TypeError("a key is { secret }, { jwks } or { jwksUrl: URL }");
    checkOptionNames("a key with jwksUrl", source, remoteKeyNames);
    const way = JSON.stringify({ ...source, jwksUrl: source.jwksUrl.href, ca: source.ca?.toString() });
    const keys = remote.get(way) ?? this.#remote.get(way) ?? new RemoteKeys(source, source, this.#context);
    remote.set(way, keys);
    return keys.find;
  }

  /** Fetches the keys of all addresses. */
  start(): void {
    for (const keys of this.#remote.values()) keys.start();
  }

  /** Fetches the keys of all addresses again. */
  refresh(): void {
    for (const keys of this.#remote.values()) keys.refresh();
  }

  /** Fetches no more. */
  close(): void {
    for (const keys of this.#remote.values()) keys.close();
  }

  /** True if tokens can be made, too: there is a secret. */
  get canSign(): boolean {
    return this.#secrets.length > 0;
  }

  /**
   * Returns the claims of a token that one of the keys has signed and jose accepts.
   * @throws jose's JOSEError
   */
  async verify(token: string, header: ProtectedHeaderParameters, options: JWTVerifyOptions): Promise<JWTPayload> {
    const { alg = "", kid } = header;
    let failure: unknown;
    for (const check of this.#checks(alg, kid)) {
      try {
        return await check(token, options);
      } catch (error) {
        // Another key may fit; every other fault stays the same with every key.
        if (!isOfKey(error)) throw error;
        if (!(failure instanceof KeysUnavailableError)) failure = error;
      }
    }
    throw failure ?? new errors.JOSEAlgNotAllowed(`no key here is for algorithm ${JSON.stringify(alg.slice(0, 16))}`);
  }

  #checks(alg: string, kid: string | undefined): Check[] {
    if (isSecretAlgorithm(alg)) {
      const fitting = this.#secrets.filter((secret) => secret.fits(alg, kid));
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

  /**
   * Returns a token with these claims, signed with the first secret by its algorithm. It is made at once: a thread pool
   * takes longer to begin than the signature takes. @throws TypeError where there is no secret
   */
  sign(claims: JWTPayload): string {
    const [secret] = this.#secrets;
    if (secret === undefined)
      throw new TypeError("tokens can be made only with a secret, and this router has public keys alone");
    const text = `${secret.header}.${base64Url(claims)}`;
    return `${text}.${secret.signature(text)}`;
  }
}

/** Returns true for a fault that another key may not have. */
function isOfKey(error: unknown): boolean {
  return (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof KeysUnavailableError
  );
}

function base64Url(part: object): string {
  return Buffer.from(JSON.stringify(part), "utf8").toString("base64url");
}

class Secret {
  readonly keyId: string | undefined;
  /** The algorithm with which the secret signs. */
  readonly signs: SecretAlgorithm;
  /** The protected header of all tokens that are signed with the secret. */
  readonly header: string;
  readonly #algorithm: SecretAlgorithm | undefined;
  readonly #bytes: Uint8Array;
  readonly #signingKey: HmacKey;
  readonly #keys: Map<SecretAlgorithm, Promise<webcrypto.CryptoKey>> = new Map();

  constructor(source: SecretKeySource) {
    checkOptionNames("a secret key", source, secretKeyNames);
    const { secret, keyId, algorithm, allowShortSecret = false } = source;
    if (typeof secret !== "string" && !isBytes(secret))
      throw new TypeError(`a secret is a string or a Uint8Array, not ${secret === null ? "null" : typeof secret}`);
    this.#bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : Uint8Array.from(secret);
    const { length } = this.#bytes;
    if (length === 0) throw new TypeError("a secret must not be empty");
    if (algorithm !== undefined && !isSecretAlgorithm(algorithm))
      throw new TypeError(`the algorithm of a secret is one of ${secretAlgorithms.join(", ")}`);
    this.signs = algorithm ?? "HS256";
    const least = hashes[this.signs].bytes;
    if (length < least && !allowShortSecret) {
      const what = `a secret of ${length} bytes is shorter than ${least}`;
      throw new TypeError(`${what}, so that it could be found (allowShortSecret)`);
    }
    this.keyId = keyId;
    this.#algorithm = algorithm;
    this.#signingKey = new HmacKey(hashes[this.signs].hmac, this.#bytes);
    const alg = this.signs;
    this.header = base64Url(keyId === undefined ? { alg, typ: "JWT" } : { alg, typ: "JWT", kid: keyId });
  }

  /** Returns true if a token with this header may be verified with the secret. */
  fits(algorithm: SecretAlgorithm, keyId: string | undefined): boolean {
    if (this.#algorithm !== undefined && this.#algorithm !== algorithm) return false;
    return keyId === undefined || this.keyId === undefined || this.keyId === keyId;
  }

  /** Returns the signature of the algorithm with which the secret signs, in base64url. */
  signature(text: string): string {
    return this.#signingKey.sign(text);
  }

  key(algorithm: SecretAlgorithm): Promise<webcrypto.CryptoKey> {
    let key = this.#keys.get(algorithm);
    if (key === undefined) {
      const kind = { name: "HMAC", hash: hashes[algorithm].name };
      key = webcrypto.subtle.importKey("raw", this.#bytes, kind, false, ["sign", "verify"]);
      this.#keys.set(algorithm, key);
    }
    return key;
  }
}

const quietContext: RemoteKeysContext = { clock: systemClock, onChange() {}, onEvent() {} };
