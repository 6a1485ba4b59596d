/**
 * Real peers of Jumpstarter (Python's `jumpstarter` package) at the built router: in both seats and beside peers of
 * ours, over plaintext and TLS, ended in every way, 500 pairs at once, through nginx and Envoy, and the tests of
 * Jumpstarter's own network driver with the router in the path of every client.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { OwnPeer } from "./jumpstarter/own-peer.mjs";
import { PythonPeer } from "./jumpstarter/python-peer.mjs";
import { bearer, streamToken } from "./jumpstarter/tokens.mjs";
import { Cases } from "./lib/cases.mjs";
import { excerpt, mustRun, runToEnd } from "./lib/child.mjs";
import { Command, output } from "./lib/command.mjs";
import { failureOf } from "./lib/failure-of.mjs";
import { pythonWith } from "./lib/python.mjs";
import { until } from "./lib/until.mjs";
import { fronts } from "./proxies/fronts.mjs";

const plugins = fileURLToPath(new URL("jumpstarter", import.meta.url));
const key = "a key of the judge, which no router of anybody else has";
const requirements = [
  "jumpstarter==0.9.0",
  "jumpstarter-driver-network==0.9.0",
  "grpcio==1.85.1",
  "pytest==9.0.2",
  "pytest-asyncio==1.3.0",
  "websocket-client==1.9.0",
];
const pairsAtOnce = 500;
const bulkBytes = 32 * 2 ** 20;
/** The largest message of a router, and what protobuf puts before a payload of that size. */
const maxMessageBytes = 4_194_304;
const payloadPrefixBytes = 5;
/** Codes with which a survivor may be told that its other side is gone. */
const gone = ["UNAVAILABLE", "ABORTED"];
const frameTypes = [0, 1, 2, 3, 6, 7, 99, -1, 2 ** 31 - 1];
const goAway = 7;

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const python = pythonWith("jumpstarter", requirements);
  const cases = new Cases();
  const lab = await Lab.start(python);
  try {
    for (const secure of [false, true]) {
      const way = secure ? "TLS" : "plaintext";
      await withPeers(lab.ways(secure), async (seats) => {
        await converse(cases, way, seats);
        const [[pythonPeer, other]] = seats;
        for (const [title, check] of Object.entries(frames))
          await cases.run(`${way}: ${title}`, () => check(pythonPeer, other), 30_000);
      });
      for (const survivor of ["Python", "trunkline"])
        await cases.run(`${way}: a Python peer that is killed ends the stream of a ${survivor} peer at once`, () =>
          lab.killed(secure, survivor),
        );
    }
    await withPeers(lab.ways(false), async ([[peer]]) => {
      for (const [title, metadata] of refusals())
        await cases.run(`refused as UNAUTHENTICATED: ${title}`, () => isRefused(peer, metadata));
      for (const [title, claims, options] of acceptances)
        await cases.run(`accepted: ${title}`, () => isAccepted(peer, claims, options));
    });
    for (const name of ["nginx", "envoy"]) await lab.through(name, cases);
    await cases.run("the tests of Jumpstarter's network driver, each client through the router by TLS", () =>
      lab.driverTests(),
    );
  } finally {
    await lab.end();
  }
  return cases.counts;
}

class Lab {
  #folder = mkdtempSync(join(tmpdir(), "jumpstarter-"));
  #python;
  #plain;
  #secure;
  #ca = join(this.#folder, "ca.pem");
  #env = { ROUTER_KEY: key, HOME: this.#folder, XDG_RUNTIME_DIR: this.#folder, XDG_STATE_HOME: this.#folder };

  static async start(python) {
    const lab = new Lab();
    chmodSync(lab.#folder, 0o755);
    lab.#python = python;
    try {
      await output(["cert", "server", "localhost", "--folder", lab.#folder], lab.#env);
      const tls = ["--tls-cert", `${lab.#folder}/localhost.pem`, "--tls-key", `${lab.#folder}/localhost.key`];
      lab.#plain = await lab.#router("plain.audit", []);
      lab.#secure = await lab.#router("secure.audit", tls);
    } catch (error) {
      await lab.end();
      throw error;
    }
    return lab;
  }

  async #router(audit, options) {
    const command = new Command(
      ["router", "--listen", "localhost:0", "--dashboard", "off", "--audit", join(this.#folder, audit), ...options],
      this.#env,
    );
    const { port } = await command.event("listening");
    return { command, endpoint: `localhost:${port}`, port };
  }

  /** Returns two functions, which start a peer in Python and one of ours at a router. */
  ways(secure, endpoint = (secure ? this.#secure : this.#plain).endpoint) {
    const ca = secure ? this.#ca : undefined;
    return {
      python: () => PythonPeer.start(this.#python, endpoint, ca),
      own: async () => new OwnPeer(endpoint, ca && readFileSync(ca)),
    };
  }

  /** The process of one peer ends without a word. */
  async killed(secure, survivorName) {
    const { python, own } = this.ways(secure);
    const victim = await python();
    const survivor = await (survivorName === "Python" ? python() : own());
    try {
      const [, right] = await joined(victim, survivor);
      const told = failureOf(right.receive());
      await victim.kill();
      isIn((await told).code, gone);
    } finally {
      await Promise.all([victim.kill(), survivor.kill()]);
    }
  }

  /**
   * Holds the conversations with a proxy between the peers and the plaintext router. @param {string} name
   * @param {Cases} cases
   */
  async through(name, cases) {
    const folder = mkdtempSync(join(this.#folder, `${name}-`));
    chmodSync(folder, 0o777); // for proxies that drop their rights
    const front = await fronts[name](folder, this.#plain.port);
    try {
      await withPeers(this.ways(false, `127.0.0.1:${front.port}`), (seats) =>
        converse(cases, `through ${name}`, seats),
      );
    } finally {
      await front.stop();
    }
  }

  async driverTests() {
    const env = {
      PATH: process.env.PATH,
      HOME: this.#folder,
      PYTHONPATH: plugins,
      ROUTER_KEY: key,
      ROUTER_ENDPOINT: this.#secure.endpoint,
      ROUTER_CA: this.#ca,
    };
    const where = "import jumpstarter_driver_network as d; print(d.__path__[0])";
    const tests = (await mustRun(this.#python, ["-c", where])).stdout.toString().trim();
    const before = this.#streamsOf("secure.audit");
    const pytest = [
      "-m",
      "pytest",
      "-q",
      "-s",
      "-p",
      "through_router",
      "-p",
      "no:cacheprovider",
      "--rootdir",
      dirname(tests),
    ];
    const result = await runToEnd(this.#python, [...pytest, tests], { env, timeoutMs: 110_000 });
    const said = result.stdout.toString();
    assert.equal(result.code, 0, excerpt(result));
    const passed = Number(/(\d+) passed/.exec(said)?.[1]);
    assert.ok(passed >= 25, `only ${passed} tests have passed: ${said.slice(-300)}`);
    // Each of them that serves a driver has opened one stream or more.
    const streams = () => this.#streamsOf("secure.audit") - before;
    await until(() => streams() >= 15, 5_000, "15 streams in the router's audit");
    console.log(`        ${passed} tests, ${streams()} streams`);
  }

  #streamsOf(audit) {
    return readFileSync(join(this.#folder, audit), "utf8").split("\n").filter(Boolean).length;
  }

  async end() {
    await Promise.all([this.#plain, this.#secure].map((router) => router?.command.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Lets `use` work with two peers in Python and one of ours, in each pair of seats. */
async function withPeers({ python, own }, use) {
  const [one, two, ours] = await Promise.all([python(), python(), own()]);
  try {
    await use([
      [one, two],
      [ours, two],
      [one, ours],
    ]);
  } finally {
    await Promise.all([one, two, ours].map((peer) => peer.kill()));
  }
}

/** Holds all conversations in each pair of seats. */
async function converse(cases, way, seats) {
  for (const [first, second] of seats) {
    const who = `${way}, ${first.name} and ${second.name}`;
    for (const [title, check] of Object.entries(conversations))
      await cases.run(`${who}: ${title}`, () => check(first, second), 30_000);
  }
}

/** Opens a stream at both peers; each has heard the other. */
async function joined(first, second) {
  const token = streamToken(key);
  const left = await first.open(token);
  const right = await second.open(token);
  await left.send("hello");
  await gets(right, "hello");
  await right.send("good day");
  await gets(left, "good day");
  return [left, right];
}

/** Cases for two peers in any pair of seats, on any way. */
const conversations = {
  async "items arrive in both directions, whole and in order"(first, second) {
    const [left, right] = await joined(first, second);
    const texts = Array.from({ length: 50 }, (_, index) => `item ${index} `.repeat(index));
    for (const [from, to] of [
      [left, right],
      [right, left],
    ]) {
      // An item of no bytes stays one: the first text is empty.
      const sent = (async () => {
        for (const text of texts) await from.send(text);
      })();
      for (const text of texts) await gets(to, text);
      await sent;
    }
    await endBoth(left, right);
  },

  async "data and an end that are sent before the other side is there are kept for it"(first, second) {
    const token = streamToken(key);
    const left = await first.open(token);
    await left.send("early");
    await left.sendEof();
    const right = await second.open(token);
    await gets(right, "early");
    await ends(right);
    await right.send("late");
    await right.sendEof();
    await gets(left, "late");
    await ends(left);
  },

  async "the other direction goes on after an end"(first, second) {
    for (const [ending, going] of [
      [0, 1],
      [1, 0],
    ]) {
      const streams = await joined(first, second);
      await streams[ending].sendEof();
      await ends(streams[going]);
      for (let index = 0; index < 3; index += 1) {
        await streams[going].send(`still ${index}`);
        await gets(streams[ending], `still ${index}`);
      }
      await streams[going].sendEof();
      await ends(streams[ending]);
    }
  },

  async "close() of either side is an end for the other"(first, second) {
    for (const [closing, other] of [
      [0, 1],
      [1, 0],
    ]) {
      const streams = await joined(first, second);
      await streams[closing].send("last");
      const closed = streams[closing].close();
      await gets(streams[other], "last");
      await ends(streams[other]);
      await streams[other].close();
      await closed;
    }
  },

  async "a side that is cancelled is an error for the other, and never an end"(first, second) {
    for (const [cancelled, other] of [
      [0, 1],
      [1, 0],
    ]) {
      const streams = await joined(first, second);
      const told = failureOf(streams[other].receive());
      await streams[cancelled].cancel();
      isIn((await told).code, gone);
    }
  },

  async "a stream whose first peer gave up is free for two others"(first, second) {
    const token = streamToken(key);
    const early = await first.open(token);
    await early.send("never read");
    await early.cancel();
    await failureOf(early.receive());
    // The router hears of it by the same connection, before the next call of that peer.
    const left = await first.open(token);
    await left.send("x");
    const right = await second.open(token);
    await gets(right, "x");
    await endBoth(left, right);
  },

  async "32 MiB arrive in each direction at once"(first, second) {
    const [left, right] = await joined(first, second);
    const sum = (bulkBytes / 256) * ((255 * 256) / 2);
    const received = Promise.all([left, right].map((stream) => stream.receiveBytes(bulkBytes)));
    await Promise.all([left, right].map((stream) => stream.sendBytes(bulkBytes, 32_768)));
    assert.deepEqual(await received, [
      [bulkBytes, sum % 2 ** 32],
      [bulkBytes, sum % 2 ** 32],
    ]);
    await endBoth(left, right);
  },

  async [`${pairsAtOnce} pairs at once`](first, second) {
    const tokens = Array.from({ length: pairsAtOnce }, () => streamToken(key));
    const lefts = await Promise.all(tokens.map((token) => first.open(token)));
    const rights = await Promise.all(tokens.map((token) => second.open(token)));
    await Promise.all(lefts.map((left, index) => left.send(`to ${index}`)));
    await Promise.all(rights.map((right, index) => gets(right, `to ${index}`)));
    await Promise.all(rights.map((right, index) => right.send(`from ${index}`)));
    await Promise.all(lefts.map((left, index) => gets(left, `from ${index}`)));
    await Promise.all(lefts.map((left, index) => endBoth(left, rights[index])));
  },
};

/** Cases for two peers in Python, which write and read frames themselves. */
const frames = {
  async "frames of each type arrive as they were sent, with a payload and without, after GOAWAY too"(first, second) {
    const [left, right] = await joined(first, second);
    for (const type of [...frameTypes, 0]) {
      for (const payload of ["", "payload"]) {
        await left.writeFrame(type, payload);
        assert.deepEqual(await right.readFrame(), [type, payload]);
      }
    }
    await left.doneWriting();
    await right.doneWriting();
    assert.equal(await right.readFrame(), null);
    assert.equal(await left.readFrame(), null);
    for (const stream of [left, right]) assert.deepEqual(await stream.status(), ["OK", ""]);
  },

  async "half-close without GOAWAY is silence for the other side until both have done so"(first, second) {
    const [left, right] = await joined(first, second);
    await left.doneWriting();
    const next = left.readFrame();
    await right.send("on");
    assert.deepEqual(await next, [0, "on"]);
    await right.writeFrame(goAway, "");
    assert.deepEqual(await left.readFrame(), [goAway, ""]);
    await right.doneWriting();
    for (const stream of [left, right]) assert.equal((await stream.status())[0], "OK");
  },

  async "a message of 4,194,304 bytes passes, and one more byte is RESOURCE_EXHAUSTED"(first, second) {
    const [left, right] = await joined(first, second);
    const largest = maxMessageBytes - payloadPrefixBytes;
    const received = right.receiveBytes(largest);
    await left.send(Buffer.alloc(largest));
    assert.deepEqual(await received, [largest, 0]);
    const [other, survivor] = await joined(first, second);
    const told = failureOf(survivor.receive());
    await other.send(Buffer.alloc(largest + 1)).catch(() => {});
    assert.equal((await other.status())[0], "RESOURCE_EXHAUSTED");
    await told;
    await endBoth(left, right);
  },

  async "requests that are compressed with gzip are read"(first, second) {
    const token = streamToken(key);
    const left = await first.openWith(bearer(token), { gzip: true });
    const right = await second.openWith(bearer(token), { gzip: true });
    const text = "the same again ".repeat(1_000);
    await left.send(text);
    await gets(right, text);
    await right.send(text);
    await gets(left, text);
    await endBoth(left, right);
  },

  async "one token twice on one connection is a pair"(first) {
    const [left, right] = await joined(first, first);
    await endBoth(left, right);
  },

  async "a third peer of a stream waits for a fourth"(first, second) {
    const token = streamToken(key);
    const pairs = [];
    for (let index = 0; index < 2; index += 1) {
      const left = await first.open(token);
      const right = await second.open(token);
      await left.send(`pair ${index}`);
      await gets(right, `pair ${index}`);
      pairs.push([left, right]);
    }
    for (const [left, right] of pairs) await endBoth(left, right);
  },

  async "an unknown method is UNIMPLEMENTED"(first) {
    const { code } = await failureOf(first.raw("/jumpstarter.v1.RouterService/Nothing"));
    assert.equal(code, "UNIMPLEMENTED");
  },

  async "reflection v1 and v1alpha name the service"(first) {
    const listServices = Buffer.from([0x3a, 0]); // ServerReflectionRequest.list_services = ""
    for (const version of ["v1", "v1alpha"]) {
      const answer = await first.raw(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, listServices);
      assert.ok(answer.includes("jumpstarter.v1.RouterService"), answer.toString());
    }
  },
};

/** Title and metadata of calls that the router must refuse. */
function refusals() {
  const seconds = Math.floor(Date.now() / 1_000);
  const with_ = (claims, options) => bearer(streamToken(key, claims, options));
  return [
    ["no header", []],
    ["an empty header", [["authorization", ""]]],
    ["another scheme", [["authorization", "Basic abc"]]],
    ["two headers", [...with_({}), ...with_({})]],
    ["Bearer alone", [["authorization", "Bearer "]]],
    ["garbage", bearer("garbage")],
    ["a token that has expired a second ago", with_({ exp: seconds - 1 })],
    ["a token without an expiry", with_({ exp: undefined })],
    ["a token without an audience", with_({ aud: undefined })],
    ["a token for another audience", with_({ aud: ["https://elsewhere.example"] })],
    ["a token of another issuer", with_({ iss: "https://elsewhere.example" })],
    ["a token of another key", bearer(streamToken(`${key}!`))],
    ["a token that is not good yet", with_({ nbf: seconds + 3_600 })],
    ["a token from the future", with_({ iat: seconds + 3_600 })],
    ["a token without a signature, by alg none", with_({}, { alg: "none" })],
    ["a token without a stream", with_({ sub: undefined })],
    ["a token with an empty stream", with_({ sub: "" })],
  ];
}

/** Title, claims and options of tokens that the router must accept, and the scheme of the header. */
const acceptances = [
  ["the audience as a text", { aud: "https://jumpstarter.dev/router" }, {}],
  ["the audience in a list beside others", { aud: ["https://other.example", "https://jumpstarter.dev/router"] }, {}],
  ["HS384", {}, { alg: "HS384" }],
  ["HS512", {}, { alg: "HS512" }],
  ["neither iat nor nbf nor jti", { iat: undefined, nbf: undefined, jti: undefined }, {}],
  ["bearer in small letters", {}, { scheme: "bearer" }],
  ["BEARER in capital letters", {}, { scheme: "BEARER" }],
];

async function isRefused(peer, metadata) {
  const stream = await peer.openWith(metadata);
  const [code, text] = await stream.status();
  assert.equal(code, "UNAUTHENTICATED", text);
  for (const [, value] of metadata) {
    const token = value.replace(/^\w+ /, "");
    assert.ok(token === "" || token.length < 8 || !text.includes(token), "the answer holds the token");
  }
}

async function isAccepted(peer, claims, { alg, scheme = "Bearer" }) {
  const metadata = [["authorization", `${scheme} ${streamToken(key, claims, { alg })}`]];
  const left = await peer.openWith(metadata);
  const right = await peer.openWith(metadata);
  await left.send("hello");
  await gets(right, "hello");
  await endBoth(left, right);
}

async function gets(stream, text) {
  const item = await stream.receive();
  assert.notEqual(item, "end", `the end came instead of ${JSON.stringify(text.slice(0, 40))}`);
  assert.equal(Buffer.from(item).toString(), text);
}

async function ends(stream) {
  assert.equal(await stream.receive(), "end");
}

async function endBoth(left, right) {
  await Promise.all([left.sendEof(), right.sendEof()]);
  await Promise.all([ends(left), ends(right)]);
}

function isIn(code, codes) {
  assert.ok(codes.includes(code), `${code} instead of ${codes.join(" or ")}`);
}
