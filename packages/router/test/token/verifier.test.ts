/** The tokens that a verifier remembers, and the keys that it tries. Times are arguments. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { KeyRing, type KeySource, minSecretBytes } from "../../src/token/key-ring.js";
import { routerToken, TokenMinter } from "../../src/token/minter.js";
import { TokenError, TokenVerifier, type VerifiedToken } from "../../src/token/verifier.js";
import { epochMs, rejection } from "../support/router.js";

const first = "the first secret of the tests, long enough";
const second = "the second secret of the tests, long enough";

interface Wanted {
  readonly key?: string;
  readonly kid?: string;
  readonly claims?: object;
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function claimsOf(claims: object = {}): object {
  return { iss: routerToken.issuer, aud: routerToken.audience, sub: "s", exp: epochMs / 1_000 + 60, ...claims };
}

function token({ key = first, kid, claims }: Wanted = {}): string {
  const signed = `${encoded({ alg: "HS256", ...(kid === undefined ? {} : { kid }) })}.${encoded(claimsOf(claims))}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}

function verifierOf(keys: readonly KeySource[], maxCachedTokens = 100) {
  let nowMs = epochMs;
  const verifier = new TokenVerifier(new KeyRing(keys), { ...routerToken, unixNowMs: () => nowMs, maxCachedTokens });
  return {
    verifier,
    wait(ms: number) {
      nowMs += ms;
    },
  };
}

describe("a token that was verified before", () => {
  it("is refused from the moment at which it expires", async () => {
    const { verifier, wait } = verifierOf([{ secret: first }]);
    const given = token();
    await verifier.verify(given);
    wait(59_999);
    expect((await verifier.verify(given)).subject).toBe("s");
    wait(1);
    expect((await rejection(verifier.verify(given))).message).toBe("it has expired");
    expect(verifier.cachedTokens).toBe(0);
  });

  it("is remembered as one of maxCachedTokens at most, the oldest leaving first", async () => {
    const { verifier } = verifierOf([{ secret: first }], 2);
    const tokens = ["a", "b", "c"].map((sub) => token({ claims: { sub } }));
    for (const [index, given] of tokens.entries()) {
      await verifier.verify(given);
      expect(verifier.cachedTokens).toBe(Math.min(index + 1, 2));
    }
    await verifier.verify(tokens[0] as string);
    expect(verifier.cachedTokens).toBe(2);
  });

  it("is not remembered where maxCachedTokens is 0", async () => {
    const { verifier } = verifierOf([{ secret: first }], 0);
    await verifier.verify(token());
    expect(verifier.cachedTokens).toBe(0);
  });
});

describe("a role", () => {
  for (const role of ["listen", "dial", undefined]) {
    it(`may be ${role ?? "absent"}`, async () => {
      const { verifier } = verifierOf([{ secret: first }]);
      expect((await verifier.verify(token({ claims: { role } }))).role).toBe(role);
    });
  }
  for (const role of ["", "Listen", "admin", 1, null, ["dial"]]) {
    it(`may not be ${JSON.stringify(role)}`, async () => {
      const { verifier } = verifierOf([{ secret: first }]);
      const { message } = await rejection(verifier.verify(token({ claims: { role } })));
      expect(message).toBe('its role is neither "listen" nor "dial"');
    });
  }
});

describe("the keys", () => {
  const both = [
    { secret: first, keyId: "1" },
    { secret: second, keyId: "2" },
  ] as const;
  const wrong = "its signature fits no key of this router";

  it("are all tried for a token that names none", async () => {
    const { verifier } = verifierOf(both);
    expect((await verifier.verify(token({ key: first }))).subject).toBe("s");
    expect((await verifier.verify(token({ key: second }))).subject).toBe("s");
    expect((await rejection(verifier.verify(token({ key: `${second}!` })))).message).toBe(wrong);
  });

  it("are not tried for a token that names another one", async () => {
    const { verifier } = verifierOf(both);
    expect((await verifier.verify(token({ key: second, kid: "2" }))).subject).toBe("s");
    expect((await rejection(verifier.verify(token({ key: second, kid: "1" })))).message).toBe(wrong);
    expect((await rejection(verifier.verify(token({ key: first, kid: "3" })))).message).toBe(
      "no key of this router is for its algorithm and key id",
    );
  });

  it("without an id are tried for every token", async () => {
    const { verifier } = verifierOf([{ secret: first }]);
    expect((await verifier.verify(token({ kid: "anything" }))).subject).toBe("s");
  });

  it("sign with the first secret, and name its id", async () => {
    const minted = new TokenMinter(new KeyRing(both), () => epochMs).forStream("x", "dial", 60_000);
    expect(JSON.parse(Buffer.from(minted.split(".")[0] ?? "", "base64url").toString())).toMatchObject({ kid: "1" });
    expect((await verifierOf([both[0]]).verifier.verify(minted)).subject).toBe("x");
    expect((await rejection(verifierOf([{ secret: second }]).verifier.verify(minted))).message).toBe(wrong);
  });
});

describe("a secret", () => {
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(120);

  it("has 32 bytes at least, unless a short one is asked for", () => {
    expect(minSecretBytes).toBe(32);
    expect(new KeyRing([{ secret: bytes(32) }]).canSign).toBe(true);
    expect(new KeyRing([{ secret: "ä".repeat(16) }]).canSign).toBe(true);
    expect(() => new KeyRing([{ secret: bytes(31) }])).toThrow("a secret of 31 bytes is shorter than 32");
    expect(() => new KeyRing([{ secret: "short" }])).toThrow("a secret of 5 bytes is shorter than 32");
    expect(new KeyRing([{ secret: bytes(31), allowShortSecret: true }]).canSign).toBe(true);
    expect(() => new KeyRing([{ secret: "", allowShortSecret: true }])).toThrow("must not be empty");
    expect(() => new KeyRing([{ secret: 7 as never }])).toThrow("a secret is a string or a Uint8Array, not number");
  });

  it("is taken as it is, white space at its edges included, as Jumpstarter's router takes ROUTER_KEY", async () => {
    const padded = ` ${first}\n`;
    const { verifier } = verifierOf([{ secret: padded }]);
    expect((await verifier.verify(token({ key: padded }))).subject).toBe("s");
    expect((await rejection(verifier.verify(token({ key: first })))).message).toContain("fits no key");
  });
});

describe("public keys", () => {
  const pairs = {
    EdDSA: generateKeyPairSync("ed25519"),
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    RS256: generateKeyPairSync("rsa", { modulusLength: 2_048 }),
  };
  type Algorithm = keyof typeof pairs;

  function signed(alg: Algorithm, kid: string, key: KeyObject = pairs[alg].privateKey): string {
    const text = `${encoded({ alg, kid })}.${encoded(claimsOf())}`;
    const bytes = Buffer.from(text);
    const signature =
      alg === "EdDSA"
        ? sign(null, bytes, key)
        : sign("sha256", bytes, alg === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key);
    return `${text}.${signature.toString("base64url")}`;
  }

  const jwks = {
    keys: Object.entries(pairs).map(([alg, { publicKey }]) => ({
      ...publicKey.export({ format: "jwk" }),
      alg,
      kid: alg,
    })),
  };

  for (const alg of ["EdDSA", "ES256", "RS256"] as const) {
    it(`of a set verify ${alg}, and only what their own key has signed`, async () => {
      const { verifier } = verifierOf([{ secret: first }, { jwks }]);
      expect((await verifier.verify(signed(alg, alg))).subject).toBe("s");
      const other = {
        EdDSA: generateKeyPairSync("ed25519"),
        ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
      };
      if (alg !== "RS256")
        expect((await rejection(verifier.verify(signed(alg, alg, other[alg].privateKey)))).message).toContain(
          "fits no key",
        );
      expect((await rejection(verifier.verify(signed(alg, "unknown")))).message).toContain(
        "no key of this router is for its algorithm and key id",
      );
    });
  }

  it("at an address are fetched when they are needed", async () => {
    let fetched = 0;
    const server = createServer((_request, response) => {
      fetched += 1;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(jwks));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const jwksUrl = new URL(`http://127.0.0.1:${port}/keys`);
      const { verifier } = verifierOf([{ secret: first }, { jwksUrl }]);
      expect(fetched).toBe(0);
      expect((await verifier.verify(signed("ES256", "ES256"))).subject).toBe("s");
      expect((await verifier.verify(signed("EdDSA", "EdDSA"))).subject).toBe("s");
      expect(fetched).toBe(1);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it("cannot sign, so that a router refuses to be made of them alone", async () => {
    const ring = new KeyRing([{ jwks }]);
    expect(ring.canSign).toBe(false);
    expect(() => ring.sign({})).toThrow("tokens can be made only with a secret");
    expect(() => new KeyRing([{ jwksUrl: "http://x" as never }])).toThrow("jwksUrl: URL");
  });
});

describe("a token that this process has made", () => {
  const { issuer, audience } = routerToken;
  const secret = "a key of 32 bytes for these tests";

  it("is trusted without a look at its signature, until it expires", async () => {
    let nowMs = epochMs;
    const options = { issuer, audience, unixNowMs: () => nowMs, maxCachedTokens: 10 };
    // Its keys could verify no token of the minter.
    const verifier = new TokenVerifier(new KeyRing([{ secret: secret.toUpperCase() }]), options);
    const minter = new TokenMinter(
      new KeyRing([{ secret }]),
      () => nowMs,
      (token, claims) => verifier.trust(token, claims),
    );
    const token = minter.forStream("s", "dial", 60_000);
    expect(await verifier.verify(token)).toMatchObject({
      subject: "s",
      role: "dial",
      expiresAtUnixMs: epochMs + 60_000,
    });
    const forged = token.replace(/.$/, (last) => (last === "A" ? "E" : "A"));
    await expect(verifier.verify(forged)).rejects.toThrow(TokenError);
    nowMs += 60_000;
    await expect(verifier.verify(token)).rejects.toThrow("it has expired");
  });

  it("is the same that a verifier with the key reads", async () => {
    let trusted: VerifiedToken | undefined;
    const keys = new KeyRing([{ secret, keyId: "k" }]);
    const minter = new TokenMinter(
      keys,
      () => epochMs,
      (_, claims) => {
        trusted = claims;
      },
    );
    const token = minter.forStream("s", "listen", 1_500);
    const verifier = new TokenVerifier(keys, { issuer, audience, unixNowMs: () => epochMs, maxCachedTokens: 0 });
    expect(await verifier.verify(token)).toEqual(trusted);
  });
});
