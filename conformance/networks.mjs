/**
 * The command behind the networks that there are: squid and tinyproxy (HTTP CONNECT, with and without a password),
 * microsocks (SOCKS5 with a password), nginx that passes WebSockets, and ways that drop what is idle for 10 s. Streams
 * go through each, errors name the proxy that is at fault and never its password.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { installedByApt } from "./lib/apt.mjs";
import { Cases } from "./lib/cases.mjs";
import { freePort, runToEnd, startServerAt } from "./lib/child.mjs";
import { Command, output } from "./lib/command.mjs";
import { Conversation, Echo } from "./lib/conversation.mjs";

const fixture = (name) => fileURLToPath(new URL(`../packages/h2/test/fixtures/${name}`, import.meta.url));
const main = fileURLToPath(new URL("../packages/cli/dist/main.js", import.meta.url));
const user = "lab";
const password = "pa55word";
/** The time after which the ways of some cases drop what is idle, and a time that is longer. */
const dropMs = 10_000;
const idleMs = 14_000;
/** Leads to loopback on Linux, without being an address of loopback, for which the environment names no proxy. */
const unnamedLoopback = "0.0.0.0";
/** The exit code of a command that cannot reach its router. */
const unavailable = 69;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  const lab = await Lab.start();
  try {
    await cases.run("squid with a password resolves the router's name and carries streams", () => lab.throughSquid());
    await cases.run("squid with a wrong password is named, without the password", () => lab.wrongAtSquid());
    await cases.run("squid that cannot reach the router is named, with its status", () => lab.refusedBySquid());
    await cases.run("https_proxy leads to squid, and no_proxy past it", () => lab.byEnvironment());
    await cases.run("tinyproxy carries streams with TLS inside", () => lab.throughTinyproxy());
    await cases.run("microsocks with a password carries streams", () => lab.throughMicrosocks());
    await cases.run("microsocks with a wrong password is named, without the password", () => lab.wrongAtMicrosocks());
    await cases.run("microsocks that cannot reach the router is named", () => lab.refusedByMicrosocks());
    await cases.run("nginx passes WebSockets that carry streams", () => lab.throughNginx());
    await cases.run("nginx is reached through tinyproxy", () => lab.throughBoth());
    await cases.run("doctor goes the way of a WebSocket through a proxy", () => lab.doctorThroughBoth());
    const idle = [
      [
        "a WebSocket through nginx, which drops what is idle for 10 s, lives by keepalive",
        () => lab.idle("nginx", "4s"),
      ],
      ["the same without keepalive in time goes on by another connection", () => lab.idle("nginx", "30s")],
      ["a way that drops what is idle for 10 s keeps a connection with keepalive", () => lab.idle("relay", "4s")],
      ["the same without keepalive in time goes on by another connection", () => lab.idle("relay", "30s")],
    ];
    await Promise.all(idle.map(([title, check]) => cases.run(title, check)));
  } finally {
    await lab.end();
  }
  return cases.counts;
}

class Lab {
  #folder = mkdtempSync(join(tmpdir(), "networks-"));
  #servers = [];
  #names = 0;

  static async start() {
    const lab = new Lab();
    try {
      await lab.#start();
    } catch (error) {
      await lab.end();
      throw error;
    }
    return lab;
  }

  async #start() {
    // Servers that drop their rights read their files here.
    chmodSync(this.#folder, 0o777);
    this.plain = await TestRouter.start(this.#folder, "plain", ["--listen", "127.0.0.1:0", "--plaintext"]);
    const pair = ["--tls-cert", fixture("certificate.pem"), "--tls-key", fixture("key.pem")];
    this.secure = await TestRouter.start(this.#folder, "secure", ["--listen", "127.0.0.1:0", ...pair]);
    this.squid = await this.#squid();
    this.tinyproxy = await this.#tinyproxy();
    this.microsocks = await this.#microsocks();
    this.nginx = await this.#nginx();
    this.relay = await idleRelay(this.plain.port);
  }

  async end() {
    this.relay?.close();
    for (const server of this.#servers) await server.stop();
    await Promise.all([this.plain?.stop(), this.secure?.stop()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(name, text) {
    const path = join(this.#folder, name);
    writeFileSync(path, text);
    return path;
  }

  async #serve(program, args, port) {
    this.#servers.push(await startServerAt(program, args, { port, cwd: this.#folder }));
    return port;
  }

  async #squid() {
    const program = installedByApt("squid", "squid");
    const port = await freePort();
    const { stdout } = await runToEnd("openssl", ["passwd", "-apr1", password]);
    const users = this.#file("users", `${user}:${stdout.toString().trim()}\n`);
    const hosts = this.#file("hosts", "127.0.0.1 router.lab\n");
    const lines = [
      `http_port 127.0.0.1:${port}`,
      `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${users}`,
      "acl known proxy_auth REQUIRED",
      "http_access allow known",
      "http_access deny all",
      `hosts_file ${hosts}`,
      `pid_filename ${join(this.#folder, "squid.pid")}`,
      `cache_log ${join(this.#folder, "squid.log")}`,
      "access_log none",
      "cache deny all",
      "pinger_enable off",
      "shutdown_lifetime 0 seconds",
      "max_filedescriptors 1024",
    ];
    return await this.#serve(program, ["-N", "-f", this.#file("squid.conf", `${lines.join("\n")}\n`)], port);
  }

  async #tinyproxy() {
    const program = installedByApt("tinyproxy", "tinyproxy");
    const port = await freePort();
    const lines = [`Port ${port}`, "Listen 127.0.0.1", "Timeout 600", "MaxClients 50", "Allow 127.0.0.1"];
    lines.push(`LogFile "${join(this.#folder, "tinyproxy.log")}"`);
    return await this.#serve(program, ["-d", "-c", this.#file("tinyproxy.conf", `${lines.join("\n")}\n`)], port);
  }

  async #microsocks() {
    const program = installedByApt("microsocks", "microsocks");
    const port = await freePort();
    return await this.#serve(program, ["-i", "127.0.0.1", "-p", `${port}`, "-u", user, "-P", password], port);
  }

  async #nginx() {
    const program = installedByApt("nginx", "nginx-light");
    const port = await freePort();
    const text = `
      daemon off; master_process off; pid ${join(this.#folder, "nginx.pid")}; error_log stderr crit;
      events { worker_connections 256; }
      http {
        access_log off;
        server {
          listen 127.0.0.1:${port} ssl;
          ssl_certificate ${fixture("certificate.pem")};
          ssl_certificate_key ${fixture("key.pem")};
          location /trunkline {
            proxy_pass http://127.0.0.1:${this.plain.port};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout ${dropMs}ms;
            proxy_send_timeout ${dropMs}ms;
          }
        }
      }`;
    return await this.#serve(program, ["-c", this.#file("nginx.conf", text)], port);
  }

  // The ways.

  #atSquid(secret = password) {
    return { TRUNKLINE_PROXY: `http://${user}:${secret}@127.0.0.1:${this.squid}` };
  }

  #atMicrosocks(secret = password) {
    return { TRUNKLINE_PROXY: `socks5h://${user}:${secret}@127.0.0.1:${this.microsocks}` };
  }

  get #toPlain() {
    return ["--endpoint", `router.lab:${this.plain.port}`, "--plaintext"];
  }

  get #toNginx() {
    return ["--endpoint", `wss://localhost:${this.nginx}/trunkline`, "--tls-ca", fixture("certificate.pem")];
  }

  get #byTinyproxy() {
    return ["--proxy", `http://127.0.0.1:${this.tinyproxy}`];
  }

  // The cases.

  throughSquid() {
    return this.#carries(this.plain, this.#toPlain, this.#atSquid());
  }

  async wrongAtSquid() {
    await this.#failsAtProxy(this.#toPlain, this.#atSquid("wr0ng"), `127.0.0.1:${this.squid} does not accept`);
  }

  async refusedBySquid() {
    const way = ["--endpoint", `router.lab:${await freePort()}`, "--plaintext"];
    await this.#failsAtProxy(way, this.#atSquid(), `127.0.0.1:${this.squid} answered 503`);
  }

  async byEnvironment() {
    const env = { https_proxy: this.#atSquid().TRUNKLINE_PROXY };
    await this.#carries(this.plain, this.#toPlain, env);
    const direct = ["--endpoint", `${unnamedLoopback}:${this.plain.port}`, "--plaintext"];
    const broken = { HTTPS_PROXY: `http://127.0.0.1:${await freePort()}` };
    await this.#failsAtProxy(direct, broken, "cannot be reached");
    await this.#carries(this.plain, direct, { ...broken, NO_PROXY: `${unnamedLoopback}/32` });
  }

  throughTinyproxy() {
    const way = ["--endpoint", `localhost:${this.secure.port}`, "--tls-ca", fixture("certificate.pem")];
    return this.#carries(this.secure, [...way, ...this.#byTinyproxy], {});
  }

  throughMicrosocks() {
    return this.#carries(this.plain, this.#toAddress(this.plain.port), this.#atMicrosocks());
  }

  async wrongAtMicrosocks() {
    const text = `127.0.0.1:${this.microsocks} does not accept the user and password`;
    await this.#failsAtProxy(this.#toAddress(this.plain.port), this.#atMicrosocks("wr0ng"), text);
  }

  async refusedByMicrosocks() {
    const way = this.#toAddress(await freePort());
    await this.#failsAtProxy(way, this.#atMicrosocks(), `127.0.0.1:${this.microsocks} was refused by the target`);
  }

  throughNginx() {
    return this.#carries(this.plain, this.#toNginx, {});
  }

  throughBoth() {
    return this.#carries(this.plain, [...this.#toNginx, ...this.#byTinyproxy], {});
  }

  async doctorThroughBoth() {
    const { code, text } = await this.plain.run(["doctor", ...this.#toNginx, ...this.#byTinyproxy], {});
    assert.equal(code, 0, text);
    for (const hop of ["proxy", "TLS", "exchange"]) assert.match(text, new RegExp(`^${hop} +ok: `, "m"));
  }

  /** Lets a stream be idle for longer than its way allows, and then go on. */
  async idle(kind, keepalive) {
    const way = kind === "nginx" ? this.#toNginx : ["--endpoint", `127.0.0.1:${this.relay.port}`];
    const more = ["--keepalive", keepalive];
    await this.#withTunnel(this.plain, [...way, ...more], {}, async ({ conversation, commands }) => {
      await sleep(idleMs);
      conversation.say(1_024);
      await conversation.answered(30_000);
      const losses = commands.flatMap((command) => command.all("stream-detached")).length;
      const isKept = Number.parseInt(keepalive, 10) * 1_000 < dropMs;
      assert.equal(losses > 0, !isKept, `${losses} losses of a connection`);
    });
  }

  #toAddress(port) {
    return ["--endpoint", `${unnamedLoopback}:${port}`, "--plaintext"];
  }

  async #carries(router, way, env) {
    await this.#withTunnel(router, way, env, async ({ conversation }) => {
      for (let sent = 0; sent < 4; sent += 1) {
        conversation.say(262_144);
        await conversation.answered(30_000);
      }
    });
  }

  async #withTunnel(router, way, env, use) {
    const echo = await Echo.start();
    this.#names += 1;
    const name = `way-${this.#names}`;
    const commands = [];
    let conversation;
    try {
      commands.push(router.command(["expose", name, `${echo.port}`, ...way], env));
      await commands[0].event("exposed", 30_000);
      commands.push(router.command(["connect", name, "--listen", "0", ...way], env));
      const { port } = /** @type {any} */ (await commands[1].event("listening", 30_000));
      conversation = new Conversation(port);
      conversation.say(1_024);
      await conversation.answered(30_000);
      await use({ conversation, commands });
      conversation.finish();
      assert.equal(await Promise.race([conversation.ended, sleep(30_000, "no end", { ref: false })]), "end");
      assert.equal(conversation.wrong, undefined);
    } finally {
      conversation?.stop();
      echo.close();
      await Promise.all(commands.map((command) => command.stop()));
    }
  }

  async #failsAtProxy(way, env, expected) {
    for (const command of ["ls", "doctor"]) {
      const { code, text } = await this.plain.run([command, ...way], env);
      assert.equal(code, unavailable, text);
      assert.ok(text.includes(expected), text);
      assert.ok(!text.includes(password) && !text.includes("wr0ng"), "the password is shown");
      if (command === "doctor") assert.match(text, /^proxy +FAILS: /m);
    }
  }
}

/** A router in a process of its own, with a token for it. */
class TestRouter {
  port = 0;
  #env;
  #token = "";
  #command;

  static async start(folder, name, args) {
    const router = new TestRouter(folder, name, args);
    const { address } = /** @type {any} */ (await router.#command.event("listening"));
    router.port = Number(address.split(":").at(-1));
    router.#token = join(folder, `${name}.token`);
    writeFileSync(router.#token, await output(["token", "mint", "judge"], router.#env), { mode: 0o600 });
    return router;
  }

  constructor(folder, name, args) {
    const home = mkdtempSync(join(folder, `${name}-`));
    this.#env = { HOME: home, XDG_RUNTIME_DIR: home, TMPDIR: home };
    this.#command = new Command(["router", ...args], this.#env);
  }

  /** Starts a command that uses the router. */
  command(args, env) {
    return new Command([...args, "--token-file", this.#token], { ...this.#env, ...env });
  }

  /** Runs a command that uses the router to its end. */
  async run(args, env) {
    const all = [main, ...args, "--token-file", this.#token];
    const path = { PATH: process.env.PATH };
    const { code, stdout, stderr } = await runToEnd(process.execPath, all, { env: { ...path, ...this.#env, ...env } });
    return { code, text: `${stdout}${stderr}` };
  }

  stop() {
    return this.#command.stop();
  }
}

/** A relay that drops connections on which nothing has come for a time. @param {number} target */
async function idleRelay(target) {
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    const drop = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on("error", drop).on("close", drop);
    near.setTimeout(dropMs, drop);
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { port, close: () => server.close() };
}
