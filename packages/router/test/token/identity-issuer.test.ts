/** Users of other issuers at the exchange, and the tokens that look like theirs and are not. */
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "@trunkline/base/testing";
import { Status } from "@trunkline/grpc";
import { describe, expect, it } from "vitest";
import type { IdentityIssuer, RouterOptions } from "../../src/index.js";
import { Router } from "../../src/index.js";
import { advance, epochMs, rejection, secret, streamClaims, testRouter, until } from "../support/router.js";
import { encoded, Signer } from "../support/signer.js";

const signer = new Signer("k1");
const issuer = "https://login.example.org";
const audience = "trunkline-lab";
const jwks = { keys: [signer.jwk] };
const nowS = epochMs / 1_000;
const claims = (more: object = {}): object => ({ iss: issuer, aud: audience, sub: "ada", exp: nowS + 600, ...more });

function routerFor(issuers: readonly Partial<IdentityIssuer>[], options: Partial<RouterOptions> = {}) {
  const clock = new VirtualClock();
  const full = issuers.map((one) => ({ issuer, audience, ...one }));
  return { clock, test: testRouter({ issuers: full, clock, ...options }) };
}

async function outcome(token: string, one: Partial<IdentityIssuer> = {}): Promise<string> {
  const { test } = routerFor([{ jwks, ...one }]);
  await using _ = test;
  const client = await test.client("any", { token });
  const refusal = await client.listen("web").then(
    (listener) => listener.close().then(() => undefined),
    (error: Error) => error.message,
  );
  if (refusal !== undefined) return refusal;
  const event = test.events.find(({ kind }) => kind === "listening") as { identity: string };
  return `identity ${event.identity}`;
}

describe("a token of another issuer", () => {
  it("names its user by the claim, behind the prefix", async () => {
    expect(await outcome(signer.token(claims()))).toBe("identity ada");
    const claim = { identityClaim: "name", identityPrefix: "sso:" };
    expect(await outcome(signer.token(claims({ name: "Ada L" })), claim)).toBe("identity sso:Ada L");
    const mail = { identityClaim: "email" };
    const email = "ada@example.org";
    expect(await outcome(signer.token(claims({ email, email_verified: true })), mail)).toBe(`identity ${email}`);
    expect(await outcome(signer.token(claims({ email, email_verified: "true" })), mail)).toContain("is not verified");
    // Claims that mean something in a router's own tokens mean nothing here.
    expect(await outcome(signer.token(claims({ role: "admin", attempt: "x", iat: nowS + 9 })))).toBe("identity ada");
  });

  const wrong: [what: string, token: string, reason: string, one?: Partial<IdentityIssuer>][] = [
    ["has expired", signer.token(claims({ exp: nowS })), "it has expired"],
    ["never expires", signer.token(claims({ exp: undefined })), "it has no expiry (exp)"],
    ["expires in milliseconds", signer.token(claims({ exp: epochMs * 1_000 })), "is not a date"],
    ["is for another audience", signer.token(claims({ aud: "other" })), "it is for another audience"],
    ["is not valid yet", signer.token(claims({ nbf: nowS + 60 })), "it is not valid yet"],
    ["has no identity", signer.token(claims()), 'the claim "name", which names its user', { identityClaim: "name" }],
    ["has a list for an identity", signer.token(claims({ sub: ["a"] })), "invalid jwt token"],
    ["has an empty identity", signer.token(claims({ sub: "" })), 'the claim "sub", which names its user, is not text'],
    ["has a long identity", signer.token(claims({ sub: "x".repeat(256) })), "has 256 characters, more than 255"],
    ["has control characters", signer.token(claims({ sub: "a\nb" })), "has control characters"],
    ["has a direction mark", signer.token(claims({ sub: "a\u202eb" })), "has control characters"],
    ["is signed by another key", new Signer("k1").token(claims()), "its signature fits no key"],
    ["names an unknown key", signer.token(claims(), { kid: "k2" }), "no key of this router is for"],
    ["names another issuer", signer.token(claims({ iss: "https://evil.example" })), "no key of this router is for"],
    ["names the router as its issuer", signer.token(claims({ iss: "trunkline", aud: "trunkline-exchange" })), "no key"],
    ["uses the prototype as a claim", signer.token(claims()), "is not text", { identityClaim: "constructor" }],
  ];
  it.each(wrong)("that %s is refused", async (_, token, reason, one) => {
    const message = await outcome(token, one);
    expect(message).toContain(reason);
    expect(message).not.toContain(token.split(".")[2]);
  });

  it("is no token for a stream, though its key is good", async () => {
    const { test } = routerFor([{ jwks }]);
    await using _ = test;
    const token = signer.token(streamClaims("s", epochMs));
    const call = test.plainCall("s", { authorization: `Bearer ${token}` });
    expect(await rejection(call.receive())).toMatchObject({ status: Status.UNAUTHENTICATED });
  });

  it("that is signed by the router's own secret is not its issuer's", async () => {
    const text = `${encoded({ alg: "HS256" })}.${encoded(claims())}`;
    const token = `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
    expect(await outcome(token)).toContain("no key of this router is for its algorithm");
  });

  it("is good a little longer with clockToleranceMs", async () => {
    const { test, clock } = routerFor([{ jwks }], { clockToleranceMs: 5_000 });
    await using _ = test;
    const token = signer.token(claims({ exp: nowS + 10, nbf: nowS + 5 }));
    const client = await test.client("any", { token });
    expect(await client.list()).toEqual([]);
    await advance(clock, 14_999);
    expect(await client.list()).toEqual([]);
    await advance(clock, 1);
    expect((await rejection(client.list())).message).toContain("it has expired");
  });
});

describe("an issuer", () => {
  it("whose keys are away makes callers try again later, and is said once", async () => {
    let answers = false;
    const server = createServer((request, response) => {
      const origin = `http://${request.headers.host}`;
      if (!answers) response.writeHead(503).end();
      else if (request.url === "/keys") response.end(JSON.stringify(jwks));
      else response.end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/keys` }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { test, clock } = routerFor([{ issuer: origin }]);
    await using _ = test;
    try {
      const client = await test.client("any", { token: signer.token(claims({ iss: origin })) });
      for (let call = 0; call < 3; call += 1)
        expect(await rejection(client.list())).toMatchObject({ status: Status.UNAVAILABLE });
      answers = true;
      clock.advance(30_000);
      await until(() => test.events.some(({ kind }) => kind === "keys-fetched"), "the keys");
      expect(await client.list()).toEqual([]);
      expect(test.events.filter(({ kind }) => kind.startsWith("keys-"))).toMatchObject([
        { kind: "keys-unavailable", reason: "it answers with the status 503" },
        { kind: "keys-fetched", keys: 1 },
      ]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it("that cannot be used is refused when the router is made", () => {
    const make = (...issuers: readonly object[]) => new Router({ keys: [{ secret }], issuers: issuers as never });
    expect(() => make({ issuer, audience, jwks }, { issuer, audience, jwks })).toThrow("is there twice");
    expect(() => make({ issuer: "trunkline", audience, jwks })).toThrow("is there twice");
    expect(() => make({ issuer, jwks })).toThrow("the audience of an issuer must be text");
    expect(() => make({ issuer, audience, jwks, identityClaim: "" })).toThrow("the identityClaim of an issuer");
    expect(() => make({ issuer: "somewhere", audience })).toThrow("an issuer is an address such as");
    expect(() => make({ issuer, audience, jwks, jwksUrl: new URL(issuer) })).toThrow("not both");
    expect(() => make({ issuer, audience, jwks, claim: "email" })).toThrow("claim");
    expect(() => new Router({ keys: [{ secret }], clockToleranceMs: 3_600_001 })).toThrow("from 0 to 3600000");
    expect(() => new Router({ keys: [{ secret }], streamTokens: { issuer: "", audience } })).toThrow(
      "the issuer of streamTokens must be text",
    );
  });
});

describe("streamTokens", () => {
  it("are the issuer and the audience of tokens from elsewhere, and of those that the exchange makes", async () => {
    const streamTokens = { issuer: "https://js.example/stream", audience: "https://js.example/router" };
    await using test = testRouter({ streamTokens });
    const client = await test.client();
    const listener = await client.listen("web");
    const [there, here] = await Promise.all([listener.accept(), client.dial("web")]);
    await here.send(new Uint8Array(3));
    expect(await there?.receive()).toHaveLength(3);
    expect(await rejection(test.plainCall("s").receive())).toMatchObject({ status: Status.UNAUTHENTICATED });
  });
});
