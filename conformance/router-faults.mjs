/**
 * Processes that are killed (SIGKILL) or stopped (SIGSTOP, for good or for a moment): listener, dialler, router and
 * target, while a stream waits for its listener, is paired, is half-closed, or its router drains. Each survivor knows
 * within the documented limit, by an error, and both survivors of a router go on where they may resume. Nothing that
 * was cut looks complete; the listener is back by itself within 2 s of the router's return; and afterwards a new
 * connection goes through, and each survivor ends by SIGTERM with the code 0. With `--full` the same is done with the
 * default times of keepalive, too.
 *
 * A process that is killed has its own sockets ended by its kernel, often by an orderly FIN. What the client of a
 * killed dialler and that of a killed target are told is therefore not judged, and they are survivors of nothing here.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { TestRouter, Tunnel } from "./faults/lab.mjs";
import { Cases } from "./lib/cases.mjs";
import { until } from "./lib/until.mjs";

const full = process.argv.includes("--full");
/** `FAULTS=text`: only the cases with this text in their titles. */
const chosen = process.env.FAULTS ?? "";
/** The number of cases that run at once: most of their time is waiting. */
const atOnce = 16;
/** The time that a loaded machine may take on top of each documented limit. */
const slackMs = 5_000;
/** The time that a survivor waits for a peer that stays away, and for a router that comes back. */
const resumeMs = 5_000;
const longResumeMs = 40_000;
/** The longest time until a client of `connect --wait 3s` knows: the wait, and the attempt that goes on at its end. */
const waitMs = 13_000;
const graceMs = 4_000;
const pauseMs = 1_200;
const backWithinMs = 2_000;
/** The exit code of an interrupted stream over standard input and output. */
const broken = 74;

const quick = { name: "", keepaliveMs: 2_000, timeoutMs: 3_000 };
const usual = { name: ", default keepalive", keepaliveMs: 20_000, timeoutMs: 35_000 };

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  for (const life of full ? [quick, usual] : [quick]) {
    const shared = await TestRouter.start(routerArgs(life));
    try {
      const work = faults(life, shared).filter(({ title }) => title.includes(chosen));
      const workers = Array.from({ length: atOnce }, async () => {
        for (let next = work.shift(); next !== undefined; next = work.shift()) {
          await cases.run(`${next.title}${life.name}`, next.check, 240_000);
        }
      });
      await Promise.all(workers);
    } finally {
      await shared.stop();
    }
  }
  return cases.counts;
}

const seconds = (ms) => `${ms / 1_000}s`;
const lifeArgs = ({ keepaliveMs, timeoutMs }) => [
  "--keepalive",
  seconds(keepaliveMs),
  "--keepalive-timeout",
  seconds(timeoutMs),
];
const routerArgs = (life) => ["--grace", seconds(graceMs), ...lifeArgs(life)];

function faults(life, shared) {
  const found = [];
  let number = 0;
  for (const stage of ["waiting", "paired", "half-closed", "draining"]) {
    for (const victim of ["listener", "dialler", "router", "target"]) {
      for (const fault of ["killed", "stopped", "paused"]) {
        for (const resume of [true, false]) {
          // Keepalive has no part in what a kill does, and a moment is the same for each keepalive.
          if (life === usual && fault !== "stopped") continue;
          if (!full && !isInShortForm(stage, victim, fault, resume)) continue;
          const name = `fault-${number++}`;
          const title = `${stage}, ${victim} ${fault}, resume ${resume ? "on" : "off"}`;
          const check = () =>
            withTunnel({ stage, victim, fault, name, life, resume, shared }, (tunnel) =>
              judge(tunnel, { stage, victim, fault, resume, life }),
            );
          found.push({ title, check });
        }
      }
    }
  }
  if (life === quick) {
    for (const victim of ["listener", "router"]) {
      for (const resume of [true, false]) {
        const title = `standard input and output, ${victim} killed, resume ${resume ? "on" : "off"}`;
        found.push({ title: `${title}: exit code ${broken}`, check: () => standardStreams(victim, resume, life) });
      }
    }
  }
  return found;
}

/** The cases of CI: a pause only of what is paired, and what a drain and the target have to do with resume once. */
function isInShortForm(stage, victim, fault, resume) {
  if (fault === "paused") return stage === "paired" && victim !== "target" && resume;
  if (victim === "target") return !resume;
  return stage !== "draining" || resume;
}

async function withTunnel({ stage, victim, fault, name, life, resume, shared }, use) {
  const own = victim === "router" || stage === "draining";
  const router = own ? await TestRouter.start(routerArgs(life)) : shared;
  const breaks = (victim === "listener" || victim === "dialler") && fault !== "paused";
  const patience = seconds(breaks ? resumeMs : longResumeMs);
  let tunnel;
  try {
    tunnel = await Tunnel.start(router, name, ["--resume", resume ? patience : "0", ...lifeArgs(life)]);
    await use(tunnel);
  } finally {
    await tunnel?.stop();
    if (own) await router.stop();
  }
}

async function judge(tunnel, { stage, victim, fault, resume, life }) {
  const knownMs = life.keepaliveMs + life.timeoutMs;
  const limitMs = (fault === "stopped" ? knownMs : 0) + (resume ? resumeMs : 0) + slackMs;
  if (stage === "waiting") return await whileWaiting(tunnel, { victim, fault, resume, knownMs });
  const conversation = tunnel.converse();
  await conversation.answered(30_000);
  if (stage === "half-closed") {
    conversation.finish();
    await until(() => conversation.received > conversation.sent, 10_000, "the target's own bytes have come");
  } else conversation.keepTalking(1_024);
  await sleep(300);
  if (stage === "draining") {
    tunnel.router.command.kill("SIGTERM");
    await tunnel.router.command.event("ending", 10_000);
  }
  const exposedBefore = tunnel.listener.all("exposed").length;
  const process = tunnel.process(victim);
  process.kill(fault === "killed" ? "SIGKILL" : "SIGSTOP");
  if (fault === "paused") {
    await sleep(pauseMs);
    process.kill("SIGCONT");
  }

  if (stage === "draining") await whileDraining(tunnel, conversation, { victim, fault, resume, limitMs });
  else if (fault === "paused") await goesOn(tunnel, conversation);
  else if (victim === "router") await routerGone(tunnel, conversation, { fault, resume, limitMs, exposedBefore });
  else if (victim === "target") await targetGone(tunnel, conversation, { fault });
  else await peerGone(tunnel, conversation, { victim, fault, limitMs });
  await isSound(tunnel, victim, fault);
}

/** All that was said comes back, the target's own bytes behind it, and an orderly end on both sides. */
async function goesOn(tunnel, conversation) {
  if (conversation.received === 0) conversation.keepTalking(1_024); // it has waited until now
  const { received } = conversation;
  await until(() => conversation.received > received + 2_048 || conversation.wrong, 30_000, "the stream has gone on");
  conversation.finish();
  await until(() => tunnel.target.inputEnded, 30_000, "the target has the end");
  tunnel.target.finish();
  await until(() => tunnel.target.closed !== undefined, 30_000, "the target has closed");
  const how = await endWithin(conversation, 30_000);
  assert.equal(how, "end", "the client's connection");
  assert.equal(conversation.wrong, undefined);
  assert.equal(tunnel.target.closed.how, "end", "the target's connection");
  assert.equal(conversation.received, tunnel.target.closed.sent, "bytes at the client, of those that the target sent");
}

async function endWithin(conversation, ms) {
  const startedMs = performance.now();
  const how = await Promise.race([conversation.ended, sleep(ms, undefined, { ref: false })]);
  if (process.env.DEBUG) console.log(`told after ${Math.round(performance.now() - startedMs)} of ${ms} ms: ${how}`);
  if (how === undefined) throw new Error(`the client is not told within ${ms} ms`);
  return how;
}

async function clientBreaks(conversation, ms) {
  const how = await endWithin(conversation, ms);
  assert.notEqual(how, "end", "the client of a stream that was cut has an orderly end");
  assert.equal(conversation.wrong, undefined);
}

async function targetBreaks(tunnel, ms, halfClosed) {
  await until(
    () => tunnel.target.closed !== undefined || (tunnel.target.inputEnded && !halfClosed),
    ms,
    "the target was told",
  );
  assert.equal(tunnel.target.inputEnded, halfClosed, "the target of a stream that was cut has an end of its input");
  assert.notEqual(tunnel.target.closed?.how, "end", "the target of a stream that was cut has an orderly end");
}

/** A survivor reports the connection with its error. */
function reportsError(command, what) {
  return until(
    () => command.all("connection-closed").some(({ error }) => typeof error === "string" && error !== ""),
    slackMs,
    `the ${what} has reported the connection with an error`,
  );
}

async function peerGone(tunnel, conversation, { victim, fault, limitMs }) {
  const halfClosed = tunnel.target.inputEnded;
  const survivor = victim === "listener" ? "dialler" : "listener";
  if (victim === "listener") await clientBreaks(conversation, limitMs);
  else await targetBreaks(tunnel, limitMs, halfClosed);
  await reportsError(tunnel[survivor], survivor);
  if (fault !== "stopped") return;
  // The one that was stopped and goes on must not take what it has for the whole.
  tunnel.process(victim).kill("SIGCONT");
  if (victim === "listener") await targetBreaks(tunnel, resumeMs + 2 * slackMs, halfClosed);
  else await clientBreaks(conversation, resumeMs + 2 * slackMs);
}

async function routerGone(tunnel, conversation, { fault, resume, limitMs, exposedBefore }) {
  const halfClosed = tunnel.target.inputEnded;
  if (resume) {
    await sleep(fault === "killed" ? 1_000 : 2_000);
  } else {
    await Promise.all([clientBreaks(conversation, limitMs), targetBreaks(tunnel, limitMs, halfClosed)]);
    await Promise.all([reportsError(tunnel.listener, "listener"), reportsError(tunnel.dialler, "dialler")]);
  }
  if (fault === "killed") await tunnel.router.start();
  else tunnel.router.command.kill("SIGCONT");
  const backMs = performance.now();
  if (fault === "killed" || !resume) await isBack(tunnel, exposedBefore, backMs);
  if (resume) await goesOn(tunnel, conversation);
}

async function isBack(tunnel, exposedBefore, backMs) {
  await until(() => tunnel.listener.all("exposed").length > exposedBefore, 30_000, "the listener is back");
  const tookMs = Math.round(performance.now() - backMs);
  assert.ok(tookMs <= backWithinMs, `the listener was back ${tookMs} ms after the router`);
}

async function targetGone(tunnel, conversation, { fault }) {
  if (fault === "stopped") {
    // A target that takes nothing is slow: it may take its time.
    await sleep(7_000);
    tunnel.target.kill("SIGCONT");
    return await goesOn(tunnel, conversation);
  }
  await endWithin(conversation, slackMs);
  const refused = tunnel.converse();
  await clientBreaks(refused, waitMs + slackMs);
  await tunnel.target.start();
}

async function whileDraining(tunnel, conversation, { victim, fault, resume, limitMs }) {
  const old = tunnel.router.command;
  const halfClosed = false;
  if (victim === "router") {
    if (fault === "stopped" && !resume) {
      await Promise.all([clientBreaks(conversation, limitMs), targetBreaks(tunnel, limitMs, halfClosed)]);
    }
    if (fault !== "paused") old.kill("SIGKILL");
  } else if (victim !== "target" && fault !== "paused") {
    if (victim === "listener") await clientBreaks(conversation, limitMs + graceMs);
    else await targetBreaks(tunnel, limitMs + graceMs, halfClosed);
    if (fault === "stopped") tunnel.process(victim).kill("SIGCONT");
  } else if (victim === "target" && fault === "killed") {
    await endWithin(conversation, slackMs);
    await tunnel.target.start();
  }
  await Promise.race([old.ended, sleep(graceMs + 5_000 + slackMs, undefined, { ref: false })]);
  assert.equal(
    old.exit,
    victim === "router" && fault !== "paused" ? "SIGKILL" : 0,
    "the end of the router that drains",
  );
  await tunnel.router.start();
  if (victim === "target" && fault === "stopped") tunnel.target.kill("SIGCONT");
  const lives =
    victim === "router" || victim === "target" ? !(victim === "target" && fault === "killed") : fault === "paused";
  if (!lives) return;
  if (resume) await goesOn(tunnel, conversation);
  else await Promise.all([clientBreaks(conversation, slackMs), targetBreaks(tunnel, slackMs, halfClosed)]);
}

async function whileWaiting(tunnel, { victim, fault, resume, knownMs }) {
  // A listener that is stopped takes no offers: the dialler waits for it.
  if (victim !== "listener") tunnel.listener.kill("SIGSTOP");
  else tunnel.process(victim).kill(fault === "killed" ? "SIGKILL" : "SIGSTOP");
  const conversation = tunnel.converse();
  await sleep(300);
  if (victim !== "listener") tunnel.process(victim).kill(fault === "killed" ? "SIGKILL" : "SIGSTOP");
  if (fault === "paused") {
    await sleep(pauseMs);
    tunnel.process(victim).kill("SIGCONT");
    tunnel.listener.kill("SIGCONT");
    await goesOn(tunnel, conversation);
  } else if (victim === "listener" || victim === "router") {
    await clientBreaks(conversation, waitMs + slackMs + (victim === "router" && fault === "stopped" ? knownMs : 0));
    if (fault === "stopped") tunnel.process(victim).kill("SIGCONT");
    else if (victim === "router") await tunnel.router.start();
    if (victim === "router") tunnel.listener.kill("SIGCONT");
  } else if (victim === "target" && fault === "stopped") {
    tunnel.listener.kill("SIGCONT");
    await sleep(1_000);
    tunnel.target.kill("SIGCONT");
    await goesOn(tunnel, conversation);
  } else if (victim === "target") {
    tunnel.listener.kill("SIGCONT");
    await clientBreaks(conversation, waitMs + slackMs);
    await tunnel.target.start();
  } else {
    tunnel.listener.kill("SIGCONT");
    if (fault === "stopped") {
      await sleep(knownMs + (resume ? resumeMs : 0) + 1_000);
      tunnel.dialler.kill("SIGCONT");
      await clientBreaks(conversation, waitMs + resumeMs + slackMs);
    }
    if (tunnel.target.closed === undefined) await sleep(1_000);
    assert.equal(tunnel.target.inputEnded, false, "the target of a stream that was cut has an end of its input");
  }
  await isSound(tunnel, victim, fault);
}

/** A new connection goes through, after the victim was replaced, and each command ends in order. */
async function isSound(tunnel, victim, fault) {
  if (fault === "killed" && victim === "listener") await tunnel.startListener();
  if (fault === "killed" && victim === "dialler") await tunnel.startDialler();
  const endMs = performance.now() + 20_000;
  for (;;) {
    const conversation = tunnel.converse();
    try {
      await conversation.answered(10_000);
      break;
    } catch (error) {
      // The name may come back a moment after the victim.
      if (performance.now() > endMs) throw new Error(`a new connection afterwards: ${error.message}`);
      await sleep(200);
    } finally {
      conversation.stop();
    }
  }
  for (const role of ["dialler", "listener"]) {
    const command = tunnel[role];
    command.kill("SIGTERM");
    await Promise.race([command.ended, sleep(slackMs, undefined, { ref: false })]);
    assert.equal(command.exit, 0, `the exit code of the ${role}`);
  }
}

/** A stream over standard output has nothing but the exit code to say that it was cut. */
async function standardStreams(victim, resume, life) {
  const router = await TestRouter.start(routerArgs(life));
  const tunnel = await Tunnel.start(router, "standard", [
    "--resume",
    resume ? seconds(resumeMs) : "0",
    ...lifeArgs(life),
  ]);
  try {
    const dialler = tunnel.standardDialler();
    await dialler.said;
    tunnel.process(victim).kill("SIGKILL");
    const limitMs = (resume ? resumeMs : 0) + slackMs;
    await Promise.race([dialler.ended, sleep(limitMs, undefined, { ref: false })]);
    assert.equal(dialler.exit, broken, "the exit code");
  } finally {
    await tunnel.stop();
    await router.stop();
  }
}
