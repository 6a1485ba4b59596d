/**
 * Tokens that an attacker makes, at a router that has a secret, public keys of its own, and an issuer of identities.
 * All are refused, in the log as often as it allows, and the others are served.
 */
import { createHmac, createPublicKey, createSecretKey, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "@trunkline/base/testing";
import { Status } from "@trunkline/grpc";
import { describe, expect, it } from "vitest";
import type { RouterOptions } from "../../src/index.js";
import { epochMs, jwt, rejection, secret, streamClaims, testRouter, until } from "../support/router.js";
import { encoded, type PublicAlgorithm, Signer } from "../support/signer.js";

const signers = () => ({ EdDSA: new Signer("ed"), ES256: new Signer("es", "ES256"), RS256: new Signer("rs", "RS256") });
const own = signers();
/** Signers with other keys that have the same identifiers. */
const others = signers();
const provider = new Signer("idp");
const issuer = "https://login.example.org";
const jwks = { keys: Object.values(own).map(({ jwk }) => jwk) };
const options: Partial<RouterOptions> = {
  keys: [{ secret, keyId: "main" }, { jwks }],
  issuers: [{ issuer, audience: "lab", jwks: { keys: [provider.jwk] } }],
};
const nowS = epochMs / 1_000;

/** A kind of token: what a good one says, and who signs it. */
const kinds = {
  stream: streamClaims("s", epochMs),
  exchange: { iss: "trunkline", aud: "trunkline-exchange", sub: "me", exp: nowS + 60 },
  identity: { iss: issuer, aud: "lab", sub: "me", exp: nowS + 60 },
} as const;
type Kind = keyof typeof kinds;

function hmac(header: object, claims: object, key: string | Uint8Array, hash = "sha256"): string {
  const text = `${encoded(header)}.${encoded(claims)}`;
  return `${text}.${createHmac(hash, createSecretKey(Buffer.from(key as string)))
    .update(text)
    .digest("base64url")}`;
}

/** Everything that looks like a public key and could be taken for a secret. */
function publicTexts({ publicKey, jwk }: Signer): (string | Uint8Array)[] {
  const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
  return [
    pem,
    pem.trim(),
    publicKey.export({ type: "spki", format: "der" }),
    JSON.stringify(jwk),
    (jwk.x ?? jwk.n) as string,
    createPublicKey(pem).export({ type: "spki", format: "pem" }) as string,
  ];
}

/** Returns the forged tokens of a kind, by what is wrong with each. */
function forged(kind: Kind): Map<string, string> {
  const claims = kinds[kind];
  const made = new Map<string, string>();
  const text = (header: unknown, body: unknown = claims, signature = ""): string =>
    `${encoded(header as object)}.${encoded(body as object)}.${signature}`;
  for (const alg of ["none", "None", "NONE", "nOnE", ""]) made.set(`alg ${alg}`, text({ alg }));
  made.set("alg none with a signature", text({ alg: "none" }, claims, "AAAA"));
  made.set("no alg", text({ typ: "JWT" }));
  for (const alg of [null, 7, true, ["HS256"], { name: "HS256" }, "__proto__", "constructor", "hs256", "HS1", "PS256"])
    made.set(`alg ${JSON.stringify(alg)}`, hmac({ alg }, claims, secret));
  made.set("no signature", text({ alg: "HS256" }));
  made.set("a signature of another token", `${jwt(claims).slice(0, -4)}AAAA`);
  made.set("half a signature", jwt(claims).slice(0, -20));
  made.set("another secret", hmac({ alg: "HS256" }, claims, secret.toUpperCase()));
  made.set("an empty secret", hmac({ alg: "HS256" }, claims, ""));
  for (const alg of ["HS256", "HS384", "HS512"] as const) {
    const hash = alg.replace("HS", "sha");
    for (const signer of [...Object.values(own), provider])
      for (const [index, key] of publicTexts(signer).entries())
        made.set(
          `${alg} by the public key ${signer.jwk.kid} (${index})`,
          hmac({ alg, kid: signer.jwk.kid }, claims, key, hash),
        );
  }
  const stranger = new Signer("ed");
  for (const alg of Object.keys(own) as PublicAlgorithm[]) {
    made.set(`another key that says it is ${alg}`, others[alg].token(claims));
    made.set(`${alg} that says it is another`, own[alg].token(claims, { alg: alg === "RS256" ? "ES256" : "RS256" }));
  }
  made.set("its own key in the header", stranger.token(claims, { jwk: stranger.jwk }));
  made.set("the address of its own keys", stranger.token(claims, { jku: "http://127.0.0.1:1/keys" }));
  made.set("the address of a certificate", stranger.token(claims, { x5u: "http://127.0.0.1:1/cert" }));
  made.set("a certificate", stranger.token(claims, { x5c: ["AAAA"] }));
  made.set("an extension that must be understood", hmac({ alg: "HS256", crit: ["x"], x: 1 }, claims, secret));
  made.set("a payload that is not coded", hmac({ alg: "HS256", crit: ["b64"], b64: false }, claims, secret));
  for (const kid of ["../../../../dev/null", "' UNION SELECT 'x", "|id", "\u0000", "x".repeat(4_000), "__proto__"])
    made.set(`kid ${kid.slice(0, 20)}`, hmac({ alg: "HS256", kid }, claims, ""));
  for (const kid of [7, null, {}, ["ed"], true])
    made.set(`kid ${JSON.stringify(kid)}`, hmac({ alg: "HS256", kid }, claims, ""));
  made.set("encrypted", `${encoded({ alg: "dir", enc: "A256GCM" })}..AAAA.AAAA.AAAA`);
  made.set("claims that are a list", hmac({ alg: "HS256" }, [claims], secret));
  made.set("claims that are no JSON", `${encoded({ alg: "HS256" })}.AAAA.AAAA`);
  for (const nonsense of ["..", ".", "a.b.c", "a.b", `${"a.".repeat(5_000)}`, "🦆.🦆.🦆".replaceAll("🦆", "duck")])
    made.set(`nonsense ${nonsense.slice(0, 10)}`, nonsense);
  for (const exp of [undefined, null, "9999999999", Number.MAX_SAFE_INTEGER, -1, 0, nowS, [nowS + 60]])
    made.set(
      `exp ${JSON.stringify(exp)}`,
      kind === "identity" ? provider.token({ ...claims, exp }) : jwt({ ...claims, exp }),
    );
  return made;
}

describe.each(Object.keys(kinds) as Kind[])("a token (%s)", (kind) => {
  it("that is forged is refused, without a word of it, and the log is bounded", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ ...options, clock });
    const honest = await test.client("honest");
    await honest.listen("web");
    const all = forged(kind);
    expect(all.size).toBeGreaterThan(100);
    const channel = test.connect();
    for (const [what, token] of all) {
      const attempt =
        kind === "stream"
          ? test.plainCall("s", { authorization: `Bearer ${token}` }, channel).receive()
          : test.client("any", { token }).then((client) => client.list());
      const error = await rejection(attempt);
      expect(error, what).toMatchObject({ status: Status.UNAUTHENTICATED });
      expect(error.message.length, what).toBeLessThan(300);
      const [, body = "", signature = ""] = token.split(".");
      if (body.length > 20) expect(error.message).not.toContain(body);
      if (signature.length > 20) expect(error.message).not.toContain(signature);
    }
    expect(test.router.stats.refusals).toBe(all.size);
    expect(test.events.filter(({ kind: event }) => event === "refused")).toHaveLength(10);
    clock.advance(10_000);
    expect(test.events.filter(({ kind: event }) => event === "refusals-omitted")).toMatchObject([
      { count: all.size - 10 },
    ]);
    expect(await honest.list()).toMatchObject([{ name: "web" }]);
  });
});

describe("a token that is larger than it may be", () => {
  it("is refused at the exchange and the router, whatever is in it", async () => {
    await using test = testRouter({ ...options, clock: new VirtualClock() });
    for (const bytes of [17_000, 60_000, 1_000_000]) {
      const token = jwt({ ...kinds.exchange, pad: "x".repeat(bytes) });
      const error = await rejection((await test.client("any", { token })).list());
      expect([Status.UNAUTHENTICATED, Status.RESOURCE_EXHAUSTED, Status.INTERNAL, Status.UNAVAILABLE]).toContain(
        (error as unknown as { status: Status }).status,
      );
    }
    expect(await (await test.client("honest")).list()).toEqual([]);
  });
});

describe("a token for a stream that is replayed", () => {
  it("is refused to a second peer while the first waits, once both were joined, and after its time", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ ...options, clock });
    const claims = (role: string) => ({ ...streamClaims("s", epochMs), role, jti: randomUUID(), exp: nowS + 30 });
    const [listen, dial] = [claims("listen"), claims("dial")].map((each) => `Bearer ${jwt(each)}`) as [string, string];
    const first = test.plainCall("s", { authorization: listen });
    const firstEnd = rejection(first.receive());
    await until(() => test.router.stats.waitingPeers === 1, "the first peer to wait");
    expect(await rejection(test.plainCall("s", { authorization: listen }).receive())).toMatchObject({
      status: Status.ALREADY_EXISTS,
    });
    const second = test.plainCall("s", { authorization: dial });
    const secondEnd = rejection(second.receive());
    await until(() => test.router.stats.livePairs === 1, "the pair");
    for (const authorization of [listen, dial])
      expect(await rejection(test.plainCall("s", { authorization }).receive())).toMatchObject({
        status: Status.ALREADY_EXISTS,
      });
    clock.advance(30_000);
    for (const authorization of [listen, dial])
      expect(await rejection(test.plainCall("s", { authorization }).receive())).toMatchObject({
        status: Status.UNAUTHENTICATED,
      });
    first.cancel();
    second.cancel();
    await Promise.all([firstEnd, secondEnd]);
  });
});

describe("a server of keys that is hostile", () => {
  it.each([
    ["hangs", "there was no answer for 5000 ms", () => {}],
    [
      "sends 100 MB",
      "it sends more than 262144 bytes",
      (write: (text: string, then: () => void) => void) => {
        let left = 1_600;
        const more = (): void => {
          left -= 1;
          if (left > 0) write(`"${"x".repeat(65_534)}",`, more);
        };
        write('{"keys":[', more);
      },
    ],
  ])("and %s holds up its own users alone", async (_, reason, answer) => {
    const clock = new VirtualClock();
    const server = createServer((_request, response) => {
      answer((text, then) => {
        if (!response.destroyed) response.write(text, then);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const jwksUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
    await using test = testRouter({ clock, issuers: [{ issuer, audience: "lab", jwksUrl }] });
    try {
      const victim = await test.client("any", { token: provider.token(kinds.identity) });
      const refused = rejection(victim.list());
      expect(await (await test.client("honest")).list()).toEqual([]);
      let isOver = false;
      void refused.then(() => {
        isOver = true;
      });
      if (reason.includes("5000 ms")) clock.advance(5_000);
      await until(() => isOver, "the answer to its user");
      expect(await refused).toMatchObject({ status: Status.UNAVAILABLE });
      expect(test.events.filter(({ kind }) => kind === "keys-unavailable")).toMatchObject([{ reason }]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
