/**
 * Attacks on real processes of ours, with their default limits: an HTTP/2 server, a gRPC server, a router, an HTTP/2
 * client and a gRPC client. Each attack comes from this process; meanwhile well-behaved exchanges go on with the same
 * victim. A case has passed when the victim answered as it should, never took more memory than it may, and the others
 * were served all the time. Attacks that are made of waiting go on side by side, each on a victim of its own.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { attacksOnServers, clientPreface } from "@trunkline/h2/testing";
import { Attacker } from "./attacks/attacker.mjs";
import { attackHeavily } from "./attacks/heavy.mjs";
import { floodLogs } from "./attacks/logs.mjs";
import { forgetPeak, residentMemory } from "./attacks/memory.mjs";
import { attackClients } from "./attacks/on-clients.mjs";
import { grpcServer, h2Server, routerProcess } from "./attacks/victims.mjs";
import { Cases } from "./lib/cases.mjs";

const MiB = 2 ** 20;
/**
 * The memory that a victim may take on top of what it had: a full connection window of 16 MiB, and twice as much for
 * the garbage of a busy process.
 */
const mostGrowthBytes = 48 * MiB;
/**
 * The memory that a victim may take where 1,000 answers wait, each with a high-water mark of 64 KiB and a frame of 16
 * KiB.
 */
const mostWaitingBytes = 128 * MiB;
/** A well-behaved client waits no longer, even where the machine is busy with the attack itself. */
const patienceMs = 10_000;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  const waiting = [];
  for (const start of [h2Server, grpcServer, routerProcess]) {
    const victim = await startWarm(start);
    try {
      for (const attack of attacksOnServers)
        await attackOnce(cases, victim, attack.title, () => perform(victim, attack));
      for (const shut of victim.endless === undefined ? [] : [false, true]) {
        const title = shut ? "answers without end to windows that stay shut" : "answers without end that nobody reads";
        await attackOnce(cases, victim, title, () => unread(victim, shut), mostWaitingBytes);
      }
      await hasSurvived(cases, victim);
    } finally {
      await victim.stop();
    }
    if (start !== h2Server) waiting.push(await attackHeavily(cases, start));
    for (const [title, attack] of patientAttacks) waiting.push(() => attackPatiently(cases, start, title, attack));
  }
  await Promise.all(waiting.map((attack) => attack()));
  await floodLogs(cases);
  await attackClients(cases);
  return cases.counts;
}

/** Starts a victim that has served: what compiling and first use take is not an attack's doing. */
async function startWarm(start) {
  const victim = await start();
  for (let turn = 0; turn < 300; turn++) await victim.serves();
  return victim;
}

async function hasSurvived(cases, { name, server }) {
  await cases.run(`${name}: has survived`, () => {
    if (!server.alive) throw new Error("it has ended");
  });
}

/** Runs an attack that is made of waiting, on a victim of its own. */
async function attackPatiently(cases, start, title, attack) {
  const victim = await startWarm(start);
  try {
    await attackOnce(cases, victim, title, async () => {
      await attack(victim);
      if (!victim.server.alive) throw new Error("it has ended");
    });
  } finally {
    await victim.stop();
  }
}

/** Runs one attack with a well-behaved client beside it. */
async function attackOnce(cases, victim, title, attack, mostBytes = mostGrowthBytes) {
  await cases.run(`${victim.name}: ${title}`, async () => {
    const { pid } = victim.server;
    forgetPeak(pid);
    const before = residentMemory(pid).nowBytes;
    const neighbour = new Neighbour(victim);
    try {
      await attack();
    } finally {
      await neighbour.stop();
    }
    const growth = residentMemory(pid).mostBytes - before;
    if (growth > mostBytes)
      throw new Error(`it took ${(growth / MiB).toFixed(1)} MiB more, which is more than ${mostBytes / MiB}`);
  });
}

async function perform(victim, attack) {
  const attacker = await Attacker.shakenHands(victim.port);
  try {
    await attacker.perform(attack, victim.held);
    if (attack.goAway === undefined) await attacker.settled();
    else await attacker.ended();
    const { goAway } = attacker;
    if (goAway?.code !== attack.goAway)
      throw new Error(`answered with ${goAway?.code} (${goAway?.why}) instead of ${attack.goAway}`);
    if (attack.why !== undefined && !attack.why.test(goAway?.why ?? "")) throw new Error(`GOAWAY says ${goAway?.why}`);
  } finally {
    attacker.socket.destroy();
  }
}

/** Sends the beginning of something on 100 connections, each of which the victim must close, and not at once. */
async function beginAndWait(bytes, begin, { port }) {
  const attackers = await Promise.all(Array.from({ length: 100 }, () => begin(port)));
  for (const attacker of attackers) attacker.send(...bytes);
  const started = performance.now();
  await Promise.all(attackers.map((attacker) => attacker.ended(20_000)));
  const lasted = performance.now() - started;
  if (lasted < 5_000) throw new Error(`given up after ${Math.round(lasted)} ms already`);
}

const halfPreface = clientPreface.subarray(0, 10);
const halfPing = Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1]);
/** Attacks that are made of waiting, on many connections at once. */
const patientAttacks = [
  ["100 connections that say nothing are closed", (victim) => beginAndWait([], Attacker.connect, victim)],
  ["100 connections with half a preface are closed", (victim) => beginAndWait([halfPreface], Attacker.connect, victim)],
  ["100 connections with half a PING are closed", (victim) => beginAndWait([halfPing], Attacker.shakenHands, victim)],
];

/** 20 connections with 50 endless answers each; their sockets are never read, or their windows never opened. */
async function unread(victim, shut) {
  const attackers = await Promise.all(Array.from({ length: 20 }, () => Attacker.shakenHands(victim.port)));
  try {
    for (const attacker of attackers) {
      attacker.socket.pause();
      attacker.send(
        attacker.frames.settings([[4, shut ? 0 : 2 ** 31 - 1]]),
        attacker.frames.windowUpdate(0, 2 ** 31 - 65_536),
      );
      for (let streamId = 1; streamId < (shut ? 100 : 20); streamId += 2) {
        attacker.send(attacker.frames.headers(streamId, victim.endless, 5));
      }
    }
    await sleep(5_000);
  } finally {
    for (const attacker of attackers) attacker.socket.destroy();
  }
}

/** A well-behaved client: one exchange after the other for as long as the attack lasts, and one after it. */
class Neighbour {
  #over = false;
  #exchanges = 0;
  #work;

  constructor(victim) {
    this.#work = this.#goOn(victim);
    this.#work.catch(() => {}); // told by `stop`
  }

  async #goOn(victim) {
    do {
      const late = sleep(patienceMs, "late", { ref: false });
      if ((await Promise.race([victim.serves(), late])) === "late")
        throw new Error(`a well-behaved client waited for ${patienceMs} ms`);
      this.#exchanges += 1;
      await sleep(5);
    } while (!this.#over || this.#exchanges < 2);
  }

  async stop() {
    this.#over = true;
    await this.#work;
  }
}
