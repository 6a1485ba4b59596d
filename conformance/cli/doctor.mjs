/**
 * `doctor` beside broken ways: a router with TLS and a policy, exposers with and without an identity, all as processes
 * of their own. Each hop is broken once, by one difference from a way that works, and `doctor` must name that hop.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pinOf, Router } from "@trunkline/router";
import { freePort } from "../lib/child.mjs";
import { Command } from "../lib/command.mjs";

const fixture = (path) => fileURLToPath(new URL(`../../packages/${path}.pem`, import.meta.url));
const cert = fixture("cli/test/fixtures/localhost.cert");
const peer = (name) => fixture(`h2/test/fixtures/tls/${name}`);

const events = new URL("../../packages/cli/events.schema.json", import.meta.url);
const schema = JSON.parse(readFileSync(events, "utf8"));

const secret = "a key of 32 bytes for this judge";
const policy =
  "rules:\n  - identities: [me]\n    listen: [web, dead, asleep]\n    dial: [web, dead, asleep, nothing]\n";

/**
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {Lab} lab
 * @typedef {{ folder: string, file(name: string, content: string): string, keep<T extends { stop(): Promise<void> }>(
 * running: T): T }} Lab
 */
export async function breakHops(cases, lab) {
  const home = join(lab.folder, "doctor");
  mkdirSync(home);
  const env = { HOME: home, XDG_RUNTIME_DIR: home };
  const nowhere = join(home, "nowhere");
  const withToken = { ...env, TRUNKLINE_TOKEN: await token(secret) };
  const { way, own } = await startWay(lab, withToken);
  const refusing = await serve(lab, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  const mail = await serve(lab, "220 mail server\r\n");

  /** @type {Record<string, { args: string[], env?: Record<string, string>, exitCode: number }>} */
  const broken = {
    settings: { args: [], env: { HOME: nowhere, XDG_RUNTIME_DIR: nowhere }, exitCode: 69 },
    DNS: { args: ["--endpoint", "nowhere.invalid:7420"], exitCode: 69 },
    proxy: { args: ["--endpoint", "router.invalid:7420", "--proxy", `http://${refusing}`], exitCode: 69 },
    TCP: { args: ["--endpoint", `127.0.0.1:${await freePort()}`], exitCode: 69 },
    TLS: { args: [...way.slice(0, 2), "--tls-ca", peer("stranger")], exitCode: 69 },
    token: { args: way, env: { ...env, TRUNKLINE_TOKEN: await token(secret.toUpperCase()) }, exitCode: 77 },
    rights: { args: ["db", ...way], exitCode: 77 },
    exchange: { args: ["--endpoint", mail], exitCode: 69 },
    name: { args: ["nothing", ...way], exitCode: 68 },
    "end to end": { args: ["web", ...way], exitCode: 77 },
    listener: { args: ["asleep", ...way], exitCode: 75 },
    target: { args: ["dead", ...way], exitCode: 75 },
  };
  const doctor = (args, itsEnv = withToken) => lab.keep(new Command(["doctor", ...args], itsEnv));
  // All of them at once: what is asleep is given up after ten seconds, and the others are done long before.
  const runs = Object.entries(broken).map(([hop, { args, env, exitCode }]) => ({
    hop,
    exitCode,
    run: doctor(args, env),
  }));
  const healthy = doctor(["web", ...way, ...own]);

  await cases.run("doctor: each hop that it can name is broken once", () => {
    assert.deepEqual(Object.keys(broken).sort(), schema.$defs.hop.properties.hop.enum.toSorted());
  });
  await cases.run("doctor goes every hop of a way that works, and ends with 0", async () => {
    await healthy.ended;
    const direct = Object.keys(broken).filter((hop) => hop !== "proxy");
    assert.deepEqual(new Set(healthy.all("hop").map(({ hop }) => hop)), new Set(direct), healthy.text);
    assert.deepEqual(failures(healthy), []);
    assert.equal(healthy.exit, 0);
  });
  for (const { hop, exitCode, run } of runs) {
    await cases.run(`doctor names the hop that is broken: ${hop}`, async () => {
      await run.ended;
      assert.deepEqual(failures(run), [hop], run.text);
      assert.equal(run.all("hop").at(-1)?.hop, hop, "it goes no further");
      assert.equal(run.exit, exitCode, run.text);
      const [error] = run.all("error");
      assert.equal(error?.exitCode, exitCode);
      assert.ok(error.message.startsWith(`${hop} fails: `), error.message);
    });
  }
}

/**
 * Starts a router and its exposers: `web` with an identity, `dead` whose target refuses, and `asleep`, which is
 * stopped once it is there.
 * @param {Lab} lab @param {Record<string, string>} env
 * @returns {Promise<{ way: string[], own: string[] }>} options that lead to the router, and those of an identity that
 * `web` trusts
 */
async function startWay(lab, env) {
  const start = (...args) => lab.keep(new Command(args, env));
  const files = ["--key-file", lab.file("doctor-key", secret), "--policy", lab.file("doctor-policy.yaml", policy)];
  const tls = ["--tls-cert", cert, "--tls-key", fixture("cli/test/fixtures/localhost.key")];
  const { port } = await start("router", "--listen", "127.0.0.1:0", ...tls, ...files).event("listening");
  const way = ["--endpoint", `localhost:${port}`, "--tls-ca", cert];
  const identity = (name) => {
    const pem = readFileSync(peer(name), "utf8") + readFileSync(peer(`${name}-key`), "utf8");
    return ["--identity", lab.file(`doctor-${name}.pem`, pem)];
  };
  const pin = (name) => pinOf(new X509Certificate(readFileSync(peer(name))));
  const target = await serve(lab, "hello\n");
  const asleep = start("expose", "asleep", target, ...way);
  const exposers = [
    asleep,
    start("expose", "web", target, ...way, ...identity("server"), "--allow-key", pin("client")),
    start("expose", "dead", String(await freePort()), "--no-check", ...way),
  ];
  await Promise.all(exposers.map((each) => each.event("exposed")));
  asleep.kill("SIGSTOP");
  return { way, own: [...identity("client"), "--peer-key", pin("server")] };
}

/** @param {string} key */
async function token(key) {
  const router = new Router({ keys: [{ secret: key }] });
  const minted = await router.mintToken({ identity: "me", lifetimeMs: 600_000 });
  await router.close();
  return minted;
}

/** Serves one answer and closes. @param {Lab} lab @param {string} answer @returns {Promise<string>} its address */
async function serve(lab, answer) {
  const server = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end(answer),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  lab.keep({ stop: async () => void server.close() });
  return `127.0.0.1:${server.address().port}`;
}

/** The hops that have failed. @param {Command} run */
function failures(run) {
  return run.all("hop").flatMap(({ hop, ok }) => (ok ? [] : [hop]));
}
