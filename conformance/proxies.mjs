/**
 * gRPC through the proxies that stand before servers: nginx (`grpc_pass`), haproxy, nghttpx and Envoy, each between a
 * channel and a server of ours. All kinds of calls, metadata, trailers, errors and details, cancellation, deadlines,
 * large headers, much data, streams that stay open, a server that goes and comes back, and graceful reloads under load.
 * With `--full`, streams stay open for three minutes.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Channel, createClient, GrpcError, Status } from "@trunkline/grpc";
import { ErrorInfoSchema } from "@trunkline/grpc/details";
import { Cases } from "./lib/cases.mjs";
import { failureOf } from "./lib/failure-of.mjs";
import { until } from "./lib/until.mjs";
import { fronts, headerBytes } from "./proxies/fronts.mjs";
import { messageBytes, Peer, PeerServer } from "./proxies/service.mjs";

const full = process.argv.includes("--full");
/** The time for which streams stay open, and the pause between two of their messages. */
const openMs = full ? 180_000 : 12_000;
const pauseMs = 1_000;
const bulkBytes = (full ? 512 : 32) * 2 ** 20;
const manyCalls = full ? 20_000 : 2_000;
/** The size of a header that no proxy takes. */
const tooLargeBytes = 200_000;
const reloads = full ? 10 : 3;

const utf8 = new TextEncoder();
const hello = utf8.encode("hello");

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const cases = new Cases();
  const open = [];
  try {
    for (const name of Object.keys(fronts)) {
      const lab = await Lab.start(name);
      open.push(lab);
      await lab.judge(cases);
    }
    await Promise.all(
      open.map((lab) =>
        cases.run(
          `${lab.name}: streams that talk now and then stay open for ${openMs / 1_000} s`,
          () => lab.staysOpen(),
          openMs + 60_000,
        ),
      ),
    );
    for (const lab of open) {
      await cases.run(`${lab.name}: a server that goes and comes back fails calls in between only`, () =>
        lab.serverGone(),
      );
    }
  } finally {
    for (const lab of open) await lab.end();
  }
  return cases.counts;
}

/** A channel, a proxy and a server behind it. */
class Lab {
  /** @param {string} name */
  static async start(name) {
    const lab = new Lab();
    lab.name = name;
    lab.folder = mkdtempSync(join(tmpdir(), "proxies-"));
    chmodSync(lab.folder, 0o777); // for proxies that drop their rights
    lab.server = await PeerServer.start();
    try {
      lab.front = await fronts[name](lab.folder, lab.server.port);
    } catch (error) {
      await lab.server.close();
      rmSync(lab.folder, { recursive: true, force: true });
      throw error;
    }
    lab.channel = new Channel(`127.0.0.1:${lab.front.port}`, { backoff: { initialMs: 50, maxMs: 500 } });
    lab.client = createClient(Peer, lab.channel, { timeoutMs: 30_000 });
    return lab;
  }

  /** @param {Cases} cases */
  async judge(cases) {
    const of = (title, check) => cases.run(`${this.name}: ${title}`, () => check.call(this), 60_000);
    await of("metadata comes unchanged to the server and back", this.metadata);
    await of("every status comes with its message, trailers and details", this.errors);
    await of("a status after messages comes after them", this.errorAfterMessages);
    await of("messages go both ways as they are sent", this.conversation);
    await of("a cancelled call ends at the server", this.cancel);
    await of("a deadline ends a call on both sides", this.deadline);
    await of("a server that ends a call early is heard", this.early);
    await of(`a header of ${(headerBytes * 3) / 4} bytes comes through`, this.largeHeader);
    await of("a header that is too large fails its call, and not the next one", this.tooLargeHeader);
    await of("much data comes whole, in both directions", this.bulk);
    await of(`${manyCalls} calls, 50 at once`, this.many);
    if (this.front.reload !== undefined) await of("no call fails while the proxy is reloaded", this.reloaded);
  }

  async end() {
    await this.channel.close();
    await this.front.stop();
    await this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async metadata() {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const sent = { "seen-text": ["one", "two, three"], "seen-bin": bytes };
    const call = this.client.echo.open({ metadata: sent });
    try {
      await call.send(hello);
      await call.sendEof();
      const initial = await call.receiveInitialMetadata();
      assert.deepEqual(await call.receive(), hello);
      assert.equal(await call.receive(), undefined);
      const trailing = await call.receiveTrailingMetadata();
      for (const metadata of [initial, trailing]) assert.deepEqual(new Uint8Array(metadata.get("seen-bin")), bytes);
      assert.equal(trailing.getAll("seen-text").join(", "), "one, two, three");
    } finally {
      await call.close();
    }
  }

  async errors() {
    for (let code = 1; code <= 16; code += 1) checkError(await this.#failure(code, 0), code);
  }

  async errorAfterMessages() {
    checkError(await this.#failure(Status.ABORTED, 5), Status.ABORTED);
  }

  async #failure(code, messages) {
    let came = 0;
    try {
      for await (const _ of this.client.fail(hello, { metadata: { code: String(code), messages: String(messages) } }))
        came += 1;
    } catch (error) {
      assert.equal(came, messages, "messages came before the status");
      return error;
    }
    throw new Error(`a call that fails with ${code} ended with OK`);
  }

  async conversation() {
    const call = this.client.chat.open();
    try {
      for (let round = 0; round < 100; round += 1) {
        await call.send(utf8.encode(`message ${round}`));
        assert.equal(Buffer.from(await call.receive()).toString(), `message ${round}`);
      }
      await call.sendEof();
      assert.equal(await call.receive(), undefined);
    } finally {
      await call.close();
    }
  }

  async cancel() {
    const call = this.client.hang.open({ metadata: { name: "cancelled" } });
    await call.send(hello);
    await sleep(300);
    call.cancel();
    await until(() => this.server.cancelled.has("cancelled"), 5_000, "the handler was cancelled");
  }

  async deadline() {
    const error = await failureOf(this.client.hang(hello, { timeoutMs: 500, metadata: { name: "late" } }));
    assert.equal(error.status, Status.DEADLINE_EXCEEDED, error.message);
    await until(() => this.server.cancelled.has("late"), 5_000, "the handler was cancelled");
  }

  async early() {
    for (let round = 0; round < 20; round += 1) {
      const call = this.client.leaveEarly.open();
      try {
        const sending = (async () => {
          for (let left = 64; left > 0; left -= 1) await call.send(new Uint8Array(messageBytes));
        })().catch(() => {});
        assert.equal(Buffer.from(await call.receive()).toString(), "enough");
        assert.equal(await call.receive(), undefined);
        assert.equal((await call.receiveTrailingMetadata()).get("left"), "early");
        await sending;
      } finally {
        await call.close();
      }
    }
  }

  async largeHeader() {
    const value = "x".repeat((headerBytes * 3) / 4);
    const call = this.client.echo.open({ metadata: { "seen-large": value } });
    try {
      await call.send(hello);
      await call.sendEof();
      assert.equal((await call.receiveInitialMetadata()).get("seen-large"), value);
      assert.deepEqual(await call.receive(), hello);
    } finally {
      await call.close();
    }
  }

  /** The proxies do not say what they take, and some end the connection: the next call must not suffer by that. */
  async tooLargeHeader() {
    for (let round = 0; round < 3; round += 1) {
      const error = await failureOf(this.client.echo(hello, { metadata: { large: "x".repeat(tooLargeBytes) } }));
      assert.ok(error instanceof GrpcError, error.message);
      assert.deepEqual(await this.client.echo(hello), hello);
    }
  }

  async bulk() {
    const up = async () => {
      let left = bulkBytes;
      const requests = (function* () {
        for (; left > 0; left -= messageBytes) yield new Uint8Array(messageBytes);
      })();
      assert.equal(Buffer.from(await this.client.swallow(requests)).toString(), String(bulkBytes));
    };
    const down = async () => {
      let bytes = 0;
      for await (const message of this.client.give(hello, { metadata: { bytes: String(bulkBytes) } })) {
        bytes += message.length;
        assert.equal(message[messageBytes - 1], 7);
      }
      assert.equal(bytes, bulkBytes);
    };
    await Promise.all([up(), down(), up(), down()]);
  }

  async many() {
    let left = manyCalls;
    const work = async () => {
      for (; left > 0; left -= 1) assert.deepEqual(await this.client.echo(hello), hello);
    };
    await Promise.all(Array.from({ length: 50 }, work));
  }

  async reloaded() {
    let running = true;
    let number = 0;
    const failures = [];
    const work = async () => {
      while (running) {
        number += 1;
        const id = String(number);
        const metadata = { number: id, "work-ms": String(number % 20) };
        await this.client.echo(hello, { metadata }).catch((error) => failures.push({ id, error }));
      }
    };
    const working = Promise.all(Array.from({ length: 20 }, work));
    for (let reload = 0; reload < reloads; reload += 1) {
      await sleep(500);
      await this.front.reload();
    }
    await sleep(1_000);
    running = false;
    await working;
    const told = failures.slice(0, 3).map(({ id, error }) => {
      const what = this.server.begun.has(id) ? "begun" : "never begun";
      return `${what}: ${error.code} ${error.message}`;
    });
    assert.deepEqual(told, [], `${failures.length} of ${number} calls failed`);
  }

  async staysOpen() {
    const talk = async () => {
      const call = this.client.chat.open({ timeoutMs: openMs + 30_000 });
      try {
        for (const endMs = performance.now() + openMs; performance.now() < endMs; await sleep(pauseMs)) {
          await call.send(hello);
          assert.deepEqual(await call.receive(), hello);
        }
        await call.sendEof();
        assert.equal(await call.receive(), undefined);
      } finally {
        await call.close();
      }
    };
    await Promise.all(Array.from({ length: 10 }, talk));
  }

  async serverGone() {
    await this.server.close(0);
    const error = await failureOf(this.client.echo(hello));
    console.log(`        ${error.code}: ${error.message.slice(0, 150)}`);
    assert.equal(error.status, Status.UNAVAILABLE, error.message);
    await this.server.listen();
    await until(
      () => this.client.echo(hello, { timeoutMs: 2_000 }).then(Boolean, () => false),
      10_000,
      "a call succeeds again",
    );
  }
}

function checkError(error, code) {
  assert.ok(error instanceof GrpcError);
  assert.equal(error.status, code, error.message);
  assert.equal(error.message.includes("nicht möglich: 100 % \u{1f6a7}\nline two"), true, error.message);
  assert.deepEqual(new Uint8Array(error.metadata.get("reason-bin")), new Uint8Array([0, 255, 10]));
  assert.equal(error.detail(ErrorInfoSchema)?.reason, "TEST");
}
