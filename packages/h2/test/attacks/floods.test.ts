/** Floods: those that are more than frames sent (the others are in the catalogue), and traffic that is none. */
import { afterEach, describe, expect, it } from "vitest";
import { FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { mostHeldBytes, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe("answers that the peer does not read", () => {
  it("stop our reading, and its connection ends", async () => {
    const { attacker, victim, unhurt, servesOthers } = await serverUnderAttack(cleanup, {
      options: { limits: { unreadAnswersTimeoutMs: 150, maxQueuedControlBytes: 4_096 } },
      answer: async (stream) => {
        const body = await stream.body();
        stream.sendHeaders([{ name: ":status", value: "200" }]);
        await stream.send(body.length > 0 ? body : Buffer.alloc(2 ** 23), true);
      },
    });
    // Large windows and an answer that fills every buffer on the way; PINGs are explained by the DATA between them.
    attacker.socket.pause();
    attacker.send(
      attacker.frames.settings([[4, 2 ** 30]]),
      attacker.frames.windowUpdate(0, 2 ** 30),
      attacker.frames.headers(1, request, 5),
    );
    attacker.send(attacker.frames.headers(3, request));
    const pulse = setInterval(() => {
      for (let turn = 0; turn < 5; turn++) attacker.send(attacker.frames.data(3, [1]), attacker.frames.ping());
    }, 2);
    cleanup.add(() => clearInterval(pulse));
    while (victim().error === undefined) await servesOthers();
    clearInterval(pulse);
    expect(victim().error?.message).toBe("the peer has not read our answers within unreadAnswersTimeoutMs (150)");
    await unhurt(2 ** 23 + mostHeldBytes); // the answer, in the attacker's buffers or on its way there
  });
});

describe("requests that are answered by headers alone, to a peer that reads nothing", () => {
  it("stop our reading when twice outputBatchBytes wait, and not before", () => {
    const engine = Engine.ready("server");
    let requests = 0;
    for (; requests < 100_000 && engine.connection.wantsInput; requests++) {
      const stream = engine.stream(engine.openStream({ endStream: true }));
      const fields = [...response, { name: "x-number", value: String(requests), neverIndexed: true }];
      stream.sendHeaders(fields, { endStream: true });
      stream.release();
    }
    expect(requests).toBeGreaterThan(10_000);
    expect(requests).toBeLessThan(60_000);
    const bytes = engine.output().reduce((sum, { payload }) => sum + 9 + payload.length, 0);
    expect(bytes).toBeGreaterThanOrEqual(2 * 262_144);
    expect(bytes).toBeLessThan(2 * 262_144 + 100);
    expect(engine.connection.wantsInput).toBe(true);
  });
});

describe("what looks like a flood and is none passes:", () => {
  it("a bandwidth estimator that sends a PING after every DATA, both ways, for 10,000 frames", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.stream(streamId).sendHeaders(response, { endStream: false });
    for (let turn = 0; turn < 5_000; turn++) {
      engine.send(engine.peer.data(streamId, new Uint8Array(100)), engine.peer.ping());
      engine.stream(streamId).acknowledge(100);
      engine.connection.takeOutput();
    }
    for (let turn = 0; turn < 5_000; turn++) {
      engine.stream(streamId).sendData(new Uint8Array(100), { endStream: false });
      engine.connection.takeOutput();
      engine.send(engine.peer.ping(), engine.peer.windowUpdate(0, 100), engine.peer.windowUpdate(streamId, 100));
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("a reader that refreshes both windows every 4 KiB of a gigabyte", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.stream(streamId).sendHeaders(response, { endStream: false });
    const chunk = new Uint8Array(16_384);
    for (let sent = 0; sent < 2 ** 30 / 16; sent += chunk.length) {
      engine.stream(streamId).sendData(chunk, { endStream: false });
      engine.connection.takeOutput();
      for (let part = 0; part < 4; part++)
        engine.send(engine.peer.windowUpdate(0, 4_096), engine.peer.windowUpdate(streamId, 4_096));
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("a keepalive PING every ten seconds of an idle day", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 8_640; turn++) {
      engine.now += 10_000;
      engine.send(engine.peer.ping());
      engine.connection.takeOutput();
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("a browser that sends two priority signals with each of 20,000 requests", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 20_000; turn++) {
      const streamId = engine.openStream({ endStream: true });
      engine.send(
        rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(0), 16] }),
        rawFrame({ type: 0x10, payload: [...uint32(streamId), 0x75, 0x3d, 0x30] }), // PRIORITY_UPDATE, RFC 9218
      );
      engine.stream(streamId).sendHeaders(response, { endStream: true });
      engine.stream(streamId).release();
      engine.connection.takeOutput();
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("20,000 cancellations that cross the end of their answers", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 20_000; turn++) {
      const streamId = engine.openStream({ endStream: true });
      engine.stream(streamId).sendHeaders(response, { endStream: true });
      engine.stream(streamId).release();
      engine.connection.takeOutput();
      engine.send(engine.peer.rstStream(streamId, 8));
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("a client that sends SETTINGS with each of 1,000 requests", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 1_000; turn++) {
      engine.send(engine.peer.settings([[4, 100_000 + turn]]));
      const streamId = engine.openStream({ endStream: true });
      engine.stream(streamId).sendHeaders(response, { endStream: true });
      engine.stream(streamId).release();
      engine.connection.takeOutput();
    }
    expect(engine.handler.of("close")).toEqual([]);
  });
});
