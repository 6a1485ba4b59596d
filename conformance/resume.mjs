/**
 * Tunnels that survive: `connect` and `expose` carry connections on which both sides talk all the time, each byte
 * checked, while the router is killed, drained or stopped and started again, while its port is away, and while both
 * commands' own ways are cut. No connection may break, and no byte may be lost, doubled or changed. Then the commands
 * themselves are killed and ended: the other side is told at once, and waits no longer than it was told to. Programs as
 * users run them (ssh, curl) go through a tunnel whose router is killed ten times. With `--full`, 1,000 kills.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Cases } from "./lib/cases.mjs";
import { Relay } from "./lib/relay.mjs";
import { ResumeLab } from "./resume/lab.mjs";
import { usePrograms } from "./resume/programs.mjs";

const full = process.argv.includes("--full");
/** The time between two kills. */
const killEveryMs = 2_000;
/** The routers that are killed at the same time with `--full`, each with its own tunnel. */
const labsAtOnce = 4;
const kills = full ? 1_000 / labsAtOnce : 12;
/** The time for a case. */
const caseMs = full ? 1_800_000 : 120_000;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  const killed = (labs) => () => Promise.all(Array.from({ length: labs }, () => withLab(killedRouter)));
  const labs = full ? labsAtOnce : 1;
  await cases.run(`the router is killed ${kills * labs} times, under 20 connections`, killed(labs), caseMs);
  await cases.run("the router is drained and started again, under load", () => withLab(drainedRouter), caseMs);
  await cases.run("the router is stopped for 3 s and goes on", () => withLab(stoppedRouter), caseMs);
  await cases.run("the router is away for 20 s", () => withLab(awayRouter), caseMs);
  await cases.run("the ways of connect and expose are reset, in turn", cutWays, caseMs);
  await cases.run("expose is killed: connect is told within 2 s, and breaks after --resume", () =>
    killedPeer("expose"),
  );
  await cases.run("connect is killed: expose is told within 2 s, and breaks after --resume", () =>
    killedPeer("connect"),
  );
  await cases.run("expose is ended: the connection breaks at once", () => endedPeer("expose"));
  await cases.run("connect is ended: the connection breaks at once", () => endedPeer("connect"));
  await withLab((lab) => usePrograms(cases, lab, full));
  return cases.counts;
}

/** @param {(lab: ResumeLab) => Promise<void>} use */
async function withLab(use) {
  const lab = await ResumeLab.start();
  try {
    await use(lab);
  } finally {
    await lab.end();
  }
}

/** @param {ResumeLab} lab */
async function killedRouter(lab) {
  const talk = await lab.talk(20, 8_192);
  const pauses = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(killEveryMs);
    await lab.router.stop();
    await lab.startRouter();
    const readyMs = performance.now();
    await talk.allGoOn(30_000, () => pauses.push(performance.now() - readyMs));
  }
  await talk.endWhole();
  report("from the router's ready line to the next byte", pauses);
  assert.ok(percentile(pauses, 0.99) < 1_000, `p99 of the pause is ${Math.round(percentile(pauses, 0.99))} ms`);
}

/** @param {ResumeLab} lab */
async function drainedRouter(lab) {
  const talk = await lab.talk(20, 1_024);
  const stalls = { control: [], drain: [] };
  for (let round = 0; round < (full ? 20 : 4); round += 1) {
    // The start of a process takes a core away: the control starts one, too.
    talk.resetGaps();
    const other = await lab.startOtherRouter();
    await sleep(1_500);
    stalls.control.push(...talk.gapsMs());
    await other.stop();
    talk.resetGaps();
    const old = lab.router;
    old.kill("SIGTERM");
    await old.event("ending");
    await lab.startRouter();
    await sleep(1_500);
    stalls.drain.push(...talk.gapsMs());
    await talk.allGoOn(10_000);
    await old.ended;
  }
  await talk.endWhole();
  report("longest gap while a process starts", stalls.control);
  report("longest gap while the router is drained", stalls.drain);
  const more = percentile(stalls.drain, 0.5) - percentile(stalls.control, 0.5);
  assert.ok(more < 50, `a drain stalls ${Math.round(more)} ms longer than the control`);
}

/** @param {ResumeLab} lab */
async function stoppedRouter(lab) {
  const talk = await lab.talk(20, 4_096);
  for (let round = 0; round < (full ? 20 : 2); round += 1) {
    lab.router.kill("SIGSTOP");
    await sleep(3_000);
    lab.router.kill("SIGCONT");
    await talk.allGoOn(30_000);
  }
  await talk.endWhole();
}

/** @param {ResumeLab} lab */
async function awayRouter(lab) {
  const talk = await lab.talk(20, 4_096);
  await lab.router.stop();
  await sleep(20_000);
  await lab.startRouter();
  await talk.allGoOn(30_000);
  await talk.endWhole();
}

async function cutWays() {
  const lab = await ResumeLab.start((port) => Promise.all([Relay.to(port), Relay.to(port)]));
  try {
    const talk = await lab.talk(20, 4_096);
    for (let round = 0; round < (full ? 100 : 10); round += 1) {
      await sleep(500);
      lab.relays[round % 2].lose("reset");
      await talk.allGoOn(30_000);
    }
    await talk.endWhole();
  } finally {
    await lab.end();
  }
}

/** @param {"expose" | "connect"} victim */
async function killedPeer(victim) {
  await withLab(async (lab) => {
    const talk = await lab.talk(1, 1_024, "5s");
    const other = victim === "expose" ? lab.connect : lab.expose;
    const killedMs = performance.now();
    await lab[victim].stop();
    const { error } = /** @type {any} */ (await other.event("stream-detached", 2_000));
    assert.match(error, /other side/);
    const { error: why } = /** @type {any} */ (await other.event("connection-closed", 20_000));
    const tookMs = performance.now() - killedMs;
    assert.match(why, /not resumed within resumeTimeoutMs \(5000\)/);
    assert.ok(tookMs > 4_500, `it broke after ${Math.round(tookMs)} ms`);
    await talk.allBreak();
  });
}

/** @param {"expose" | "connect"} ended */
async function endedPeer(ended) {
  await withLab(async (lab) => {
    const talk = await lab.talk(1, 1_024);
    const other = ended === "expose" ? lab.connect : lab.expose;
    lab[ended].kill("SIGTERM");
    const { error } = /** @type {any} */ (await other.event("connection-closed", 10_000));
    assert.match(error, /the command was ended/);
    assert.equal(other.all("stream-detached").length, 0);
    await talk.allBreak();
  });
}

/** @param {number[]} values @param {number} share */
function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @param {string} what @param {number[]} ms */
function report(what, ms) {
  const [median, high, most] = [0.5, 0.99, 1].map((share) => Math.round(percentile(ms, share)));
  console.log(`        ${what}: median ${median} ms, p99 ${high} ms, at most ${most} ms of ${ms.length}`);
}
