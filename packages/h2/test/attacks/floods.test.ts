/** Frames that cost the peer nothing and us something: each kind ends with GOAWAY ENHANCE_YOUR_CALM, at both ends. */
import { afterEach, describe, expect, it } from "vitest";
import { Flag, type FrameFactory, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { clientUnderAttack, type HostilePeer, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

type Flood = readonly [title: string, frame: (peer: FrameFactory, index: number) => Uint8Array, why: RegExp];

/** Stream 1 is open. */
const floods: readonly Flood[] = [
  ["PING (CVE-2019-9512)", (peer) => peer.ping(), /PING frames without traffic/],
  ["SETTINGS (CVE-2019-9515)", (peer) => peer.settings([[4, 65_535]]), /SETTINGS frames without traffic/],
  ["SETTINGS that move every window to and fro", (peer, index) => peer.settings([[4, index % 2]]), /SETTINGS frames without traffic/],
  ["WINDOW_UPDATE of the connection", (peer) => peer.windowUpdate(0, 1), /carry nothing/],
  ["WINDOW_UPDATE of a stream", (peer) => peer.windowUpdate(1, 1), /carry nothing/],
  ["empty DATA (CVE-2019-9518)", (peer) => peer.data(1, []), /carry nothing/],
  ["DATA of padding alone", (peer) => peer.data(1, [3, 0, 0, 0], Flag.PADDED), /carry nothing/],
  ["PRIORITY", () => rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [...uint32(3), 1] }), /carry nothing/],
  ["unknown frames", () => rawFrame({ type: 0xbad & 0xff, payload: [1] }), /carry nothing/],
  ["answers to PINGs never sent", (peer) => peer.ping([1, 2, 3, 4, 5, 6, 7, 8], Flag.ACK), /carry nothing/],
  ["RST_STREAM on a stream that is gone", (peer) => peer.rstStream(1, 8), /carry nothing/],
];

const flood = (peer: HostilePeer, frame: Flood[1]) => peer.send(...Array.from({ length: 1_200 }, (_, index) => frame(peer.frames, index)));

describe("a flood of", () => {
  it.each(floods)("%s ends a client's connection, and its neighbour is served", async (_, frame, why) => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.headers(1, request));
    flood(attacker, frame);
    await servesOthers();
    const result = await attacker.ended();
    expect(result.goAway).toBe("ENHANCE_YOUR_CALM");
    expect(result.why).toMatch(why);
  });

  it.each(floods)("%s ends a server's connection", async (_, frame, why) => {
    const { attacker, victim } = await clientUnderAttack(cleanup);
    const stream = await victim.request(request);
    attacker.send(attacker.frames.headers(1, response));
    await stream.headers();
    flood(attacker, frame);
    const result = await attacker.ended();
    expect(result.goAway).toBe("ENHANCE_YOUR_CALM");
    expect(result.why).toMatch(why);
    expect(victim.error?.code).toBe("ENHANCE_YOUR_CALM");
  });

  it("settings entries in one frame ends the connection", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    attacker.send(attacker.frames.settings(Array.from({ length: 33 }, () => [6, 1] as const)));
    expect((await attacker.ended()).why).toBe("SETTINGS with 33 entries is larger than maxSettingsEntries (32)");
    await servesOthers();
  });

  it("answers that the peer does not read stops our reading, and its connection ends", async () => {
    const { attacker, victim, servesOthers } = await serverUnderAttack(cleanup, {
      options: { limits: { handshakeTimeoutMs: 150, maxQueuedControlBytes: 4_096 } },
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
    expect(victim().error?.message).toBe("the peer has not read our answers for 150 ms");
    await servesOthers();
  });
});

describe("what looks like a flood and is none passes:", () => {
  it("a bandwidth estimator that sends a PING after every DATA, both ways, for 10,000 frames", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.connection.sendHeaders(streamId, response, { endStream: false });
    for (let turn = 0; turn < 5_000; turn++) {
      engine.send(engine.peer.data(streamId, new Uint8Array(100)), engine.peer.ping());
      engine.connection.acknowledge(streamId, 100);
      engine.connection.takeOutput();
    }
    for (let turn = 0; turn < 5_000; turn++) {
      engine.connection.sendData(streamId, new Uint8Array(100), { endStream: false });
      engine.connection.takeOutput();
      engine.send(engine.peer.ping(), engine.peer.windowUpdate(0, 100), engine.peer.windowUpdate(streamId, 100));
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("a reader that refreshes both windows every 4 KiB of a gigabyte", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.connection.sendHeaders(streamId, response, { endStream: false });
    const chunk = new Uint8Array(16_384);
    for (let sent = 0; sent < 2 ** 30 / 16; sent += chunk.length) {
      engine.connection.sendData(streamId, chunk, { endStream: false });
      engine.connection.takeOutput();
      for (let part = 0; part < 4; part++) engine.send(engine.peer.windowUpdate(0, 4_096), engine.peer.windowUpdate(streamId, 4_096));
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
      engine.connection.sendHeaders(streamId, response, { endStream: true });
      engine.connection.release(streamId);
      engine.connection.takeOutput();
    }
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("20,000 cancellations that cross the end of their answers", () => {
    const engine = Engine.ready("server");
    for (let turn = 0; turn < 20_000; turn++) {
      const streamId = engine.openStream({ endStream: true });
      engine.connection.sendHeaders(streamId, response, { endStream: true });
      engine.connection.release(streamId);
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
      engine.connection.sendHeaders(streamId, response, { endStream: true });
      engine.connection.release(streamId);
      engine.connection.takeOutput();
    }
    expect(engine.handler.of("close")).toEqual([]);
  });
});
