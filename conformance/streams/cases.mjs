/** The cases that are tried with each format, and the tools for them. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { BrokenStreamError, compressed, memoryPair } from "@trunkline/streams";
import { codecNamed, detectable, streamFromDuplex } from "@trunkline/streams/node";

const peer = fileURLToPath(new URL("peer.py", import.meta.url));

/** The traits in which the formats differ. */
const traits = {
  gzip: { members: true, live: true, detected: true, checked: true },
  deflate: { members: false, live: true, detected: false, checked: true },
  brotli: { members: false, live: true, detected: false, checked: false },
  xz: { members: true, live: false, detected: true, checked: true },
  bzip2: { members: true, live: false, detected: true, checked: true },
  zstd: { members: true, live: true, detected: true, checked: true },
};

const text = Buffer.from("the quick brown fox jumps over the lazy dog\n".repeat(300));
const inputs = {
  empty: Buffer.alloc(0),
  "one byte": Buffer.from("x"),
  text,
  "1 MB of zeros": Buffer.alloc(1_000_000),
  "1 MB of noise": noise(1_000_000),
};

/** @param {readonly string[]} formats */
export function caseCount(formats) {
  return formats.reduce((count, format) => count + casesFor(format, "").length, 0);
}

/**
 * @param {string} format
 * @param {string} python
 * @returns {{ id: string, title: string, run: () => Promise<void> }[]}
 */
export function casesFor(format, python) {
  const { members, live, detected, checked } = traits[format];
  const pack = (data) => run(python, "pack", format, data);
  const unpack = (data) => run(python, "unpack", format, data);
  const codec = () => codecNamed(format);
  const cases = [];
  const add = (title, body) => cases.push({ id: `${format}/${cases.length + 1}`, title, run: body });

  for (const [name, data] of Object.entries(inputs)) {
    add(`${name}: ours, read by Python`, async () => same(unpack(await encode(codec(), [data])), data));
    add(`${name}: Python's, read by us`, async () => same(await decode(codec(), [pack(data)]), data));
    add(`${name}: Python's in chunks of any size, read by us`, async () =>
      same(await decode(codec(), cut(pack(data), 7_001)), data),
    );
  }
  add("sent byte by byte, read by Python", async () =>
    same(unpack(await encode(codec(), bytesOf(text.subarray(0, 2_000)))), text.subarray(0, 2_000)),
  );
  add("Python's in chunks of one byte, read by us", async () => same(await decode(codec(), bytesOf(pack(text))), text));
  add("let out after each message, read by Python", async () =>
    same(unpack(await encode(codec(), cut(text, 1_000), { flushEachMessage: true })), text),
  );
  add("cut off, ours is refused by Python", async () => {
    const bytes = await encode(codec(), [text]);
    assert.throws(() => unpack(bytes.subarray(0, bytes.length - 1)));
  });
  add("cut off anywhere, Python's is refused by us", async () => {
    const bytes = pack(text);
    for (let length = 0; length < bytes.length; length += 1 + (length >>> 3)) {
      await assert.rejects(
        decode(codec(), [bytes.subarray(0, length)]),
        { code: "TRUNCATED_INPUT" },
        `${length} bytes`,
      );
    }
  });
  add("changed in the middle, Python's is refused by us", async () => {
    const bytes = pack(noise(20_000));
    bytes[bytes.length >>> 1] ^= 0xff;
    const outcome = await decode(codec(), [bytes]).catch((error) => error);
    if (checked) assert.ok(outcome instanceof BrokenStreamError, "a changed byte must be found");
  });
  add("Python's with garbage behind it is refused by us", async () => {
    await assert.rejects(decode(codec(), [pack(text), Buffer.from("garbage")]), BrokenStreamError);
  });
  if (members) {
    add("three members of Python's are read whole by us", async () => {
      const all = Buffer.concat([pack(text), pack(Buffer.from("and")), pack(text)]);
      const whole = Buffer.concat([text, Buffer.from("and"), text]);
      for (const chunks of [[all], bytesOf(all), cut(all, 100)]) same(await decode(codec(), chunks), whole);
    });
    add("three members of ours are read whole by Python", async () => {
      const all = Buffer.concat([
        await encode(codec(), [text]),
        await encode(codec(), []),
        await encode(codec(), [text]),
      ]);
      same(unpack(all), Buffer.concat([text, text]));
    });
  }
  if (detected) {
    add("Python's is detected", async () => same(await decode(detectable(), bytesOf(pack(text))), text));
  }
  if (live) {
    add("a conversation with Python, each message let out at once", () => converse(python, format, codec()));
  }
  return cases;
}

async function converse(python, format, codec) {
  const child = spawn(python, [peer, "echo", format], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const stream = compressed(streamFromDuplex(Duplex.from({ writable: child.stdin, readable: child.stdout })), {
    send: codec,
    receive: codec,
    flushEachMessage: true,
  });
  try {
    for (const message of ["hello", "a second one", "x".repeat(10_000), "the last"]) {
      await stream.send(Buffer.from(message));
      let answer = "";
      while (answer.length < message.length) answer += Buffer.from(await stream.receive()).toString();
      assert.equal(answer, message.toUpperCase());
    }
    await stream.sendEof();
    assert.equal(await stream.receive(), undefined);
  } finally {
    stream.abort();
    child.kill("SIGKILL");
  }
}

function run(python, job, format, input) {
  const { status, stdout, stderr } = spawnSync(python, [peer, job, format], {
    input,
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`Python says: ${String(stderr).trim().split("\n").at(-1)}`);
  return stdout;
}

async function encode(send, pieces, options = {}) {
  const [from, to] = memoryPair();
  const sender = compressed(from, { ...options, send });
  const sending = (async () => {
    for (const piece of pieces) await sender.send(piece);
    await sender.sendEof();
  })();
  const [chunks] = await Promise.all([collect(to), sending]);
  return chunks;
}

async function decode(receive, chunks) {
  const [from, to] = memoryPair();
  const sending = (async () => {
    for (const chunk of chunks) await from.send(chunk);
    await from.sendEof();
  })();
  sending.catch(() => {}); // the receiver aborts when it has seen enough
  return collect(compressed(to, { receive }));
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function same(actual, expected) {
  assert.ok(actual.equals(expected), `${actual.length} bytes that are not the ${expected.length} that were sent`);
}

function cut(bytes, length) {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
    bytes.subarray(index * length, (index + 1) * length),
  );
}

function bytesOf(bytes) {
  return cut(bytes, 1);
}

function noise(length) {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
