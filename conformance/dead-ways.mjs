/**
 * Ways that die: a relay stands between the router and the commands `connect` and `expose`, and swallows what comes in
 * one direction or both, resets, or stalls, while the tunnel is idle or busy, over plaintext and TLS. A connection goes
 * on by a new way within 60 s, and loses nothing; without `--resume` both of its ends know within 60 s that it is cut
 * off, and never by an orderly end; one that only paused loses nothing either way; new connections go a new way; a name
 * is free again within 60 s. With `--full`, ways also stall for 30 and for 120 s, all is done over TLS, and every loss
 * without `--resume`, too; and readers of many downloads at once pause and get everything. Cases run side by side,
 * since nearly all of their time is waiting.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Cases } from "./lib/cases.mjs";
import { Command, output } from "./lib/command.mjs";
import { Conversation, Echo } from "./lib/conversation.mjs";
import { Relay } from "./lib/relay.mjs";

const full = process.argv.includes("--full");
/** The time within which both ends of a dead way know, and within which a name is free again. */
const knownWithinMs = 60_000;
/** A way that is stalled for longer than this is given up like a dead one. */
const patienceMs = 45_000;
/** The number of cases that run at once. Each has two processes and is idle nearly all of the time. */
const atOnce = 16;

/** The numbers of downloads at once, the bytes of each, and the pauses of their readers in milliseconds. */
const slowReaders = [
  [60, 8_000_000, 45_000],
  [1_500, 200_000, 45_000],
];

const fixture = (name) => fileURLToPath(new URL(`../packages/h2/test/fixtures/${name}`, import.meta.url));

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  for (const tls of [false, true]) {
    const router = await TestRouter.start(tls);
    try {
      const work = casesOf(router, tls);
      const workers = Array.from({ length: atOnce }, async () => {
        for (let next = work.shift(); next !== undefined; next = work.shift()) {
          await cases.run(`${tls ? "TLS" : "plaintext"}: ${next.title}`, next.check, 300_000);
        }
      });
      await Promise.all(workers);
    } finally {
      await router.stop();
    }
  }
  return cases.counts;
}

/** @param {TestRouter} router @param {boolean} tls @returns {{ title: string, check: () => Promise<void> }[]} */
function casesOf(router, tls) {
  const found = [];
  const legs = ["dialler", "listener", "router"];
  const losses = tls && !full ? ["swallow-both"] : ["swallow-up", "swallow-down", "swallow-both", "reset"];
  const stalls = full ? [10_000, 30_000, 120_000] : [10_000];
  for (const leg of legs) {
    for (const busy of tls && !full ? [true] : [false, true]) {
      const state = busy ? "busy" : "idle";
      for (const loss of losses) {
        const title = `${loss} on the leg of the ${leg}, ${state}`;
        found.push({ title, check: () => goesOn(router, leg, loss, busy) });
        if (full || loss === "swallow-both")
          found.push({ title: `${title}, without --resume`, check: () => lost(router, leg, loss, busy) });
      }
      for (const stallMs of stalls) {
        const title = `a stall of ${stallMs / 1_000} s on the leg of the ${leg}, ${state}`;
        found.push({ title, check: () => (stallMs > patienceMs ? outlasted : paused)(router, leg, stallMs, busy) });
      }
    }
  }
  found.push({
    title: "a name is free for another identity after its listener has vanished",
    check: () => freed(router),
  });
  if (full)
    for (const [count, bytes, pauseMs] of slowReaders)
      found.push({
        title: `${count} downloads of ${bytes} bytes at once are whole: their readers pause for ${pauseMs / 1_000} s`,
        check: () => pausedReaders(router, count, bytes, pauseMs),
      });
  return found;
}

/** Loses the way of a stream: it goes on by another one, and a new connection comes through at once. */
async function goesOn(router, leg, loss, busy) {
  await withTunnel(router, { busy }, async (tunnel) => {
    const { conversation, echo } = tunnel;
    for (const relay of tunnel.relays(leg)) relay.lose(loss);
    const atOnce = leg === "dialler" ? newWay(tunnel, 30_000) : undefined;
    conversation.say(1_024);
    const endMs = performance.now() + knownWithinMs;
    const said = conversation.sent;
    while (conversation.received < said) {
      if (performance.now() > endMs) throw new Error(`it has not gone on within ${knownWithinMs} ms`);
      await sleep(50);
    }
    await atOnce;
    await newWay(tunnel, 15_000);
    await endsWhole(conversation, echo);
  });
}

/** Loses the way of a stream that cannot be resumed: both ends must know, and a new one must come through at once. */
async function lost(router, leg, loss, busy) {
  await withTunnel(router, { busy, resume: "0" }, async (tunnel) => {
    const startedMs = performance.now();
    for (const relay of tunnel.relays(leg)) relay.lose(loss);
    // While nobody knows of the loss, a dial on the dead connection is left for a new one.
    const atOnce = leg === "dialler" ? newWay(tunnel, 30_000) : undefined;
    await Promise.all([bothKnow(tunnel, startedMs), atOnce]);
    await newWay(tunnel, 15_000);
  });
}

/** Stalls for longer than anybody waits: as `lost`, though the bytes arrive in the end. */
async function outlasted(router, leg, stallMs, busy) {
  await withTunnel(router, { busy, resume: "0" }, async (tunnel) => {
    const startedMs = performance.now();
    for (const relay of tunnel.relays(leg)) relay.stall(stallMs);
    await bothKnow(tunnel, startedMs);
    await newWay(tunnel, 15_000);
  });
}

/** Stalls for a while: nothing may be lost, and nobody may be told of a loss. */
async function paused(router, leg, stallMs, busy) {
  await withTunnel(router, { busy }, async ({ relays, conversation, echo }) => {
    for (const relay of relays(leg)) relay.stall(stallMs);
    await sleep(stallMs + 1_000);
    conversation.say(1_024);
    await sleep(1_000);
    await endsWhole(conversation, echo);
  });
}

/**
 * Downloads much by many connections at once, whose target has sent everything and is gone, to readers that pause.
 * @param {TestRouter} router @param {number} count @param {number} bytes of each @param {number} pauseMs
 */
async function pausedReaders(router, count, bytes, pauseMs) {
  const content = randomBytes(bytes);
  const source = createServer((socket) => socket.on("error", () => {}).end(content));
  await new Promise((resolve) => source.listen(0, "127.0.0.1", resolve));
  const name = router.newName();
  const exposing = await router.expose(name, source.address().port, router.port);
  const { command: connecting, port } = await router.connect(name, router.port, []);
  try {
    const readers = Array.from({ length: count }, () => pausedReader(port, content, pauseMs));
    const wrong = (await Promise.all(readers)).filter((how) => how !== "whole");
    if (wrong.length > 0) throw new Error(`${wrong.length} of ${count} are not: ${[...new Set(wrong)].slice(0, 5)}`);
  } finally {
    source.close();
    await Promise.all([exposing.stop(), connecting.stop()]);
  }
}

/** Reads a little, pauses, and reads the rest. Resolves with `"whole"`, or with what was wrong. */
async function pausedReader(port, content, pauseMs) {
  const socket = connect(port, "127.0.0.1");
  let received = 0;
  let differs = false;
  try {
    for await (const chunk of socket) {
      differs ||= !chunk.equals(content.subarray(received, received + chunk.length));
      if (received === 0) await sleep(pauseMs);
      received += chunk.length;
    }
  } catch (error) {
    return `${error.code ?? error.message} after ${received} bytes`;
  }
  if (differs) return "other bytes";
  return received === content.length ? "whole" : `an end after ${received} bytes`;
}

/** Ends a conversation: all that was said has to come back, and both ends have to see an orderly end. */
async function endsWhole(conversation, echo) {
  conversation.finish();
  const how = await Promise.race([conversation.ended, sleep(30_000, "no end", { ref: false })]);
  if (how !== "end") throw new Error(`the stream ended with ${how} after ${conversation.received} bytes`);
  await conversation.answered(0);
  const far = await Promise.race([echo.ended(0), sleep(5_000, "no end", { ref: false })]);
  if (far !== "end") throw new Error(`the stream ended with ${far} at the target`);
}

/** Lets the listener's way vanish for good: another identity must get the name. */
async function freed(router) {
  const echo = await Echo.start();
  const relay = await Relay.to(router.port);
  const name = router.newName();
  const first = await router.expose(name, echo.port, relay.port);
  const startedMs = performance.now();
  relay.vanish();
  let second;
  try {
    for (;;) {
      second = await router.exposeAs("another", name, echo.port, router.port);
      const exposed = await second.event("exposed", 5_000).then(
        () => true,
        () => false,
      );
      const tookMs = performance.now() - startedMs;
      if (exposed && tookMs <= knownWithinMs) return;
      if (tookMs > knownWithinMs) throw new Error(`the name is not free after ${Math.round(tookMs)} ms`);
      await second.stop();
      await sleep(1_000);
    }
  } finally {
    relay.close();
    echo.close();
    await Promise.all([first.stop(), second?.stop()]);
  }
}

async function bothKnow({ conversation, echo }, startedMs) {
  const within = (promise) => Promise.race([promise, sleep(knownWithinMs + 1_000, undefined, { ref: false })]);
  const both = await Promise.all([within(conversation.ended), within(echo.ended(0))]);
  const tookMs = Math.round(performance.now() - startedMs);
  for (const [where, how] of [
    ["client", both[0]],
    ["target", both[1]],
  ]) {
    if (how === undefined) throw new Error(`the ${where} does not know after ${tookMs} ms`);
    if (how === "end") throw new Error(`the ${where} was given an orderly end after ${tookMs} ms`);
  }
  if (tookMs > knownWithinMs) throw new Error(`it took ${tookMs} ms until both ends knew`);
}

/** Makes a new connection through the tunnel, which must answer at its first try. */
async function newWay({ port }, withinMs) {
  const conversation = new Conversation(port);
  conversation.say(1_024);
  try {
    await conversation.answered(withinMs);
  } catch (error) {
    throw new Error(`a new connection after the loss: ${error.message}`);
  } finally {
    conversation.stop();
  }
}

/**
 * Makes a tunnel with a relay on each leg and a conversation through it.
 * @param {TestRouter} router
 * @param {{ busy: boolean, resume?: string }} how
 * @param {(tunnel: any) => Promise<void>} use
 */
async function withTunnel(router, { busy, resume = "5m" }, use) {
  const echo = await Echo.start();
  const [near, far] = await Promise.all([Relay.to(router.port), Relay.to(router.port)]);
  const name = router.newName();
  const commands = [];
  let conversation;
  try {
    const times = ["--resume", resume];
    commands.push(await router.expose(name, echo.port, far.port, times));
    const { command, port } = await router.connect(name, near.port, times);
    commands.push(command);
    conversation = new Conversation(port);
    conversation.say(1_024);
    await conversation.answered(30_000);
    if (busy) conversation.keepTalking();
    await sleep(500);
    const relays = (leg) => ({ dialler: [near], listener: [far], router: [near, far] })[leg];
    await use({ relays, conversation, echo, port });
  } finally {
    conversation?.stop();
    near.close();
    far.close();
    echo.close();
    await Promise.all(commands.map((command) => command.stop()));
  }
}

/** A router in a process of its own, and the commands that use it. */
class TestRouter {
  port = 0;
  #folder = mkdtempSync(join(tmpdir(), "dead-ways-"));
  #env = { HOME: this.#folder, XDG_RUNTIME_DIR: this.#folder, TMPDIR: this.#folder };
  #tls;
  #names = 0;
  /** @type {Map<string, Promise<string>>} */
  #tokens = new Map();
  #command;

  /** @param {boolean} tls @returns {Promise<TestRouter>} */
  static async start(tls) {
    const router = new TestRouter(tls);
    const address = /** @type {any} */ (await router.#command.event("listening")).address;
    router.port = Number(address.split(":").at(-1));
    return router;
  }

  /** @param {boolean} tls */
  constructor(tls) {
    this.#tls = tls;
    const pair = tls ? ["--tls-cert", fixture("certificate.pem"), "--tls-key", fixture("key.pem")] : [];
    this.#command = new Command(["router", "--listen", "127.0.0.1:0", ...pair], this.#env);
  }

  newName() {
    this.#names += 1;
    return `way-${this.#names}`;
  }

  /** Exposes the port under a name, through a relay, and waits until it is. */
  async expose(name, port, relay, more = []) {
    const command = await this.exposeAs("judge", name, port, relay, more);
    await command.event("exposed");
    return command;
  }

  /** Begins to expose the port under a name as an identity. */
  async exposeAs(identity, name, port, relay, more = []) {
    return new Command(["expose", name, String(port), ...(await this.#way(identity, relay)), ...more], this.#env);
  }

  /** Connects a local port to a name, through a relay. */
  async connect(name, relay, more) {
    const args = ["connect", name, "--listen", "0", ...(await this.#way("judge", relay)), ...more];
    const command = new Command(args, this.#env);
    return { command, port: /** @type {any} */ (await command.event("listening")).port };
  }

  async #way(identity, relay) {
    const file = await this.#token(identity);
    const ca = this.#tls ? ["--tls-ca", fixture("certificate.pem")] : [];
    return ["--endpoint", `127.0.0.1:${relay}`, "--token-file", file, ...ca];
  }

  /** Makes a token for an identity, once, and returns the file that holds it. */
  #token(identity) {
    const made = this.#tokens.get(identity) ?? this.#mint(identity);
    this.#tokens.set(identity, made);
    return made;
  }

  async #mint(identity) {
    const file = join(this.#folder, `${identity}.token`);
    writeFileSync(file, await output(["token", "mint", identity], this.#env), { mode: 0o600 });
    return file;
  }

  async stop() {
    await this.#command.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
