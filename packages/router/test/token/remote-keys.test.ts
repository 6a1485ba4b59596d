/** Keys that are fetched: when, how often, and what stays while their server is away. All on a virtual clock. */
import { VirtualClock } from "@trunkline/base/testing";
import { decodeProtectedHeader, errors, type FlattenedJWSInput } from "jose";
import { describe, expect, it } from "vitest";
import type { FetchJson } from "../../src/token/fetch-json.js";
import {
  KeysUnavailableError,
  type RemoteKeyEvent,
  RemoteKeys,
  type RemoteServer,
} from "../../src/token/remote-keys.js";
import { rejection, settle } from "../support/router.js";
import { Signer } from "../support/signer.js";

const jwksUrl = new URL("https://login.example.org/keys");
const a = new Signer("a");
const b = new Signer("b", "ES256");

class World {
  readonly clock = new VirtualClock(1_000_000);
  readonly events: RemoteKeyEvent[] = [];
  changes = 0;
  requests: string[] = [];
  /** The answer of the server: a document, an error, or undefined where it hangs. */
  answer: unknown = { keys: [a.jwk] };
  readonly keys: RemoteKeys;

  constructor(server: RemoteServer = {}, place: ConstructorParameters<typeof RemoteKeys>[0] = { jwksUrl }) {
    const fetch: FetchJson = async (url, { signal }) => {
      this.requests.push(url.href);
      if (this.answer instanceof Error) throw this.answer;
      if (this.answer !== undefined) return typeof this.answer === "function" ? this.answer(url) : this.answer;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    this.keys = new RemoteKeys(place, server, {
      clock: this.clock,
      onChange: () => {
        this.changes += 1;
      },
      onEvent: (event) => this.events.push(event),
      fetch,
    });
  }

  async find(signer: Signer, header: object = {}): Promise<unknown> {
    const [protectedHeader, payload, signature] = signer.token({}, header).split(".") as [string, string, string];
    const input: FlattenedJWSInput = { protected: protectedHeader, payload, signature };
    const given = decodeProtectedHeader(`${protectedHeader}..`);
    return this.keys.find({ ...given, alg: given.alg as string }, input);
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settle(4);
  }
}

describe("keys at an address", () => {
  it("are fetched when the first token comes, and once for all that wait", async () => {
    const world = new World();
    expect(world.requests).toEqual([]);
    await Promise.all([world.find(a), world.find(a), world.find(a)]);
    expect(world.requests).toEqual(["https://login.example.org/keys"]);
    expect(world.events).toEqual([{ kind: "keys-fetched", url: "https://login.example.org/keys", keys: 1 }]);
  });

  it("are fetched again every refreshMs, and say so only where they have changed", async () => {
    const world = new World({ refreshMs: 60_000 });
    world.keys.start();
    world.keys.start();
    await settle(4);
    await world.pass(59_999);
    expect(world.requests).toHaveLength(1);
    await world.pass(1);
    expect(world.requests).toHaveLength(2);
    expect([world.changes, world.events.length]).toEqual([1, 1]);
    world.answer = { keys: [b.jwk] };
    await world.pass(60_000);
    expect([world.changes, world.events.length]).toEqual([2, 2]);
    await world.find(b);
    expect(await rejection(world.find(a))).toBeInstanceOf(errors.JWKSNoMatchingKey);
  });

  it("are fetched for an unknown key id, so that a rotation costs no refused token", async () => {
    const world = new World();
    await world.find(a);
    await world.pass(10_000);
    world.answer = { keys: [a.jwk, b.jwk] };
    await world.find(b);
    expect(world.requests).toHaveLength(2);
  });

  it("are fetched at most once in minRefreshMs, whatever key ids are forged", async () => {
    const world = new World();
    await world.find(a);
    for (let second = 0; second < 100; second += 1) {
      for (const kid of ["x", "y", "../../etc/passwd", "' OR 1=1"])
        expect(await rejection(world.find(a, { kid }))).toBeInstanceOf(errors.JWKSNoMatchingKey);
      await world.pass(1_000);
    }
    expect(world.requests).toHaveLength(1 + 9);
  });

  it("that hang fail after fetchTimeoutMs with a reason, once, and are tried again", async () => {
    const world = new World({ fetchTimeoutMs: 2_000 });
    world.answer = undefined;
    const waiting = rejection(world.find(a));
    await world.pass(2_000);
    expect(await waiting).toBeInstanceOf(KeysUnavailableError);
    expect(await rejection(world.find(a))).toBeInstanceOf(KeysUnavailableError);
    expect(world.requests).toHaveLength(1);
    await world.pass(30_000);
    await world.pass(2_000);
    expect(world.requests).toHaveLength(2);
    expect(world.events).toEqual([
      {
        kind: "keys-unavailable",
        url: "https://login.example.org/keys",
        reason: "there was no answer for 2000 ms",
      },
    ]);
    world.answer = { keys: [a.jwk] };
    await world.pass(30_000);
    await world.find(a);
    expect(world.events.at(-1)).toMatchObject({ kind: "keys-fetched", keys: 1 });
  });

  it("stay while their server is away, and no longer than maxStaleMs", async () => {
    const world = new World({ maxStaleMs: 3_600_000 });
    await world.find(a);
    world.answer = new Error("connect ECONNREFUSED");
    for (let minute = 0; minute < 59; minute += 1) await world.pass(60_000);
    await world.pass(59_999);
    await world.find(a);
    await world.pass(1);
    expect(await rejection(world.find(a))).toBeInstanceOf(KeysUnavailableError);
    expect(world.changes).toBe(2);
    expect(world.events.filter(({ kind }) => kind === "keys-unavailable")).toHaveLength(1);
    world.answer = { keys: [a.jwk] };
    await world.pass(30_000);
    await world.find(a);
    expect(world.changes).toBe(3);
  });

  it("leave out what is for another purpose, and take no secret", async () => {
    const world = new World();
    const secret = { kty: "oct", k: Buffer.alloc(32).toString("base64url"), kid: "s" };
    const p384 = { kty: "EC", crv: "P-384", x: "AAAA", y: "AAAA", kid: "p" };
    world.answer = { keys: [secret, p384, null, 7, { ...b.jwk, use: "enc" }, { ...a.jwk, x5c: ["x".repeat(1_000)] }] };
    await world.find(a);
    expect(world.events).toMatchObject([{ kind: "keys-fetched", keys: 1 }]);
    expect(await rejection(world.find(b))).toBeInstanceOf(errors.JWKSNoMatchingKey);
  });

  it.each([
    ["no set", 7, 'a set of keys is {"keys": [ … ]}'],
    ["an empty set", { keys: [] }, "the set has no keys"],
    ["a set of too many keys", { keys: Array(101).fill(a.jwk) }, "the set has 101 keys, more than 100"],
    ["secrets alone", { keys: [{ kty: "oct", k: "AAAA" }] }, "the set has no public key for EdDSA, ES256 or RS256"],
  ])("are not taken from %s, and the old ones stay", async (_, answer, reason) => {
    const world = new World();
    await world.find(a);
    world.answer = answer;
    await world.pass(300_000);
    await world.find(a);
    expect(world.events.at(-1)).toMatchObject({ kind: "keys-unavailable", reason });
  });

  it("are fetched no more once they are closed, and leave no appointment", async () => {
    const world = new World();
    await world.find(a);
    world.keys.close();
    await world.pass(3_600_000);
    expect(world.requests).toHaveLength(1);
    expect(world.clock.pending).toBe(0);
    world.answer = undefined;
    const hanging = new World();
    hanging.answer = undefined;
    const waiting = rejection(hanging.find(a));
    hanging.keys.close();
    expect(await waiting).toBeInstanceOf(KeysUnavailableError);
    expect(hanging.clock.pending).toBe(0);
    expect(hanging.events).toEqual([]);
  });

  it("come by https, and by http from this machine alone, unless that is allowed", () => {
    const make = (address: string, server: RemoteServer = {}) => new World(server, { jwksUrl: new URL(address) });
    for (const good of ["https://a.example/k", "http://127.0.0.1:80/k", "http://[::1]/k", "http://localhost:3000/"])
      make(good);
    make("http://a.example/k", { allowHttp: true });
    expect(() => make("http://a.example/k?token=secret")).toThrow(
      "the address http://a.example/k must begin with https://, since",
    );
    expect(() => make("ftp://a.example/k")).toThrow("must begin with https://");
    expect(() => make("file:///etc/passwd", { allowHttp: true })).toThrow("must begin with https://");
    expect(() => make("https://me:secret@a.example/k")).toThrow("https://a.example/k must not have a user name");
    expect(() => new World({ minRefreshMs: 0 })).toThrow("minRefreshMs must be a whole number from 1");
  });
});

describe("keys of an issuer", () => {
  const issuer = "https://login.example.org/realm";
  const configuration = { issuer, jwks_uri: "https://keys.example.org/k" };

  it("are found by its configuration", async () => {
    const world = new World({}, { issuer });
    world.answer = (url: URL) => (url.pathname.endsWith("openid-configuration") ? configuration : { keys: [a.jwk] });
    await world.find(a);
    expect(world.requests).toEqual([`${issuer}/.well-known/openid-configuration`, "https://keys.example.org/k"]);
  });

  it.each([
    [
      "of another issuer",
      { ...configuration, issuer: `${issuer}/` },
      `names "${issuer}/", and not the issuer "${issuer}"`,
    ],
    ["with a long issuer", { ...configuration, issuer: "x".repeat(10_000) }, `names "${"x".repeat(100)}", and not`],
    ["that is empty", null, "names no issuer, and not the issuer"],
    ["without keys", { issuer }, "has no address of keys (jwks_uri)"],
    ["with keys without TLS", { issuer, jwks_uri: "http://keys.example.org/k" }, "must begin with https://"],
    ["with keys in a file", { issuer, jwks_uri: "file:///etc/passwd" }, "must begin with https://"],
  ])("are not taken from a configuration %s", async (_, answer, reason) => {
    const world = new World({}, { issuer });
    world.answer = answer;
    expect(await rejection(world.find(a))).toBeInstanceOf(KeysUnavailableError);
    expect(world.requests).toHaveLength(1);
    expect(world.events).toMatchObject([{ kind: "keys-unavailable", reason: expect.stringContaining(reason) }]);
  });

  it("need an issuer that is an address", () => {
    for (const wrong of ["login.example.org", "https://a.example/?x=1", "https://a.example/#x", ""])
      expect(() => new World({}, { issuer: wrong })).toThrow("an issuer is an address such as");
    expect(() => new World({}, { issuer: "http://login.example.org" })).toThrow("must begin with https://");
  });
});
