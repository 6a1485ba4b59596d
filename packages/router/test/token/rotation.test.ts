/** Keys of a router that change while it runs. */
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Status } from "@trunkline/grpc";
import { decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import type { SecretKeySource } from "../../src/index.js";
import { jwt, rejection, settle, streamClaims, testRouter, until } from "../support/router.js";
import { Signer } from "../support/signer.js";

const old: SecretKeySource = { secret: "the old secret of the tests, long enough", keyId: "old" };
const next: SecretKeySource = { secret: "n".repeat(64), keyId: "new", algorithm: "HS512" };
const lifetime = { identity: "me", lifetimeMs: 3_600_000 };

describe("keys that are exchanged", () => {
  it("sign with the first secret by its algorithm, and old tokens stay good while their key is there", async () => {
    await using test = testRouter({ keys: [old] });
    const token = await test.router.mintToken(lifetime);
    expect(decodeProtectedHeader(token)).toEqual({ alg: "HS256", typ: "JWT", kid: "old" });
    const before = await test.client("me", { token });
    test.router.updateKeys([next, old]);
    expect(await before.list()).toEqual([]);
    const renewed = await test.router.mintToken(lifetime);
    expect(decodeProtectedHeader(renewed)).toEqual({ alg: "HS512", typ: "JWT", kid: "new" });
    expect(await (await test.client("me", { token: renewed })).list()).toEqual([]);
  });

  it("refuse the tokens of a key that is gone, also those that were verified before", async () => {
    await using test = testRouter({ keys: [old] });
    const client = await test.client();
    expect(await client.list()).toEqual([]);
    test.router.updateKeys([next]);
    expect(await rejection(client.list())).toMatchObject({ status: Status.UNAUTHENTICATED });
  });

  it("carry streams on, and offer new ones with tokens of the new key", async () => {
    await using test = testRouter({ keys: [old] });
    const client = await test.client();
    const listener = await client.listen("web");
    const [there, here] = await Promise.all([listener.accept(), client.dial("web")]);
    test.router.updateKeys([next, old]);
    const second = await client.dial("web");
    expect(await listener.accept()).toBeDefined();
    for (const stream of [here, second]) await stream.send(new Uint8Array(3));
    expect(await there?.receive()).toHaveLength(3);
  });

  it("that cannot be used are refused, and the old ones stay", async () => {
    await using test = testRouter({ keys: [old] });
    const client = await test.client();
    const { publicKey } = generateKeyPairSync("ed25519");
    const onlyPublic = { jwks: { keys: [publicKey.export({ format: "jwk" }) as { kty: string }] } };
    expect(() => test.router.updateKeys([])).toThrow("at least one key");
    expect(() => test.router.updateKeys([onlyPublic])).toThrow("needs a secret among its new keys");
    expect(() => test.router.updateKeys([{ secret: "short" }])).toThrow("a secret of 5 bytes is shorter than 32");
    const named = (key: object): object => ({ ...key, kid: "x" });
    for (const [source, owner] of [
      [{ ...old, kid: "x" }, "a secret key"],
      [named(onlyPublic), "a key with jwks"],
      [named({ jwksUrl: new URL("https://a.example/k") }), "a key with jwksUrl"],
    ] as const)
      expect(() => test.router.updateKeys([old, source as never])).toThrow(`${owner} has no option "kid": it knows`);
    expect(await client.list()).toEqual([]);
  });

  it("may be public ones, whose tokens are good from then on", async () => {
    await using test = testRouter({ keys: [old] });
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const jwk = { ...publicKey.export({ format: "jwk" }), kid: "ed" } as { kty: string };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "EdDSA", kid: "ed" })}.${part(streamClaims("theirs"))}`;
    const authorization = `Bearer ${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`;
    const early = test.plainCall("theirs", { authorization });
    expect(await rejection(early.receive())).toMatchObject({ status: Status.UNAUTHENTICATED });
    test.router.updateKeys([old, { jwks: { keys: [jwk] } }]);
    const call = test.plainCall("theirs", { authorization });
    const over = rejection(call.receive());
    await until(() => test.router.stats.waitingPeers === 1, "the peer to wait");
    call.cancel();
    await over;
  });
});

it("an address of keys may be a URL of another realm, as under jsdom (connect-es#658)", async () => {
  class OtherURL {
    readonly href = "https://a.example/k";
    readonly [Symbol.toStringTag] = "URL";
  }
  await using test = testRouter({ keys: [old, { jwksUrl: new OtherURL() as unknown as URL }] });
  expect(await (await test.client()).list()).toEqual([]);
});

describe("keys that are fetched", () => {
  it("stay where their address stays among other keys, and are fetched no more where it is gone", async () => {
    const signer = new Signer("k");
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      response.end(JSON.stringify({ keys: [signer.jwk] }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const jwksUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
    await using test = testRouter({ keys: [old, { jwksUrl }] });
    try {
      const exp = Math.floor(Date.now() / 1_000) + 60;
      const token = signer.token({ iss: "trunkline", aud: "trunkline-exchange", sub: "me", exp });
      const client = await test.client("me", { token });
      expect(await client.list()).toEqual([]);
      test.router.updateKeys([next, old, { jwksUrl }]);
      expect(await client.list()).toEqual([]);
      expect(requests).toBe(1);
      test.router.updateKeys([old, { jwksUrl, refreshMs: 1_000_000 }]);
      await until(() => requests === 2, "a request with the new options");
      expect(await client.list()).toEqual([]);
      test.router.updateKeys([old]);
      expect(await rejection(client.list())).toMatchObject({ status: Status.UNAUTHENTICATED });
      test.router.refreshKeys();
      await settle();
      expect(requests).toBe(2);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("a secret with an algorithm", () => {
  it("verifies no token with another one", async () => {
    await using test = testRouter({ keys: [{ ...next, keyId: undefined }] });
    const call = (alg: string) =>
      test.plainCall("s", { authorization: `Bearer ${jwt(streamClaims("s"), { alg, key: "n".repeat(64) })}` });
    for (const alg of ["HS256", "HS384"])
      expect(await rejection(call(alg).receive())).toMatchObject({ status: Status.UNAUTHENTICATED });
    const good = call("HS512");
    const over = rejection(good.receive());
    await until(() => test.router.stats.waitingPeers === 1, "the peer to wait");
    good.cancel();
    await over;
  });

  it("has as many bytes as its hash", () => {
    for (const [algorithm, bytes] of [
      ["HS256", 32],
      ["HS384", 48],
      ["HS512", 64],
    ] as const) {
      expect(() => testRouter({ keys: [{ secret: "x".repeat(bytes - 1), algorithm }] })).toThrow(
        `shorter than ${bytes}`,
      );
      testRouter({ keys: [{ secret: "x".repeat(bytes), algorithm }] });
    }
    expect(() => testRouter({ keys: [{ secret: "x".repeat(64), algorithm: "RS256" as "HS256" }] })).toThrow(
      "the algorithm of a secret is one of HS256, HS384, HS512",
    );
  });
});
