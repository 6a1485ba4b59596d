/** Issuers of tokens for the exchange beside the router itself, such as a provider of OpenID Connect. */
import { checkOptionNames, optionNames } from "@trunkline/base";
import { decodeJwt, type JSONWebKeySet } from "jose";
import { KeyRing } from "./key-ring.js";
import { RemoteKeys, type RemoteKeysContext, type RemoteServer } from "./remote-keys.js";
import { TokenVerifier, type TokenVerifierOptions, type VerifiedToken } from "./verifier.js";

/**
 * An issuer whose tokens say who a user of the exchange is. Its keys verify no other tokens: none for streams, and none
 * of another issuer.
 */
export interface IdentityIssuer extends RemoteServer {
  /** The issuer as its tokens name it (`iss`); with OpenID Connect the address that its configuration is found at. */
  readonly issuer: string;
  /** The audience that its tokens must name (`aud`), so that tokens for other services are refused. */
  readonly audience: string;
  /**
   * The claim whose text is the identity. Default `sub`, which the issuer never gives to another user; with `email`, a
   * token must say that the address is verified.
   */
  readonly identityClaim?: string | undefined;
  /**
   * Text before each identity, such as `sso:`, so that no user of the issuer has an identity that the router's own
   * tokens have. Default: none.
   */
  readonly identityPrefix?: string | undefined;
  /** The address of its keys. Default: the one that its OpenID configuration names. */
  readonly jwksUrl?: URL | undefined;
  /** The keys of the issuer, where they are known and never change. Default: they are fetched. */
  readonly jwks?: JSONWebKeySet | undefined;
}

const issuerOptionNames = optionNames<IdentityIssuer>({
  issuer: true,
  audience: true,
  identityClaim: true,
  identityPrefix: true,
  jwksUrl: true,
  jwks: true,
  ca: true,
  allowHttp: true,
  refreshMs: true,
  minRefreshMs: true,
  fetchTimeoutMs: true,
  maxDocumentBytes: true,
  maxStaleMs: true,
});

type SharedOptions = Omit<TokenVerifierOptions, "issuer" | "audience" | "identity">;

/** Verifies the tokens of users of the exchange: each by the keys of the issuer that it names, and by no others. */
export class IdentityVerifier {
  readonly #own: TokenVerifier;
  readonly #byIssuer: Map<string, { readonly verifier: TokenVerifier; readonly remote: RemoteKeys | undefined }> =
    new Map();

  /** @throws TypeError for an issuer that cannot be used, or that is there twice */
  constructor(
    own: TokenVerifier,
    issuers: readonly IdentityIssuer[],
    options: SharedOptions,
    context: Omit<RemoteKeysContext, "onChange">,
  ) {
    this.#own = own;
    for (const issuer of issuers) {
      checkIssuer(issuer);
      if (issuer.issuer === own.issuer || this.#byIssuer.has(issuer.issuer))
        throw new TypeError(`the issuer ${JSON.stringify(issuer.issuer)} is there twice`);
      this.#byIssuer.set(issuer.issuer, entryOf(issuer, options, context));
    }
  }

  /** Fetches the keys of all issuers. */
  start(): void {
    for (const { remote } of this.#byIssuer.values()) remote?.start();
  }

  /** Fetches the keys of all issuers again. */
  refresh(): void {
    for (const { remote } of this.#byIssuer.values()) remote?.refresh();
  }

  close(): void {
    for (const { remote } of this.#byIssuer.values()) remote?.close();
  }

  /** @throws TokenError, KeysUnavailableError */
  verify(token: string): Promise<VerifiedToken> {
    const entry = this.#byIssuer.size === 0 ? undefined : this.#byIssuer.get(namedIssuer(token));
    return (entry?.verifier ?? this.#own).verify(token);
  }
}

/** Returns the issuer that a token names, before anything of it is verified; empty where it names none. */
function namedIssuer(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch {
    return "";
  }
}

function checkIssuer(issuer: IdentityIssuer): void {
  checkOptionNames("an issuer", issuer, issuerOptionNames);
  const { identityClaim = "sub", identityPrefix = "", audience, jwks, jwksUrl } = issuer;
  for (const [name, text] of Object.entries({ issuer: issuer.issuer, audience, identityClaim })) {
    if (typeof text !== "string" || text === "") throw new TypeError(`the ${name} of an issuer must be text`);
  }
  if (typeof identityPrefix !== "string") throw new TypeError("the identityPrefix of an issuer must be text");
  if (jwks !== undefined && jwksUrl !== undefined) throw new TypeError("an issuer has jwks or jwksUrl, not both");
}

function entryOf(
  issuer: IdentityIssuer,
  options: SharedOptions,
  context: Omit<RemoteKeysContext, "onChange">,
): { readonly verifier: TokenVerifier; readonly remote: RemoteKeys | undefined } {
  const { issuer: name, audience, identityClaim = "sub", identityPrefix = "", jwks, jwksUrl } = issuer;
  const remote =
    jwks === undefined
      ? new RemoteKeys(jwksUrl === undefined ? { issuer: name } : { jwksUrl }, issuer, {
          ...context,
          onChange: () => verifier.forget(),
        })
      : undefined;
  const keys = new KeyRing([remote === undefined ? { jwks: jwks as JSONWebKeySet } : { find: remote.find }]);
  const verifier = new TokenVerifier(keys, {
    ...options,
    issuer: name,
    audience,
    identity: { claim: identityClaim, prefix: identityPrefix },
  });
  return { verifier, remote };
}
