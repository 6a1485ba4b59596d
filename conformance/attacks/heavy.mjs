/**
 * Attacks that fill or stall a server: each goes on for seconds, while a neighbour in a process of its own
 * calls the same victim every 10 ms. The victim's peak stays within a bound for each connection and one for the
 * process, and the neighbour waits hardly longer than it does when nothing else goes on. In the form for CI an attack
 * goes on for four seconds, with `--full` for ten.
 */
import { spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";
import { FrameType, rawFrame } from "@trunkline/h2/testing";
import { Attacker } from "./attacker.mjs";
import { heldBytes } from "./live-memory.mjs";
import { forgetPeak, residentMemory } from "./memory.mjs";
import { requestFields } from "./well-behaved.mjs";

const MiB = 2 ** 20;
/** Peak over idle: a connection may take so much, and all connections together. */
const mostBytesOfConnection = 64 * MiB;
const mostBytesOfProcess = 512 * MiB;
/**
 * The garbage that the resident memory may have at its peak, beside what is held: V8's young generation, which grows to
 * this with calls that live for a while. What a victim really holds, after garbage was collected in the middle of the
 * attack, is held to the bounds above.
 */
const mostGarbageBytes = 48 * MiB;
/** The longest wait of the neighbour, or three times its longest without an attack, whichever is more. */
const longestWaitMs = 250;
const timesUnloaded = 3;
const mostAttempts = 3;
/** `ATTACK=text`: only the attacks with this text in their titles. */
const chosen = process.env.ATTACK ?? "";
/** The length of an attack. */
const attackMs = process.argv.includes("--full") ? 10_000 : 4_000;

const grpcFields = [
  { name: "te", value: "trailers" },
  { name: "content-type", value: "application/grpc" },
];
const gzipFields = [...grpcFields, { name: "grpc-encoding", value: "gzip" }];

/**
 * Runs the attacks, each on a fresh victim, so that no memory that an earlier one has left hides what this one takes.
 * @param {import("../lib/cases.mjs").Cases} cases
 * @param {() => Promise<import("./victims.mjs").Victim>} start
 * @returns {Promise<() => Promise<void>>} runs the attack that is made of waiting, which may go on beside others
 */
export async function attackHeavily(cases, start) {
  const { victim: first, neighbour } = await startBoth(start);
  const wanted = attacksOn(first).filter(({ title }) => title.includes(chosen));
  const unloadedMs = await neighbour.longestWait(attackMs).finally(() => stopBoth(first, neighbour));
  for (const attack of wanted) await judge(cases, start, first.name, attack, unloadedMs);
  return () => judge(cases, start, first.name, waitingAttack, unloadedMs);
}

/** Runs one attack, and again if the neighbour waited for too long. */
async function judge(cases, start, name, { title, connections, attack }, unloadedMs) {
  const mostMs = Math.max(longestWaitMs, timesUnloaded * unloadedMs);
  const mostBytes = Math.min(connections * mostBytesOfConnection, mostBytesOfProcess);
  await cases.run(`${name}: ${title}`, async () => {
    let sample = await sufferOnce(start, connections, attack);
    // Other work on the machine delays a neighbour, too: only what comes each time is the attack's.
    for (let attempt = 2; attempt <= mostAttempts && sample.waitMs > mostMs; attempt += 1) {
      console.log(`        longest wait ${sample.waitMs.toFixed(0)} ms; once more`);
      sample = await sufferOnce(start, connections, attack);
    }
    const { growth, held, waitMs, done } = sample;
    const memory = `${(growth / MiB).toFixed(0)} MiB more, of them ${(held / MiB).toFixed(0)} MiB held`;
    const seen = `${memory}, longest wait ${waitMs.toFixed(0)} ms`;
    console.log(`        ${name}, ${title}: ${seen} (unloaded ${unloadedMs.toFixed(0)} ms); ${done} done`);
    if (held > mostBytes) throw new Error(`${seen}: at most ${mostBytes / MiB} MiB may be held`);
    if (growth > mostBytes + mostGarbageBytes)
      throw new Error(`${seen}: at most ${(mostBytes + mostGarbageBytes) / MiB} MiB are allowed`);
    if (growth > mostBytes) console.log(`        passes the goal of ${mostBytes / MiB} MiB before collection`);
    if (waitMs > mostMs) throw new Error(`${seen}: at most ${mostMs.toFixed(0)} ms are allowed`);
    if (done === 0) throw new Error("nothing of the attack was answered or taken");
  });
}

/** Runs an attack once, on a victim of its own. */
async function sufferOnce(start, connections, attack) {
  const { victim, neighbour } = await startBoth(start);
  try {
    return await suffer(victim, neighbour, connections, attack);
  } finally {
    await stopBoth(victim, neighbour);
  }
}

/** @param {() => Promise<import("./victims.mjs").Victim>} start */
async function startBoth(start) {
  const victim = await start();
  // Compiling and first use are not an attack's doing.
  for (let turn = 0; turn < 300; turn++) await victim.serves();
  return { victim, neighbour: await Neighbour.start(victim.neighbour) };
}

async function stopBoth(victim, neighbour) {
  neighbour.stop();
  await victim.stop();
}

/**
 * Attacks a victim, and returns what it took at most, what it held at the end of the attack, the longest wait of its
 * neighbour, and how much of the attack was done.
 */
async function suffer(victim, neighbour, connections, attack) {
  const { pid } = victim.server;
  const heldBefore = await heldBytes(pid);
  forgetPeak(pid);
  const before = residentMemory(pid).nowBytes;
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const measure = async () => {
    const waitMs = await neighbour.longestWait(attackMs);
    const growth = residentMemory(pid).mostBytes - before;
    const held = (await heldBytes(pid)) - heldBefore;
    return { waitMs, growth, held };
  };
  const [measured, done] = await Promise.all([
    measure().finally(() => over.abort()),
    Promise.all(Array.from({ length: connections }, () => attack(victim, over.signal))),
  ]);
  if (!victim.server.alive) throw new Error("the victim has ended");
  return { ...measured, done: done.reduce((sum, each) => sum + each, 0) };
}

/** An attack of one connection that takes as long as the victim's patience, and hardly any work. */
const waitingAttack = { title: "a header block that goes on for ever", connections: 1, attack: endlessHeaderBlock };

/**
 * Returns the attacks, each with its number of connections. An attack goes on until the signal fires, and returns how
 * many of its requests or moves were taken.
 * @param {import("./victims.mjs").Victim} of the victim, for its paths
 * @returns {{ title: string, connections: number, attack: (victim: import("./victims.mjs").Victim, over: AbortSignal)
 * => Promise<number> }[]}
 */
function attacksOn({ messagePath, parsePath, largePath }) {
  const attacks = [{ title: "the windows of 999 open streams, up and down", connections: 1, attack: windowsUpAndDown }];
  if (messagePath !== undefined) {
    const unfinished = ({ port }, over) => unfinishedMessages(port, messagePath, over);
    attacks.push(
      { title: "1,000 messages of 4 MB that are never finished", connections: 1, attack: unfinished },
      { title: "the same on 16 connections", connections: 16, attack: unfinished },
      {
        title: "messages of 2,000,000 unknown fields",
        connections: 1,
        attack: ({ port }, over) => messagesAgain(port, parsePath, grpcFields, unknownFields(), over),
      },
      {
        title: "messages of 4 KB that inflate to 4 MiB",
        connections: 1,
        attack: ({ port }, over) => messagesAgain(port, messagePath, gzipFields, inflating(), over),
      },
    );
  }
  if (largePath !== undefined) {
    const unread = ({ port }, over) => unreadAnswers(port, largePath, over);
    attacks.push(
      { title: "1,000 answers of 64 KiB to a window of 0", connections: 1, attack: unread },
      { title: "the same answers on 16 connections", connections: 16, attack: unread },
    );
  }
  return attacks;
}

/**
 * Opens 1,000 requests with the beginning of a message of 4,000,000 bytes, and sends what flow control lets through.
 */
async function unfinishedMessages(port, path, over) {
  const connection = HttpConnection.connect(await connectSocket({ host: "127.0.0.1", port }));
  const piece = new Uint8Array(16_384);
  let pieces = 0;
  const message = async () => {
    const stream = await connection.request(requestFields(path, grpcFields));
    await stream.send(prefix(4_000_000));
    for (let sent = 0; sent < 3_980_000 && !over.aborted; sent += piece.length) {
      await stream.send(piece);
      pieces += 1;
    }
    // The last bytes never come.
    await stream.headers();
    stream.release();
  };
  const messages = Array.from({ length: 1_000 }, () => endless(message, over));
  await ended(over);
  connection.driver.destroy();
  await Promise.all(messages);
  return pieces;
}

/** Sends a whole message again and again, 16 at a time. */
async function messagesAgain(port, path, fields, message, over) {
  const connection = HttpConnection.connect(await connectSocket({ host: "127.0.0.1", port }));
  let answered = 0;
  const call = async () => {
    const stream = await connection.request(requestFields(path, fields));
    await stream.send(message, true).catch(() => {}); // a refusal may come before its end
    await stream.headers();
    answered += 1;
    stream.release();
  };
  const calls = Array.from({ length: 16 }, () => endless(call, over));
  await ended(over);
  connection.driver.destroy();
  await Promise.all(calls);
  return answered;
}

/** Asks for 1,000 large answers on a connection whose streams' windows are 0. */
async function unreadAnswers(port, path, over) {
  const attacker = await Attacker.shakenHands(port);
  attacker.send(attacker.frames.settings([[4, 0]]));
  for (let streamId = 1; streamId < 2_000; streamId += 2) {
    attacker.send(attacker.frames.headers(streamId, requestFields(path, grpcFields), 4));
    attacker.send(attacker.frames.data(streamId, [...prefix(0)], 1));
  }
  await ended(over);
  const answers = attacker.output.filter(({ type }) => type === FrameType.HEADERS).length;
  attacker.socket.destroy();
  return answers;
}

/**
 * Moves the initial window of 999 open streams, with a small call after each 90 moves; comes again if it is cut off.
 */
async function windowsUpAndDown(victim, over) {
  let moves = 0;
  const upAndDown = (frames) =>
    Array.from({ length: 90 }, (_, index) => frames.settings([[4, index % 2 ? 65_535 : 0]]));
  while (!over.aborted) {
    const attacker = await Attacker.shakenHands(victim.port);
    const { frames, socket } = attacker;
    let streamId = 1;
    for (; streamId < 1_998; streamId += 2) attacker.send(frames.headers(streamId, victim.held(), 4));
    for (; !over.aborted && !socket.closed && !socket.writableEnded; streamId += 2) {
      attacker.send(
        ...upAndDown(frames),
        frames.headers(streamId, requestFields("/none/none", grpcFields), 4),
        frames.data(streamId, [0], 1),
      );
      moves += 90;
      const drained = socket.writableNeedDrain ? once(socket, "drain").catch(() => {}) : sleep(1);
      await Promise.race([drained, attacker.closed, ended(over)]);
    }
    socket.destroy();
  }
  return moves;
}

/** Continues a header block by one byte every three seconds; the connection must end within 15 s. */
async function endlessHeaderBlock({ port }) {
  const attacker = await Attacker.shakenHands(port);
  attacker.send(rawFrame({ type: FrameType.HEADERS, streamId: 1, payload: [0x82] }));
  let frames = 0;
  const again = setInterval(() => {
    if (!attacker.socket.writable) return;
    attacker.send(rawFrame({ type: FrameType.CONTINUATION, streamId: 1, payload: [0x84] }));
    frames += 1;
  }, 3_000);
  try {
    await attacker.ended(15_000);
  } finally {
    clearInterval(again);
    attacker.socket.destroy();
  }
  return frames;
}

/** Does something until the signal fires; what is refused is tried again after a moment. */
async function endless(work, over) {
  while (!over.aborted) {
    try {
      await work();
    } catch {
      await sleep(20);
    }
  }
}

/** Resolves when the signal fires. @param {AbortSignal} signal */
async function ended(signal) {
  if (!signal.aborted) await once(signal, "abort");
}

/** The prefix of a gRPC message. @param {number} bytes */
function prefix(bytes, compressed = 0) {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(bytes, 1);
  return head;
}

/** A message of 2,000,000 fields with the number 15, each a varint of one byte. */
function unknownFields() {
  const body = Buffer.alloc(4_000_000);
  for (let at = 0; at < body.length; at += 2) body[at] = 15 << 3;
  return Buffer.concat([prefix(body.length), body]);
}

/** A message of some 4 KB that is 4 MiB when it is inflated. */
function inflating() {
  const body = gzipSync(Buffer.alloc(4 * MiB - 64));
  return Buffer.concat([prefix(body.length, 1), body]);
}

class Neighbour {
  #process;
  #lines;

  static async start(victim) {
    const neighbour = new Neighbour(victim);
    await neighbour.#next();
    return neighbour;
  }

  constructor(victim) {
    const program = fileURLToPath(new URL("neighbour.mjs", import.meta.url));
    this.#process = spawn(process.execPath, [program, JSON.stringify(victim)], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Calls for a time and returns the longest wait in milliseconds. @throws Error when a call fails */
  async longestWait(durationMs) {
    this.#process.stdin.write(`${durationMs}\n`);
    const { longestMs, problem } = JSON.parse(await this.#next());
    if (problem !== undefined) throw new Error(`a neighbour's call failed: ${problem}`);
    return longestMs;
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the neighbour has ended");
    return value;
  }

  stop() {
    this.#process.kill("SIGKILL");
  }
}
