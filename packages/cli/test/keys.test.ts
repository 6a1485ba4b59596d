/** Key files with several keys, and their rotation while a router runs. */
import { generateKeyPairSync } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { decodeProtectedHeader } from "jose";
import { describe, expect, test } from "vitest";
import { ExitCode } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";

const raw = "a key that only tests use, and long enough";
const k = Buffer.alloc(64, 5).toString("base64url");

/** Runs the command to its end, and returns what it has printed. */
async function printed(lab: InProcessLab, ...args: readonly string[]): Promise<string> {
  const run = lab.run(args);
  expect(await run.exit, run.stderr).toBe(0);
  return run.stdout;
}

describe("key", () => {
  test("with --id prints a set with one key, as long as its algorithm wants", async () => {
    await using lab = new InProcessLab();
    for (const [alg, bytes] of [
      ["HS256", 32],
      ["HS512", 64],
    ] as const) {
      const { keys } = JSON.parse(await printed(lab, "key", "--id", "a", "--alg", alg));
      expect(keys).toMatchObject([{ kty: "oct", kid: "a", alg }]);
      expect(Buffer.from(keys[0].k, "base64url")).toHaveLength(bytes);
    }
  });

  test("with --into puts the key first, keeps the old ones, and leaves the file to its owner", async () => {
    await using lab = new InProcessLab();
    const file = lab.file("router.key", `${raw}\n`);
    const old = (await printed(lab, "token", "mint", "me", "--key-file", file)).trim();
    const text = await printed(lab, "key", "--id", "2027-01", "--into", file);
    expect(text).toBe(`${file} has 2 keys; "2027-01" signs from now on\n`);
    expect(await printed(lab, "key", "--id", "2027-02", "--alg", "HS384", "--into", file)).toContain("has 3 keys");
    const { keys } = JSON.parse(readFileSync(file, "utf8")) as { keys: { kid?: string; k: string }[] };
    expect(keys.map(({ kid }) => kid)).toEqual(["2027-02", "2027-01", undefined]);
    expect(Buffer.from(keys[2]?.k ?? "", "base64url").toString()).toBe(raw);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = await printed(lab, "token", "mint", "me", "--key-file", file);
    expect(decodeProtectedHeader(token.trim())).toEqual({ alg: "HS384", typ: "JWT", kid: "2027-02" });
    const { endpoint } = await lab.router("--key-file", file);
    for (const each of [old, token.trim()]) {
      const ls = lab.run(["ls", "--endpoint", endpoint], { TRUNKLINE_TOKEN: each });
      expect(await ls.exit).toBe(0);
    }
  });

  test("makes a file that does not exist, and refuses an id that is there, or none", async () => {
    await using lab = new InProcessLab();
    const file = `${lab.folder}/new.key`;
    expect(await printed(lab, "key", "--id", "a", "--into", file)).toBe(`${file} has 1 key; "a" signs from now on\n`);
    const before = readFileSync(file, "utf8");
    const again = lab.run(["key", "--id", "a", "--into", file]);
    expect(await again.exit).toBe(ExitCode.usage);
    expect(again.stderr).toContain('key 2 ("a") has the id of an earlier key');
    expect(readFileSync(file, "utf8")).toBe(before);
    const nameless = lab.run(["key", "--into", file]);
    expect(await nameless.exit).toBe(ExitCode.usage);
    const wrong = lab.run(["key", "--id", "a b"]);
    expect(await wrong.exit).toBe(ExitCode.usage);
  });
});

describe("a key file", () => {
  const ed = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  test.each([
    ["a set that is cut off", '{"keys": [', "the keys in FILE are no JSON"],
    ["a set without keys", "{}", 'cannot use the keys in FILE: a set of keys is {"keys": [ … ]}'],
    [
      "a short secret",
      '{"keys": [{"kty": "oct", "k": "aGVsbG8"}]}',
      "the keys cannot be used: a secret of 5 bytes is shorter than 32",
    ],
    ["public keys alone", JSON.stringify({ keys: [ed] }), "the keys cannot be used: a router needs a secret key"],
  ])("with %s is refused with the reason, by router and token", async (_, content, message) => {
    await using lab = new InProcessLab();
    const file = lab.file("keys", content);
    for (const args of [
      ["router", "--listen", "127.0.0.1:0", "--key-file", file],
      ["token", "mint", "me", "--key-file", file],
    ]) {
      const run = lab.run(args);
      expect(await run.exit).toBe(ExitCode.unreadable);
      expect(run.stderr).toContain(message.replace("FILE", file));
    }
  });

  test("of public keys has no secret", async () => {
    await using lab = new InProcessLab();
    const file = lab.file("jwks", JSON.stringify({ keys: [{ kty: "oct", k }] }));
    const run = lab.run(["router", "--listen", "127.0.0.1:0", "--jwks", file]);
    expect(await run.exit).toBe(ExitCode.unreadable);
    expect(run.stderr).toContain(`the set of public keys in ${file} has a secret (kty "oct")`);
  });

  test("that changes is taken while the router runs, and commands on this machine get a new token", async () => {
    await using lab = new InProcessLab();
    const file = lab.file("router.key", raw);
    const jwks = lab.file("jwks", JSON.stringify({ keys: [ed] }));
    const { router, endpoint } = await lab.router("--key-file", file, "--jwks", jwks);
    const old = (await printed(lab, "token", "mint", "me", "--key-file", file)).trim();
    writeFileSync(jwks, "nonsense");
    expect((await router.eventOfLook("keys-unusable"))["error"]).toBe(`the keys in ${jwks} are no JSON`);
    writeFileSync(jwks, JSON.stringify({ keys: [ed] }));
    writeFileSync(file, JSON.stringify({ keys: [{ kty: "oct", k, kid: "new", alg: "HS512" }] }));
    await router.eventOfLook("keys-changed");
    const refused = lab.run(["ls", "--endpoint", endpoint], { TRUNKLINE_TOKEN: old });
    expect(await refused.exit).toBe(ExitCode.denied);
    expect(await lab.run(["ls"]).exit).toBe(0);
    expect(router.stdout + router.stderr).not.toContain(k);
  });
});
