/**
 * A provider of OpenID Connect (npm `oidc-provider`) on loopback, whose keys may change, and which may be away. Its
 * clients get access tokens that are JWTs by the grant of client credentials.
 */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import http from "node:http";

const clientSecret = "a-secret-that-only-this-judge-knows";

/** @type {Readonly<Record<string, () => import("node:crypto").KeyPairKeyObjectResult>>} */
const makers = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

/** Returns a new private key as a JWK. @param {string} kid @param {string} alg */
export function newKey(kid, alg) {
  return { ...makers[alg]().privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

export class TestProvider {
  /** The number of requests for the keys. */
  keyRequests = 0;
  #Provider;
  #port;
  #server;

  /** @param {any} Provider the class of oidc-provider @param {number} port */
  constructor(Provider, port) {
    this.#Provider = Provider;
    this.#port = port;
  }

  get issuer() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Begins to serve with these keys, of which the first of an algorithm signs. @param {readonly object[]} keys */
  async start(keys) {
    const provider = new this.#Provider(this.issuer, {
      jwks: { keys },
      clients: ["board", "user"].map((client_id) => ({
        client_id,
        client_secret: clientSecret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      })),
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_context, resource) => {
            const { searchParams, origin } = new URL(resource);
            return {
              audience: origin,
              scope: "",
              accessTokenTTL: Number(searchParams.get("ttl")),
              accessTokenFormat: "jwt",
              jwt: { sign: { alg: searchParams.get("alg") } },
            };
          },
        },
      },
      enabledJWA: { clientAuthSigningAlgValues: ["RS256"] },
    });
    provider.on("server_error", (_context, error) => console.error(error));
    const serve = provider.callback();
    this.#server = http.createServer((request, response) => {
      if (request.url === "/jwks") this.keyRequests += 1;
      serve(request, response);
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Ends the provider, or what serves in its place. */
  async stop() {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
  }

  /** Serves something else in its place. @param {import("node:http").RequestListener} listener */
  async startOther(listener) {
    this.#server = http.createServer(listener);
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /**
   * Gets a token as its client does. @param {string} client
   * @param {{ audience?: string, alg?: string, ttlSeconds?: number }} [options]
   */
  async token(client, { audience = "https://lab.example", alg = "RS256", ttlSeconds = 300 } = {}) {
    const response = await fetch(`${this.issuer}/token`, {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`${client}:${clientSecret}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: new URLSearchParams({
        grant_type: "client_credentials",
        resource: `${audience}/?alg=${alg}&ttl=${ttlSeconds}`,
      }),
    });
    const answer = /** @type {any} */ (await response.json());
    if (typeof answer.access_token !== "string") throw new Error(`no token: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }
}
