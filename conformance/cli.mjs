/**
 * Real programs through the command, as users run them: ssh, scp and rsync with a real sshd by `connect --stdio`, curl,
 * Redis and PostgreSQL with their own load beside the direct connection, WebSockets, transfers by `send` and `recv`
 * that are killed in the middle, completion in the shells, `doctor` beside each broken hop, mistakes with routers and
 * tokens, the output in a pseudo-terminal, the time to start, and the page of recipes.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect as connectTcp, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publishTo } from "../scripts/bundle.mjs";
import { breakHops } from "./cli/doctor.mjs";
import { makeMistakes } from "./cli/mistakes.mjs";
import { usePostgres } from "./cli/postgres.mjs";
import { runRecipes } from "./cli/recipes.mjs";
import { useTerminal, useWebSocket } from "./cli/sessions.mjs";
import { useShells } from "./cli/shells.mjs";
import { measureStart } from "./cli/start.mjs";
import { lookAtTerminals } from "./cli/terminals.mjs";
import { installedByApt } from "./lib/apt.mjs";
import { Cases } from "./lib/cases.mjs";
import { excerpt, mustRun, runToEnd } from "./lib/child.mjs";
import { Command } from "./lib/command.mjs";
import { startRedis } from "./lib/redis.mjs";
import { sshThrough, startSshd } from "./lib/sshd.mjs";

const full = process.argv.includes("--full");
const timeoutMs = 60_000;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const programs = {
    ssh: installedByApt("ssh", "openssh-client"),
    scp: installedByApt("scp", "openssh-client"),
    rsync: installedByApt("rsync", "rsync"),
    curl: installedByApt("curl", "curl"),
    benchmark: installedByApt("redis-benchmark", "redis-tools"),
  };
  const cases = new Cases();
  const lab = new Lab();
  try {
    await lab.start("router", "--listen", "127.0.0.1:0").event("listening");
    await useSsh(cases, lab, programs);
    await useCurl(cases, lab, programs);
    await useRedis(cases, lab, programs);
    await usePostgres(cases, lab, { seconds: full ? 30 : 2 });
    await useWebSocket(cases, lab);
    await openMany(cases, lab);
    await transfer(cases, lab);
    await useShells(cases, lab);
    await breakHops(cases, lab);
    await makeMistakes(cases, lab);
    await lookAtTerminals(cases, lab);
    await measureStart(cases, lab, { name: "web", main: await publishedMain(lab.folder) });
    await runRecipes(cases, lab);
  } finally {
    await lab.end();
  }
  return cases.counts;
}

/** A folder, and the commands and servers that run in it. */
class Lab {
  folder = mkdtempSync(join(tmpdir(), "trunkline-cli-"));
  env = { XDG_RUNTIME_DIR: this.folder, HOME: this.folder };
  /** @type {{ stop(): Promise<void> }[]} */
  #running = [];

  /** @param {...string} args */
  start(...args) {
    return this.keep(new Command(args, this.env));
  }

  /** @template {{ stop(): Promise<void> }} T @param {T} running @returns {T} */
  keep(running) {
    this.#running.push(running);
    return running;
  }

  /** Exposes a target, ready. @param {string} name @param {string | number} target */
  async expose(name, target) {
    await this.start("expose", name, String(target)).event("exposed");
  }

  /** Connects a port to a name. @param {string} name @returns {Promise<number>} */
  async connect(name) {
    return (await this.start("connect", name, "--listen", "127.0.0.1:0").event("listening")).port;
  }

  /** @param {string} name @param {string | Uint8Array} content */
  file(name, content) {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  async end() {
    for (const running of this.#running.reverse()) await running.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const sum = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function useSsh(cases, lab, { ssh, scp, rsync }) {
  const { server, port, key } = await startSshd(lab.folder);
  lab.keep(server);
  await lab.expose("lab/ssh", port);
  const { options, target } = sshThrough(lab.folder, key, "lab/ssh");
  const env = { ...process.env, ...lab.env };
  const content = randomBytes(20_000_000);
  const source = lab.file("source.bin", content);

  await cases.run("ssh: a command gets its input, gives its output, and its exit code comes through", async () => {
    const result = await runToEnd(ssh, [...options, target, "sha256sum; exit 7"], { input: content, env, timeoutMs });
    assert.equal(result.code, 7, excerpt(result));
    assert.equal(result.stdout.toString().slice(0, 64), sum(content));
    assert.equal(result.stderr, "");
  });
  await useTerminal(cases, { ssh, options, target, env });
  await cases.run("scp: a file of 20 MB goes there and comes back", async () => {
    const [there, back] = [join(lab.folder, "there"), join(lab.folder, "back")];
    await mustRun(scp, ["-q", ...options, source, `${target}:${there}`], { env });
    await mustRun(scp, ["-q", ...options, `${target}:${there}`, back], { env });
    assert.equal(sum(readFileSync(back)), sum(content));
  });
  await cases.run("rsync: a tree of 500 files goes there, and nothing is left to do the second time", async () => {
    const tree = join(lab.folder, "tree");
    mkdirSync(tree);
    for (let index = 0; index < 500; index += 1) writeFileSync(join(tree, `${index}`), randomBytes(2_000));
    const args = ["-a", "--stats", "-e", [ssh, ...options].map((word) => `'${word}'`).join(" ")];
    const copy = `${target}:${join(lab.folder, "copy")}`;
    const first = await mustRun(rsync, [...args, `${tree}/`, copy], { env });
    assert.match(first.stdout.toString(), /Number of regular files transferred: 500/);
    const second = await mustRun(rsync, [...args, `${tree}/`, copy], { env });
    assert.match(second.stdout.toString(), /Number of regular files transferred: 0/);
  });
}

async function useCurl(cases, lab, { curl }) {
  const content = randomBytes(full ? 500_000_000 : 60_000_000);
  const server = createServer((request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const length = String(content.length - from);
    const range = `bytes ${from}-${content.length - 1}/${content.length}`;
    response.writeHead(from > 0 ? 206 : 200, { "content-length": length, "content-range": range });
    response.end(content.subarray(from));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  lab.keep({ stop: () => new Promise((resolve) => server.closeAllConnections() ?? server.close(resolve)) });
  await lab.expose("web", server.address().port);
  const url = `http://127.0.0.1:${await lab.connect("web")}/file`;
  const path = join(lab.folder, "download");
  await cases.run("curl: a large file arrives whole, also when it is cut and taken up", async () => {
    const cut = await runToEnd(curl, ["-s", "--max-time", "0.2", "-o", path, url], { timeoutMs });
    assert.ok([0, 28].includes(cut.code), excerpt(cut));
    await mustRun(curl, ["-s", "-C", "-", "-o", path, url]);
    assert.equal(sum(readFileSync(path)), sum(content));
  });
  await cases.run("curl: 60 requests over 6 connections at once", async () => {
    const words = ["-s", "-Z", "--parallel-max", "6", "-r", `${content.length - 100_000}-`];
    const report = ["-w", "%{http_code} %{size_download}\n"];
    const urls = Array.from({ length: 60 }, (_, index) => ["-o", "/dev/null", `${url}?${index}`]).flat();
    const { stdout } = await mustRun(curl, [...words, ...report, ...urls]);
    assert.deepEqual(stdout.toString().trim().split("\n"), new Array(60).fill("206 100000"));
  });
}

async function useRedis(cases, lab, { benchmark }) {
  const { port, server } = await startRedis(lab.folder);
  lab.keep(server);
  await lab.expose("redis", port);
  const tunnel = await lab.connect("redis");
  const rate = async (at, connections, requests) => {
    const load = ["-p", String(at), "-t", "set", "-c", String(connections), "-n", String(requests), "--csv"];
    const { stdout } = await mustRun(benchmark, load, { cwd: lab.folder });
    const [, perSecond] = /"SET","([\d.]+)"/.exec(stdout.toString()) ?? [];
    assert.ok(Number(perSecond) > 0, stdout.toString());
    return Number(perSecond);
  };
  for (const [connections, requests] of [
    [50, 20_000],
    [1, 2_000],
  ]) {
    await cases.run(`redis-benchmark: SET with ${connections} connections, none fails`, async () => {
      const [direct, through] = [await rate(port, connections, requests), await rate(tunnel, connections, requests)];
      console.log(
        `        ${through.toFixed(0)} a second, ${((100 * through) / direct).toFixed(0)} % of the direct way`,
      );
    });
  }
}

async function openMany(cases, lab) {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}).pipe(socket));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", 1_024, resolve));
  lab.keep({ stop: () => new Promise((resolve) => server.close(resolve)) });
  await lab.expose("echo", server.address().port);
  const port = await lab.connect("echo");
  await cases.run("500 connections at once are all answered", async () => {
    const answers = await Promise.all(Array.from({ length: 500 }, (_, index) => echoed(port, `connection ${index}`)));
    assert.deepEqual(
      answers,
      Array.from({ length: 500 }, (_, index) => `connection ${index}`),
    );
  });
}

/** The command as npm has it, in one file and what that loads. @param {string} folder @returns {Promise<string>} */
async function publishedMain(folder) {
  const to = join(folder, "published");
  await publishTo(fileURLToPath(new URL("../packages/cli", import.meta.url)), to);
  return join(to, "dist/main.js");
}

function echoed(port, text) {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.setEncoding("utf8").on("data", (part) => {
      answer += part;
    });
    socket.on("end", () => resolve(answer)).on("error", reject);
    socket.end(text);
  });
}

async function transfer(cases, lab) {
  const from = join(lab.folder, "from");
  mkdirSync(from);
  const many = full ? 10_000 : 2_000;
  mkdirSync(join(from, "many"));
  for (let index = 0; index < many; index += 1) writeFileSync(join(from, "many", `${index}`), `file ${index}`);
  await cases.run(`send and recv: ${many} small files`, async () => {
    const to = join(lab.folder, "to-many");
    mkdirSync(to);
    const [recv, send] = [lab.start("recv", "many", "--to", to), lab.start("send", join(from, "many"), "many")];
    await Promise.all([send.event("sent"), recv.event("received")]);
    assert.equal(readdirSync(join(to, "many")).length, many);
    assert.equal(readFileSync(join(to, "many", "1000"), "utf8"), "file 1000");
  });
  const content = randomBytes(full ? 2_000_000_000 : 200_000_000);
  const large = join(from, "large.bin");
  writeFileSync(large, content);
  for (const victim of ["send", "recv"]) {
    await cases.run(`${victim} is killed in the middle: the other side says so, and the next try goes on`, async () => {
      const to = join(lab.folder, `to-${victim}`);
      mkdirSync(to);
      const shortly = ["--resume", "1s"]; // or the other side would look for the killed one for a minute
      const first = {
        recv: lab.start("recv", victim, "--to", to, ...shortly),
        send: lab.start("send", large, victim, ...shortly),
      };
      await first.send.event("progress");
      await first[victim].stop();
      const other = victim === "send" ? first.recv : first.send;
      const { exitCode, message } = await other.event("error");
      assert.equal(exitCode, 74, message);
      assert.match(message, /incomplete|given up|broke/);
      await other.ended;
      assert.ok(!existsSync(join(to, "large.bin")));
      const again = { recv: lab.start("recv", victim, "--to", to), send: lab.start("send", large, victim) };
      const { resumedBytes } = await again.send.event("sent");
      await again.recv.event("received");
      assert.ok(resumedBytes > 1_000_000, `${resumedBytes} bytes were taken up`);
      assert.equal(sum(readFileSync(join(to, "large.bin"))), sum(content));
      assert.deepEqual(readdirSync(to), ["large.bin"]);
    });
  }
}
