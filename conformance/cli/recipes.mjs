/**
 * The page of recipes, run as a user would run it: each block in a shell of its own, with the services that the page
 * takes for granted. Ports and the router's name are exchanged for what is free here. What a block prints must have the
 * lines that follow `#=>`, where `…` stands for any text.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Server } from "@trunkline/grpc";
import { Health } from "@trunkline/grpc/health";
import { addReflection } from "@trunkline/grpc/reflection";
import { installedByApt } from "../lib/apt.mjs";
import { freePort } from "../lib/child.mjs";
import { startRedis } from "../lib/redis.mjs";
import { sshClient, startSshd } from "../lib/sshd.mjs";

const page = fileURLToPath(new URL("../../packages/cli/docs/recipes.md", import.meta.url));
const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const blockTimeoutMs = 60_000;

/** The services of the page, by the port that it gives them. */
const services = { 3000: web, 22: ssh, 6379: redis, 53: dns, 50051: grpc };
/** The ports of the page on which the command listens. */
const ours = [7420, 8080, 8081, 8082, 8099, 16379, 16380, 5353];

/**
 * Runs every recipe as a case.
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {{ folder: string, keep: (running: { stop(): Promise<void> }) => void }} lab
 */
export async function runRecipes(cases, lab) {
  const programs = ["curl", "rsync", "openssh-client", "redis-tools", "bind9-dnsutils"];
  for (const [index, program] of ["curl", "rsync", "scp", "redis-cli", "dig"].entries())
    installedByApt(program, programs[index]);
  const home = join(lab.folder, "recipes");
  mkdirSync(join(home, "bin"), { recursive: true });
  program(home, "trunkline", `exec "${process.execPath}" "${main}" "$@"`);
  /** @type {Map<number, number>} */
  const ports = new Map();
  for (const [port, serve] of Object.entries(services)) {
    const running = await serve(home);
    lab.keep(running);
    ports.set(Number(port), running.port);
  }
  for (const port of ours) ports.set(port, await freePort());
  for (const { title, blocks } of recipes()) {
    await cases.run(`recipe ${title}`, async () => {
      /** @type {(() => string)[]} */
      const outputs = [];
      try {
        for (const block of blocks) outputs.push(await runBlock(block, home, ports, lab));
      } catch (error) {
        const printed = outputs.map((output) => output()).join("\n");
        throw new Error(`${error.message}\nthe blocks before it have printed: ${printed}`);
      }
    });
  }
}

/** @typedef {{ serves: boolean, text: string }} Block */

/** @returns {{ title: string, blocks: Block[] }[]} */
function recipes() {
  const [, ...sections] = readFileSync(page, "utf8").split(/^## /m);
  assert.equal(sections.length, 12, "the page has as many recipes as its title says");
  return sections.map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    blocks: [...section.matchAll(/^```sh( serves)?\n(.*?)^```$/gms)].map(([, serves, text = ""]) => ({
      serves: serves !== undefined,
      text,
    })),
  }));
}

/**
 * Runs a block to its end; one that serves only until it has written its first line.
 * @param {Block} block @param {string} home @param {ReadonlyMap<number, number>} ports
 * @param {{ keep: (running: { stop(): Promise<void> }) => void }} lab
 * @returns {Promise<() => string>} what it has printed
 */
async function runBlock({ serves, text }, home, ports, lab) {
  let script = text.replaceAll("router.example.org", "localhost").replaceAll("0.0.0.0", "127.0.0.1");
  script = script.replaceAll("8000-8099", String(ports.get(8099)));
  script = script.replace(/(?<![\w.-])\d+(?![\w.-])/g, (digits) => String(ports.get(Number(digits)) ?? digits));
  const env = { PATH: `${join(home, "bin")}:${process.env.PATH}`, HOME: home, XDG_RUNTIME_DIR: home };
  // A group of its own, so that what the shell has started ends with it.
  const shell = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd: home,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(shell, "close");
  const stop = async () => {
    if (shell.exitCode === null && shell.signalCode === null) process.kill(-(shell.pid ?? 0), "SIGKILL");
    await ended;
  };
  let output = "";
  const firstLine = new Promise((resolve) => {
    for (const stream of [shell.stdout, shell.stderr])
      stream.setEncoding("utf8").on("data", (part) => {
        output += part;
        if (output.includes("\n")) resolve(undefined);
      });
  });
  const timer = setTimeout(stop, blockTimeoutMs);
  await Promise.race(serves ? [ended, firstLine] : [ended]);
  if (serves && shell.exitCode === null) {
    clearTimeout(timer);
    lab.keep({ stop });
    return () => output;
  }
  const [code] = await ended;
  clearTimeout(timer);
  assert.equal(code, 0, `${script}\nended with ${code}: ${output}`);
  for (const [, wanted = ""] of text.matchAll(/^#=> (.*)$/gm)) {
    const parts = wanted.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    if (!new RegExp(`^${parts.join(".*")}$`, "m").test(output))
      assert.fail(`${script}\nhas not printed ${wanted}, but ${output}`);
  }
  return () => output;
}

/** @param {string} home @param {string} name @param {string} script of bash */
function program(home, name, script) {
  const path = join(home, "bin", name);
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
}

async function web() {
  const server = createServer((_, response) => response.end("hello from the device\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: server.address().port, stop: async () => void server.closeAllConnections() ?? server.close() };
}

/** An sshd, and an ssh that has its key. @param {string} home */
async function ssh(home) {
  const { server, port, key } = await startSshd(home);
  const { options, user } = sshClient(home, key);
  for (const name of ["ssh", "scp"]) {
    const words = options.map((word) => `'${word}'`).join(" ");
    const real = installedByApt(name, "openssh-client");
    // The page logs in as "me", which rsync gives to ssh as a word of its own.
    const asUser = `[[ $word == me ]] && word=${user}; own+=("\${word/#me@/${user}@}")`;
    program(home, name, `own=(); for word; do ${asUser}; done; exec ${real} ${words} "\${own[@]}"`);
  }
  return { port, stop: () => server.stop() };
}

/** @param {string} home */
async function redis(home) {
  const { server, port } = await startRedis(home);
  return { port, stop: () => server.stop() };
}

/** Answers every query with 192.0.2.7 (RFC 1035 §4.1). */
async function dns() {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address }) => {
    let end = 12;
    while (query[end] !== 0) end += query[end] + 1;
    const question = query.subarray(12, end + 5);
    const header = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
    socket.send(Buffer.concat([header, question, answer]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, stop: async () => void socket.close() };
}

async function grpc() {
  const server = new Server();
  new Health().addTo(server).set("", "SERVING");
  addReflection(server);
  const address = await server.listen("127.0.0.1:0");
  return { port: Number(address.split(":").at(-1)), stop: () => server.close({ closeTimeoutMs: 0 }) };
}
