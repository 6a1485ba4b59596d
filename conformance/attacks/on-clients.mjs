/** Attacks of hostile servers on processes of ours that are clients. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { attacksOnClients, FrameType } from "@trunkline/h2/testing";
import { Attacker } from "./attacker.mjs";
import { forgetPeak, residentMemory } from "./memory.mjs";
import { grpcServer } from "./victims.mjs";

const MiB = 2 ** 20;
const mostGrowthBytes = 48 * MiB;
const patienceMs = 15_000;
const response = [{ name: ":status", value: "200" }];

/** @param {import("../lib/cases.mjs").Cases} cases */
export async function attackClients(cases) {
  const good = await grpcServer();
  try {
    await Promise.all(["h2", "grpc"].map((kind) => attackClient(cases, kind, good.port)));
  } finally {
    await good.stop();
  }
}

/** Attacks one kind of client; the kinds are attacked side by side, since half of the time is waiting. */
async function attackClient(cases, kind, goodPort) {
  const victim = new ClientProcess(kind, goodPort);
  try {
    await victim.answer();
    await warmUp(victim);
    const name = kind === "h2" ? "an HTTP/2 client" : "a gRPC client";
    for (const attack of attacksOnClients)
      await cases.run(`${name}: ${attack.title}`, () => attackOnce(victim, attack));
    await cases.run(`${name}: half a frame, and silence`, () => fallSilent(victim));
    await cases.run(`${name}: has survived`, () => mustBe(victim.alive, "it has ended"));
  } finally {
    victim.stop();
  }
}

/** Requests that are refused at once: what compiling and first use take is not an attack's doing. */
async function warmUp(victim) {
  for (let turn = 0; turn < 30; turn++) {
    await withHostileServer(victim, async (attacker) => {
      attacker.send(attacker.frames.rstStream(1, 7));
      attacker.socket.end();
    });
  }
  await sleep(500);
}

async function attackOnce(victim, attack) {
  forgetPeak(victim.pid);
  const before = residentMemory(victim.pid).nowBytes;
  const servedBefore = await victim.served();
  const outcome = await withHostileServer(victim, async (attacker) => {
    await attacker.perform(attack, () => response);
    if (attack.goAway === undefined) await attacker.settled();
    else await attacker.ended();
    const { goAway } = attacker;
    mustBe(
      goAway?.code === attack.goAway,
      `answered with ${goAway?.code} (${goAway?.why}) instead of ${attack.goAway}`,
    );
    attacker.socket.destroy();
  });
  if (attack.goAway !== undefined) mustBe(outcome.startsWith("failed"), `the request was ${outcome}`);
  await victim.servedMoreThan(servedBefore + 1);
  const growth = residentMemory(victim.pid).mostBytes - before;
  mustBe(
    growth <= mostGrowthBytes,
    `it took ${(growth / MiB).toFixed(1)} MiB more, which is more than ${mostGrowthBytes / MiB}`,
  );
}

/** Real time: the deadline for a frame is 10 s. */
async function fallSilent(victim) {
  const outcome = await withHostileServer(victim, async (attacker) => {
    attacker.send(Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1]));
    await attacker.ended(20_000);
    mustBe(attacker.goAway?.code === "ENHANCE_YOUR_CALM", `answered with ${attacker.goAway?.code}`);
  });
  mustBe(outcome.startsWith("failed"), `the request was ${outcome}`);
}

/**
 * Lets the victim ask a server that shakes hands, waits for the request, and then does what `attack` does; gives what
 * the victim says of it.
 */
async function withHostileServer(victim, attack) {
  const server = createServer({ allowHalfOpen: true });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const connected = once(server, "connection");
  const outcome = victim.ask(server.address().port);
  const [socket] = await connected;
  // Further connections are rejected.
  server.on("connection", (another) => another.destroy());
  const attacker = new Attacker(socket);
  try {
    attacker.send(attacker.frames.settings(), attacker.frames.settingsAck());
    while (!attacker.output.some(({ type }) => type === FrameType.HEADERS)) await sleep(2);
    await attack(attacker);
  } finally {
    socket.destroy();
    server.close();
  }
  return outcome;
}

/** `client.mjs`, and the lines that it says. */
class ClientProcess {
  #child;
  #lines;

  constructor(kind, goodPort) {
    const program = fileURLToPath(new URL("client.mjs", import.meta.url));
    this.#child = spawn(process.execPath, [program, kind, String(goodPort)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  get pid() {
    return this.#child.pid;
  }

  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async answer() {
    const late = sleep(patienceMs, "late", { ref: false });
    const next = await Promise.race([this.#lines.next(), late]);
    if (next === "late") throw new Error(`the client has not answered for ${patienceMs} ms`);
    if (next.done) throw new Error("the client has ended");
    return next.value;
  }

  async ask(port) {
    this.#child.stdin.write(`${port}\n`);
    return this.answer();
  }

  async served() {
    this.#child.stdin.write("served\n");
    return Number(await this.answer());
  }

  async servedMoreThan(count) {
    const end = performance.now() + patienceMs;
    while ((await this.served()) <= count) {
      if (performance.now() > end) throw new Error(`requests to a good server were not served for ${patienceMs} ms`);
      await sleep(5);
    }
  }

  stop() {
    this.#child.kill("SIGKILL");
  }
}

function mustBe(isSo, message) {
  if (!isSo) throw new Error(message);
}
