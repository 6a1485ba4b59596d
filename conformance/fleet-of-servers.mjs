/**
 * Five servers behind round_robin, as processes, under load from one channel. Servers are killed, stopped, drained,
 * started again, added and removed at random. No call may fail that the protocol lets a client save: those that may run
 * again, and those that were sent nowhere. None may hang, none may run twice that may run only once, and the load must
 * even out soon after each event. Then the fleet is restarted one server after the other, and no call at all may fail.
 * With `--full`, for ten minutes.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Channel, Status } from "@trunkline/grpc";
import { randomFrom } from "../scripts/mutate/sample.mjs";
import { Fleet } from "./fleet-of-servers/fleet.mjs";
import { describe, Load } from "./fleet-of-servers/load.mjs";
import { Cases } from "./lib/cases.mjs";

const full = process.argv.includes("--full");
const size = 5;
const workers = 40;
/** The time of the random events. */
const randomMs = full ? 600_000 : 45_000;
/** The restarts of the whole fleet, one server after the other. */
const rollingRounds = full ? 10 : 2;
/** The time within which the load evens out after the last event, and that in which it is counted then. */
const evenOutMs = 4_000;
const countMs = 1_500;
/** The share of the mean that each server has at least then. */
const leastShare = 0.6;

/** Calls that may run again are tried five times, with waits that outlast the start of a server. */
const serviceConfig = {
  methodConfig: [
    {
      name: [{ service: "fleet.v1.Work", method: "Again" }],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.05s",
        maxBackoff: "1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  await cases.run(
    "servers are killed, stopped, drained, added and removed at random",
    () => withFleet(atRandom),
    randomMs + 60_000,
  );
  await cases.run(
    "the fleet is restarted one by one, and no call fails",
    () => withFleet(rolling),
    rollingRounds * 60_000,
  );
  return cases.counts;
}

/** @param {(fleet: Fleet, channel: Channel, load: Load) => Promise<void>} use */
async function withFleet(use) {
  const fleet = await Fleet.start(size);
  const channel = new Channel("fleet:///work", {
    resolvers: { fleet: () => fleet.addresses },
    loadBalancing: "round_robin",
    plaintext: true,
    serviceConfig,
    refreshIntervalMs: 1_000,
    minResolutionIntervalMs: 500,
    keepaliveIntervalMs: 1_000,
    keepaliveTimeoutMs: 2_000,
    backoff: { initialMs: 100, maxMs: 1_000 },
  });
  const load = new Load(channel, workers);
  try {
    await Promise.race([use(fleet, channel, load), load.broken]);
    await load.end();
    await judge(fleet, load);
  } finally {
    await load.end().catch(() => {});
    await channel.close();
    await fleet.end();
  }
  for (const endMs = performance.now() + 2_000; openSockets() > 0 && performance.now() < endMs; ) await sleep(10);
  assert.equal(openSockets(), 0, "sockets are left 2 s after the channel was closed");
}

/** @param {Fleet} fleet @param {Channel} _channel @param {Load} load */
async function atRandom(fleet, _channel, load) {
  const random = randomFrom(Number(process.env.SEED ?? 1));
  const events = [killed, stopped, drained, removed];
  let count = 0;
  await even(fleet, load, "at the start");
  for (const endMs = performance.now() + randomMs - 2 * (evenOutMs + countMs); performance.now() < endMs; ) {
    const event = events[count % events.length];
    await event(fleet, Math.floor(random() * size), random);
    count += 1;
    if (count % events.length === 0) await even(fleet, load, `after ${event.name}`);
  }
  await even(fleet, load, "at the end");
  const calls = load.ended.once + load.ended.again + load.ended.count;
  assert.ok(calls > 1_000, `only ${calls} calls ended well`);
  console.log(`        ${count} events, ${calls} calls, ${load.failures.length} failed`);
}

async function killed(fleet, place, random) {
  await fleet.kill(place);
  await sleep(random() * 1_000);
  await fleet.startServer(place);
}

async function stopped(fleet, place, random) {
  fleet.signal(place, "SIGSTOP");
  await sleep(1_000 + random() * 4_000);
  fleet.signal(place, "SIGCONT");
}

async function drained(fleet, place) {
  await fleet.drain(place);
  await fleet.startServer(place);
}

async function removed(fleet, place, random) {
  fleet.remove(place);
  await sleep(2_000 + random() * 500);
  fleet.add(place);
}

/** @param {Fleet} fleet @param {Channel} _channel @param {Load} load */
async function rolling(fleet, _channel, load) {
  for (let round = 0; round < rollingRounds; round += 1)
    for (let place = 0; place < size; place += 1) {
      await sleep(300);
      await drained(fleet, place);
    }
  await even(fleet, load, "at the end");
  assert.deepEqual(load.failures.slice(0, 3).map(describe), [], `${load.failures.length} calls failed`);
  console.log(`        ${rollingRounds * size} restarts, ${load.ended.once + load.ended.again} calls, none failed`);
}

/** Waits until the load has evened out, and no longer than it may take. */
async function even(fleet, load, when) {
  await sleep(evenOutMs);
  const answered = await load.answeredIn(countMs);
  const mean = [...answered.values()].reduce((sum, each) => sum + each, 0) / fleet.size;
  for (let place = 0; place < fleet.size; place += 1) {
    const share = (answered.get(fleet.addressOf(place)) ?? 0) / mean;
    assert.ok(share > leastShare, `${when}, a server has ${share.toFixed(2)} of the mean load`);
  }
}

/** Says of each failed call whether the client could have saved it. */
function judge(fleet, load) {
  const begun = fleet.begun();
  const wrong = [];
  for (const failure of load.failures) {
    const { id, kind, status, sentTo } = failure;
    const late = status === Status.DEADLINE_EXCEEDED;
    if (kind === "again") wrong.push(`a call that may run again failed: ${describe(failure)}`);
    else if (sentTo === undefined && !begun.has(id)) wrong.push(`a call was sent nowhere: ${describe(failure)}`);
    else if (status !== Status.UNAVAILABLE && !late) wrong.push(`an unexpected status: ${describe(failure)}`);
  }
  for (const id of load.onceIds) {
    const times = begun.get(id) ?? 0;
    if (times !== 1) wrong.push(`a call that may run once was begun ${times} times`);
  }
  for (const { id } of load.failures.filter(({ kind }) => kind === "once"))
    if ((begun.get(id) ?? 0) > 1) wrong.push(`a failed call that may run once was begun ${begun.get(id)} times`);
  assert.deepEqual(wrong.slice(0, 3), [], `${wrong.length} calls went wrong`);
}

const openSockets = () => process.getActiveResourcesInfo().filter((each) => each === "TCPSocketWrap").length;
