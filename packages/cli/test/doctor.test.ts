/** Each hop that `doctor` knows is broken once, and it names that one. */
import { fileURLToPath } from "node:url";
import { Router, Trunkline } from "@trunkline/router";
import { afterEach, describe, expect, test } from "vitest";
import { httpProxy } from "../../base/test/support/proxies.js";
import { closeAll } from "../../base/test/support/servers.js";
import { InProcessLab } from "./support/lab.js";
import type { Run } from "./support/run.js";
import { startService } from "./support/services.js";

const cert = fileURLToPath(new URL("fixtures/localhost.cert.pem", import.meta.url));
const key = fileURLToPath(new URL("fixtures/localhost.key.pem", import.meta.url));
const secret = "a key of 32 bytes for these tests";

/** Returns the hops that were gone, the last of which may have failed. */
async function hopsOf(run: Run): Promise<{ hops: string[]; failed: string | undefined; code: unknown }> {
  const code = await run.exit;
  const hops: string[] = [];
  let failed: string | undefined;
  for (const line of run.stdout.split("\n")) {
    if (!line.includes('"event":"hop"')) continue;
    const { hop, ok, detail, advice } = JSON.parse(line) as {
      hop: string;
      ok: boolean;
      detail: string;
      advice?: string;
    };
    hops.push(hop);
    expect(detail).not.toBe("");
    if (ok) continue;
    failed = hop;
    expect(advice).not.toBe("");
    expect(run.stdout).toContain(`"message":"${hop} fails: `);
  }
  return { hops, failed, code };
}

async function tokenFor(identity: string, lifetimeMs = 60_000, ownSecret = secret): Promise<string> {
  await using router = new Router({ keys: [{ secret: ownSecret }] });
  return router.mintToken({ identity, lifetimeMs });
}

describe("doctor", () => {
  test("goes every hop of a way that works, and ends with 0", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose("web", service.target);
    const { hops, failed, code } = await hopsOf(lab.start("doctor", "web"));
    // The exposer's log is not to speak of a connection that broke.
    expect(await expose.event("connection-closed")).not.toHaveProperty("error");
    expect([hops, failed, code]).toEqual([
      ["settings", "TCP", "token", "exchange", "rights", "name", "listener", "target"],
      undefined,
      0,
    ]);
    const text = lab.run(["doctor"]);
    expect(await text.exit).toBe(0);
    expect(text.stdout).toMatch(/^exchange {4}ok: it answers, and has 1 name$/m);
  });

  test("goes through DNS and TLS where the router is elsewhere", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--tls-cert", cert, "--tls-key", key, "--key-file", lab.file("key", secret));
    const port = endpoint.replace(/^.*:/, "");
    const run = lab.run(["doctor", "--json", "--endpoint", `localhost:${port}`, "--tls-ca", cert], {
      TRUNKLINE_TOKEN: await tokenFor("me"),
    });
    const { hops, failed, code } = await hopsOf(run);
    expect([hops, failed, code]).toEqual([["settings", "DNS", "TCP", "TLS", "token", "exchange"], undefined, 0]);
  });

  test("names the settings where no router is known", async () => {
    await using lab = new InProcessLab();
    expect(await hopsOf(lab.start("doctor"))).toEqual({ hops: ["settings"], failed: "settings", code: 69 });
  });

  test("names DNS for a name that does not exist", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["doctor", "--json", "--endpoint", "nowhere.invalid:1"], { TRUNKLINE_TOKEN: "t" });
    expect(await hopsOf(run)).toMatchObject({ failed: "DNS", code: 69 });
  });

  test("names TCP where nothing listens", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["doctor", "--json", "--endpoint", "127.0.0.1:1"], { TRUNKLINE_TOKEN: "t" });
    expect(await hopsOf(run)).toMatchObject({ failed: "TCP", code: 69 });
  });

  test("names TLS where the certificate is not trusted, and where TLS is needed and was not asked for", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--tls-cert", cert, "--tls-key", key, "--key-file", lab.file("key", secret));
    const port = endpoint.replace(/^.*:/, "");
    const other = fileURLToPath(new URL("../../h2/test/fixtures/tls/stranger.pem", import.meta.url));
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const untrusted = lab.run(["doctor", "--json", "--endpoint", `localhost:${port}`, "--tls-ca", other], env);
    expect(await hopsOf(untrusted)).toMatchObject({ failed: "TLS", code: 69 });
    const without = lab.run(["doctor", "--json", "--endpoint", `127.0.0.1:${port}`], env);
    expect(await hopsOf(without)).toMatchObject({ hops: ["settings", "TCP", "token", "TLS"], failed: "TLS", code: 69 });
  });

  test("names TLS where the router has none", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    const run = lab.start("doctor", "--tls-ca", cert, "--endpoint", endpoint);
    expect(await hopsOf(run)).toMatchObject({ failed: "TLS", code: 69 });
  });

  test("names the token where it has expired, is no token, or is another router's", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret));
    const old = `e30.${Buffer.from('{"exp":1}').toString("base64url")}.x`;
    for (const token of [old, "garbage", await tokenFor("me", 60_000, secret.toUpperCase())]) {
      const run = lab.run(["doctor", "--json", "--endpoint", endpoint], { TRUNKLINE_TOKEN: token });
      expect(await hopsOf(run)).toEqual({ hops: ["settings", "TCP", "token"], failed: "token", code: 77 });
    }
  });

  test("names the exchange where no router runs", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.end("SSH-2.0-x\r\n"));
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const run = lab.run(["doctor", "--json", "--endpoint", service.target], env);
    expect(await hopsOf(run)).toMatchObject({ failed: "exchange", code: 69 });
  });

  test("names the rights where the policy gives none to the name, and where it denies the caller", async () => {
    await using lab = new InProcessLab();
    const rules = "rules:\n  - identities: [me]\n    dial: [web]\ndenied:\n  identities: [eve]\n";
    const policy = lab.file("policy.yaml", rules);
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret), "--policy", policy);
    const as = async (identity: string, name: string): Promise<unknown> => {
      const env = { TRUNKLINE_TOKEN: await tokenFor(identity) };
      return hopsOf(lab.run(["doctor", name, "--json", "--endpoint", endpoint], env));
    };
    expect(await as("me", "db")).toMatchObject({ failed: "rights", code: 77 });
    expect(await as("me", "web")).toMatchObject({ failed: "name", code: 68 });
    expect(await as("eve", "web")).toMatchObject({ failed: "rights", code: 77 });
  });

  test("names the name where it is not exposed", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    expect(await hopsOf(lab.start("doctor", "nothing"))).toMatchObject({ failed: "name", code: 68 });
  });

  test("names the listener where it refuses its streams", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret));
    const token = await tokenFor("me");
    await using trunkline = new Trunkline({ endpoint, token });
    await using _listener = await trunkline.listen("full", { maxWaitingStreams: 0 });
    const run = lab.run(["doctor", "full", "--json", "--endpoint", endpoint], { TRUNKLINE_TOKEN: token });
    expect(await hopsOf(run)).toMatchObject({ failed: "listener", code: 75 });
  });

  test("names the target where it refuses connections", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    await lab.expose("dead", "127.0.0.1:1", "--no-check");
    const run = lab.start("doctor", "dead");
    expect(await hopsOf(run)).toMatchObject({ failed: "target", code: 75 });
    expect(run.stdout).toContain("cannot reach the target 127.0.0.1:1: connection refused");
  });
});

describe("doctor with a proxy", () => {
  afterEach(closeAll);

  test("goes through the proxy that is given, and names it where it is what is broken", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret));
    const router = endpoint.replace(/^.*:/, "");
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const open = await httpProxy({ port: Number(router) });
    const way = ["--endpoint", "router.invalid:7420", "--plaintext", "--json"];
    const given = lab.run(["doctor", ...way, "--proxy", `http://127.0.0.1:${open.address.port}`], env);
    expect(await hopsOf(given)).toEqual({
      hops: ["settings", "proxy", "token", "exchange"],
      failed: undefined,
      code: 0,
    });
    expect(open.targets.every((target) => target === "router.invalid:7420")).toBe(true);
    const closed = await httpProxy({ login: "me:right", port: Number(router) });
    const url = `http://me:wr0ng@127.0.0.1:${closed.address.port}`;
    const refused = lab.run(["doctor", ...way], { ...env, TRUNKLINE_PROXY: url });
    expect(await hopsOf(refused)).toMatchObject({ failed: "proxy", code: 69 });
    expect(refused.stdout).toContain(
      `the proxy 127.0.0.1:${closed.address.port} does not accept the user and password`,
    );
    const usual = lab.run(["doctor", ...way], { ...env, https_proxy: url });
    expect(await hopsOf(usual)).toMatchObject({ failed: "proxy", code: 69 });
    expect(refused.stdout + refused.stderr + usual.stdout + usual.stderr).not.toContain("wr0ng");
    const away = lab.run(["ls", ...way, "--proxy", "http://127.0.0.1:1"], env);
    expect(await away.exit).toBe(69);
    expect(away.stderr + away.stdout).toContain("the proxy 127.0.0.1:1 cannot be reached");
    const without = lab.run(["doctor", ...way, "--proxy", "none"], { ...env, TRUNKLINE_PROXY: url });
    expect(await hopsOf(without)).toMatchObject({ failed: "DNS" });
  });

  test("lets a variable not lead to a router of this machine by a proxy", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret));
    const env = { TRUNKLINE_TOKEN: await tokenFor("me"), TRUNKLINE_PROXY: "http://127.0.0.1:1" };
    const run = lab.run(["doctor", "--endpoint", endpoint, "--json"], env);
    expect(await hopsOf(run)).toMatchObject({ hops: ["settings", "TCP", "token", "exchange"], code: 0 });
  });

  test("looks at every endpoint, goes on with one that works, and ends with the failure of the other", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--key-file", lab.file("key", secret));
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const run = lab.run(["doctor", "--json", "--endpoint", "127.0.0.1:1", "--endpoint", endpoint], env);
    const { hops, failed, code } = await hopsOf(run);
    expect([hops, failed, code]).toEqual([["settings", "TCP", "TCP", "token", "exchange"], "TCP", 69]);
  });

  test("goes the way of a WebSocket, through a proxy and with TLS", async () => {
    await using lab = new InProcessLab();
    const files = ["--tls-cert", cert, "--tls-key", key, "--key-file", lab.file("key", secret)];
    const { endpoint } = await lab.router(...files);
    const port = Number(endpoint.replace(/^.*:/, ""));
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const url = `wss://localhost:${port}/trunkline`;
    const direct = lab.run(["doctor", "--json", "--endpoint", url, "--tls-ca", cert], env);
    expect(await hopsOf(direct)).toMatchObject({
      hops: ["settings", "DNS", "TCP", "TLS", "token", "exchange"],
      code: 0,
    });
    const made = await httpProxy({ port });
    const proxy = ["--proxy", `http://127.0.0.1:${made.address.port}`];
    const through = lab.run(["doctor", "--json", "--endpoint", url, "--tls-ca", cert, ...proxy], env);
    expect(await hopsOf(through)).toMatchObject({ hops: ["settings", "proxy", "TLS", "token", "exchange"], code: 0 });
    for (const bad of ["ws://router.example/", "wss://", "wss://me:s3cret@router.example/"]) {
      const refused = lab.run(["ls", "--endpoint", bad], env);
      expect(await refused.exit).toBe(64);
      expect(refused.stderr).not.toContain("s3cret");
    }
  });

  test("refuses a password on the command line, and what is no URL of a proxy", async () => {
    await using lab = new InProcessLab();
    const env = { TRUNKLINE_TOKEN: await tokenFor("me") };
    const way = ["ls", "--endpoint", "router.invalid:1"];
    const shown = lab.run([...way, "--proxy", "http://me:secret@proxy:1"], env);
    expect(await shown.exit).toBe(64);
    expect(shown.stderr).toContain("give the URL by TRUNKLINE_PROXY");
    for (const variable of ["TRUNKLINE_PROXY", "all_proxy"]) {
      const malformed = lab.run(way, { ...env, [variable]: "ftp://me:s3cret@proxy" });
      expect(await malformed.exit).toBe(64);
      expect(malformed.stderr).toContain(variable);
      expect(malformed.stderr).not.toContain("s3cret");
    }
  });
});
