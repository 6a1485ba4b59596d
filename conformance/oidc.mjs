/**
 * Users of a real provider of OpenID Connect (npm `oidc-provider`), at the built command: its tokens of each algorithm
 * are good, and its keys are exchanged, withdrawn, away and hostile during the run.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Cases } from "./lib/cases.mjs";
import { freePort, runToEnd } from "./lib/child.mjs";
import { Command } from "./lib/command.mjs";
import { JudgeMissing } from "./lib/outcome.mjs";
import { newKey, TestProvider } from "./oidc/provider.mjs";

const folder = fileURLToPath(new URL("../.cache/oidc", import.meta.url));
const main = fileURLToPath(new URL("../packages/cli/dist/main.js", import.meta.url));
/** The last version that is for Node 20. */
const packageName = "oidc-provider@8.8.1";
const audience = "https://lab.example";
/** The exit code of a command whose token is refused, and of one whose router cannot be used now. */
const denied = 77;
const unavailable = 69;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const Provider = await providerClass();
  const cases = new Cases();
  const lab = await Lab.start(Provider);
  try {
    for (const alg of ["RS256", "ES256", "EdDSA"])
      await cases.run(`a token signed by ${alg} lists, exposes and connects`, () => lab.carries(alg));
    await cases.run("a token for another service is refused", () => lab.refusesOthers());
    await cases.run("a token that was changed is refused", () => lab.refusesChanged());
    await cases.run("a token is refused from its expiry on", () => lab.refusesExpired());
    await cases.run("a new key is known with its first token, and the old one stays good", () => lab.rotates());
    await cases.run("a key that is withdrawn is refused, at the latest after SIGHUP", () => lab.withdraws());
    await cases.run("forged key ids cause few requests", () => lab.countsRequests());
    await cases.run("users stay while the provider is away, and it is said once", () => lab.survives());
    await cases.run("a provider that hangs holds up nobody else", () => lab.ignoresHanging());
    await cases.run("a provider that sends 100 MB is cut off, and costs no memory", () => lab.ignoresLarge());
    await cases.run("the provider that is back is used again", () => lab.recovers());
    await cases.run("no line of the router's log has a token or a key", () => lab.leaksNothing());
  } finally {
    await lab.end();
  }
  return cases.counts;
}

async function providerClass() {
  const path = join(folder, "node_modules/oidc-provider/lib/index.js");
  if (!existsSync(path)) {
    console.error(`installing ${packageName}`);
    spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-save", "--prefix", folder, packageName], {
      stdio: ["ignore", "inherit", "inherit"],
      timeout: 300_000,
    });
  }
  if (!existsSync(path)) throw new JudgeMissing(`${packageName} could not be installed by npm`);
  return (await import(pathToFileURL(path).href)).default;
}

class Lab {
  folder = mkdtempSync(join(tmpdir(), "trunkline-oidc-"));
  env = { HOME: this.folder, XDG_RUNTIME_DIR: this.folder, TMPDIR: this.folder };
  keys = [newKey("rsa-1", "RS256"), newKey("ec-1", "ES256"), newKey("ed-1", "EdDSA")];
  /** @type {string[]} */
  tokens = [];
  /** @type {Command[]} */
  commands = [];
  /** @type {TestProvider} */
  provider;
  endpoint = "";
  /** @type {any} */
  router;

  /** @param {any} Provider */
  static async start(Provider) {
    const lab = new Lab();
    lab.provider = new TestProvider(Provider, await freePort());
    await lab.provider.start(lab.keys);
    writeFileSync(
      join(lab.folder, "policy.yaml"),
      "rules:\n  - {identities: ['sso:board'], listen: ['*']}\n  - {identities: ['sso:user'], dial: ['*']}\n" +
        "  - {identities: [local], listen: ['*'], dial: ['*']}\n",
    );
    writeFileSync(
      join(lab.folder, "router.yaml"),
      `listen: 127.0.0.1:0\npolicy: policy.yaml\noidcIssuer: ${lab.provider.issuer}\n` +
        `oidcAudience: ${audience}\noidcPrefix: "sso:"\n`,
    );
    lab.router = lab.command("router", "--config", join(lab.folder, "router.yaml"));
    lab.endpoint = /** @type {any} */ (await lab.router.event("listening")).address;
    await lab.router.event("router-keys-fetched");
    return lab;
  }

  /** @param {...string} args */
  command(...args) {
    const command = new Command(args, this.env);
    this.commands.push(command);
    return command;
  }

  async end() {
    await Promise.all(this.commands.map((command) => command.stop()));
    await this.provider.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Gets a token, and keeps it for the last case. @param {string} client @param {object} [options] */
  async token(client, options) {
    const token = await this.provider.token(client, options);
    this.tokens.push(token);
    return token;
  }

  /** Returns the exit code of `ls` with a token. @param {string} token */
  async ls(token) {
    const env = { PATH: process.env.PATH, ...this.env, TRUNKLINE_TOKEN: token };
    const { code, stderr } = await runToEnd(process.execPath, [main, "ls", "--endpoint", this.endpoint], { env });
    this.lastError = stderr;
    return code;
  }

  /** Returns the exit code of `ls` by the key of this machine. */
  async localLs() {
    return (await runToEnd(process.execPath, [main, "ls"], { env: { PATH: process.env.PATH, ...this.env } })).code;
  }

  /** @param {string} kind */
  count(kind) {
    return this.router.all(kind).length;
  }

  /** Waits until an event has come so many times. @param {string} kind @param {number} count */
  async counted(kind, count) {
    for (let look = 0; this.count(kind) < count; look += 1) {
      assert.ok(look < 600, `${kind} came ${this.count(kind)} times`);
      await sleep(50);
    }
  }

  /** @param {string} alg */
  async carries(alg) {
    const file = join(this.folder, `${alg}.token`);
    writeFileSync(file, await this.token("board", { alg }));
    const userFile = join(this.folder, `${alg}-user.token`);
    writeFileSync(userFile, await this.token("user", { alg }));
    const way = ["--endpoint", this.endpoint, "--token-file"];
    const name = `echo-${alg}`;
    const expose = this.command("expose", name, "exec:cat", ...way, file);
    await expose.event("exposed");
    const listening = this.router.all("router-listening").at(-1);
    assert.equal(listening?.identity, "sso:board");
    const args = [main, "connect", name, "--stdio", ...way, userFile];
    const text = `through ${alg}\n`.repeat(10_000);
    const { code, stdout, stderr } = await runToEnd(process.execPath, args, {
      input: text,
      env: { PATH: process.env.PATH, ...this.env },
    });
    assert.equal(code, 0, stderr);
    assert.ok(stdout.equals(Buffer.from(text)));
    // The policy knows both by the claim: a user may not expose.
    const refused = [main, "expose", "other", "exec:cat", ...way, userFile];
    assert.equal(
      (await runToEnd(process.execPath, refused, { env: { PATH: process.env.PATH, ...this.env } })).code,
      denied,
    );
  }

  async refusesOthers() {
    assert.equal(await this.ls(await this.token("user", { audience: "https://other.example" })), denied);
    assert.match(String(this.lastError), /another audience/);
  }

  async refusesChanged() {
    const [header, claims, signature] = (await this.token("user")).split(".");
    const body = JSON.parse(Buffer.from(claims, "base64url").toString());
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const forgeries = [
      `${header}.${part({ ...body, sub: "board" })}.${signature}`,
      `${part({ alg: "none" })}.${claims}.`,
      `${part({ alg: "HS256", kid: "rsa-1" })}.${claims}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -8)}AAAAAAAA`,
    ];
    for (const forgery of forgeries) assert.equal(await this.ls(forgery), denied);
  }

  async refusesExpired() {
    const token = await this.token("user", { ttlSeconds: 4 });
    assert.equal(await this.ls(token), 0);
    await sleep(5_000);
    assert.equal(await this.ls(token), denied);
    assert.match(String(this.lastError), /it has expired/);
  }

  async rotates() {
    const before = await this.token("user");
    this.old = before;
    await this.provider.stop();
    this.keys.unshift(newKey("rsa-2", "RS256"));
    await this.provider.start(this.keys);
    const after = await this.token("user");
    assert.equal(JSON.parse(Buffer.from(after.split(".")[0], "base64url").toString()).kid, "rsa-2");
    assert.equal(await this.ls(after), 0);
    assert.equal(await this.ls(before), 0);
    await this.counted("router-keys-fetched", 2);
  }

  async withdraws() {
    await this.provider.stop();
    this.keys = this.keys.filter(({ kid }) => kid !== "rsa-1");
    await this.provider.start(this.keys);
    this.router.kill("SIGHUP");
    await this.counted("router-keys-fetched", 3);
    assert.equal(await this.ls(String(this.old)), denied);
    assert.equal(await this.ls(await this.token("user")), 0);
  }

  async countsRequests() {
    const [, claims, signature] = (await this.token("user")).split(".");
    const before = this.provider.keyRequests;
    const header = (kid) => Buffer.from(JSON.stringify({ alg: "RS256", kid })).toString("base64url");
    for (let round = 0; round < 5; round += 1) {
      const forged = Array.from({ length: 4 }, (_, index) => `${header(`x${round}-${index}`)}.${claims}.${signature}`);
      for (const code of await Promise.all(forged.map((token) => this.ls(token)))) assert.equal(code, denied);
    }
    const requests = this.provider.keyRequests - before;
    assert.ok(requests <= 3, `${requests} requests for keys`);
  }

  async survives() {
    const token = await this.token("user");
    const fresh = await this.token("user");
    assert.equal(await this.ls(token), 0);
    await this.provider.stop();
    for (let time = 0; time < 3; time += 1) {
      this.router.kill("SIGHUP");
      await sleep(300);
    }
    await this.counted("router-keys-unavailable", 1);
    assert.equal(await this.ls(token), 0);
    assert.equal(await this.ls(fresh), 0);
    assert.equal(this.count("router-keys-unavailable"), 1);
    this.known = fresh;
  }

  async ignoresHanging() {
    await this.provider.startOther(() => {});
    this.router.kill("SIGHUP");
    for (let time = 0; time < 3; time += 1) {
      assert.equal(await this.localLs(), 0);
      assert.equal(await this.ls(String(this.known)), 0);
    }
    await sleep(6_000); // the request is given up
    await this.provider.stop();
    // A router that begins while it hangs serves others, and asks the users of the provider to try again.
    await this.provider.startOther(() => {});
    const { router, endpoint } = this;
    this.router = this.command("router", "--config", join(this.folder, "router.yaml"), "--key-file", await this.key());
    this.endpoint = /** @type {any} */ (await this.router.event("listening")).address;
    assert.equal(await this.ls(String(this.known)), unavailable);
    await this.router.stop();
    this.router = router;
    this.endpoint = endpoint;
    await this.provider.stop();
  }

  async key() {
    const file = join(this.folder, "other.key");
    const { stdout } = await runToEnd(process.execPath, [main, "key"]);
    writeFileSync(file, stdout, { mode: 0o600 });
    return file;
  }

  async ignoresLarge() {
    let sent = 0;
    await this.provider.startOther((_request, response) => {
      const more = () => {
        if (response.destroyed || sent > 100_000_000) return;
        sent += 65_536;
        response.write(" ".repeat(65_536), more);
      };
      more();
    });
    const { pid } = /** @type {any} */ (this.router.all("listening")[0]);
    const residentBytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;
    const before = residentBytes();
    this.router.kill("SIGHUP");
    await sleep(2_000);
    assert.ok(sent > 0 && sent < 20_000_000, `${sent} bytes were taken`);
    assert.ok(residentBytes() - before < 64 * 2 ** 20, `${residentBytes() - before} bytes of memory`);
    assert.equal(await this.ls(String(this.known)), 0);
    await this.provider.stop();
  }

  async recovers() {
    await this.provider.start(this.keys);
    this.router.kill("SIGHUP");
    await this.counted("router-keys-fetched", 4);
    assert.equal(await this.ls(await this.token("board", { alg: "EdDSA" })), 0);
  }

  async leaksNothing() {
    const { text: written } = this.router;
    const secrets = this.tokens.flatMap((token) => token.split(".").slice(1));
    const keys = this.keys.flatMap(({ d, x, n }) => [d, x, n].filter((part) => part !== undefined));
    for (const text of [...secrets, ...keys]) assert.ok(!written.includes(text));
  }
}
