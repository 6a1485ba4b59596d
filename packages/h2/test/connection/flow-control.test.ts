import { describe, expect, it } from "vitest";
import { Flag, FrameType } from "../../src/testing/index.js";
import { connectedPair, pattern, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const kib = 1_024;

/** The client opens `count` streams and sends `bytes` on each. */
function uploads(pair: ReturnType<typeof connectedPair>, count: number, bytes: number) {
  return Array.from({ length: count }, (_, index) => {
    const call = pair.client.open();
    pair.client.stream(call.id).sendData(pattern(bytes, index), { endStream: true });
    return call;
  });
}

describe("a stream that is not read", () => {
  it("stops its own sender after the initial window", () => {
    const pair = connectedPair({ server: { settings: { initialWindowSize: 10_000 } } });
    pair.server.reads = false;
    const [call] = uploads(pair, 1, 100_000);
    pair.link.run();
    expect(pair.server.inbox(1).bytes).toBe(10_000);
    expect(pair.client.stream(call?.id as number).bufferedBytes).toBe(90_000);
  });

  it("goes on as it is read, byte for byte", () => {
    const pair = connectedPair({ server: { settings: { initialWindowSize: 10_000 } } });
    pair.server.reads = false;
    uploads(pair, 1, 100_000);
    let consumed = 0;
    for (let turn = 0; turn < 1_000 && !(pair.server.streams.get(1)?.ended ?? false); turn++) {
      pair.link.run();
      const { bytes } = pair.server.inbox(1);
      pair.server.stream(1).acknowledge(bytes - consumed);
      consumed = bytes;
    }
    expect(pair.server.inbox(1).body.equals(pattern(100_000))).toBe(true);
  });

  it("never stalls the others", () => {
    const pair = connectedPair();
    pair.server.reads = false;
    uploads(pair, 1, 1_000_000);
    pair.link.run();
    pair.server.reads = true;
    const others = uploads(pair, 100, 300_000);
    pair.link.run();
    for (const { id } of others) expect(pair.server.inbox(id).ended).toBe(true);
    expect(pair.server.inbox(1).ended).toBe(false);
  });

  it("does not grow its window", () => {
    const pair = connectedPair({ link: { delayMs: 10 } });
    pair.server.reads = false;
    uploads(pair, 1, 10_000_000);
    for (let turn = 0; turn < 20; turn++) {
      pair.link.run(pair.link.nowMs + 1_000);
      pair.server.stream(1).acknowledge(20_000); // 20 kB/s: the reader, not the window, is what holds the sender back
    }
    expect(pair.server.inbox(1).bytes).toBeLessThanOrEqual(65_536 + 20 * 20_000);
    expect(pair.client.stream(1).bufferedBytes).toBeGreaterThan(9_000_000);
  });
});

describe("a reader that is slow between the peer's bytes", () => {
  /** Returns how much a stream was granted in all, by a reader who takes a second for each quarter of a window. */
  const granted = (clock: boolean) => {
    const engine = Engine.ready("server");
    if (clock) engine.connection.attach({ onOutput() {}, nowMs: () => engine.now });
    const streamId = engine.openStream();
    engine.connection.ping(0);
    const [ping] = engine.output().filter(({ type }) => type === FrameType.PING);
    engine.now = 100;
    engine.send(engine.peer.ping([...(ping?.payload ?? [])], Flag.ACK));
    let bytes = 65_536;
    for (let frame = 0; frame < 4; frame++) engine.send(engine.peer.data(streamId, new Uint8Array(16_384)));
    for (let quarter = 0; quarter < 4; quarter++) {
      engine.now += 1_000;
      engine.stream(streamId).acknowledge(16_384);
      for (const { type, streamId: on, payload } of engine.output())
        if (type === FrameType.WINDOW_UPDATE && on === streamId) bytes += Buffer.from(payload).readUInt32BE(0);
    }
    return bytes;
  };

  it("is known for slow by the driver's clock, and its window does not grow", () => {
    expect(granted(true)).toBe(2 * 65_536);
  });

  it("is taken for quick where nobody tells the time", () => {
    expect(granted(false)).toBeGreaterThan(2 * 65_536);
  });
});

describe("maxBufferedBytesPerConnection", () => {
  const budget = 300 * kib;

  it("holds however many streams are not read", () => {
    const pair = connectedPair({ server: { limits: { maxBufferedBytesPerConnection: budget } } });
    pair.server.reads = false;
    uploads(pair, 50, 64 * kib);
    pair.link.run();
    const unread = [...pair.server.streams.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    expect(unread).toBeLessThanOrEqual(budget);
    expect(unread).toBeGreaterThan(budget * 0.8);
  });

  it("is free again as streams are read, released or reset", () => {
    const pair = connectedPair({ server: { limits: { maxBufferedBytesPerConnection: budget } } });
    pair.server.reads = false;
    const calls = uploads(pair, 50, 64 * kib);
    pair.link.run();
    for (const [index, { id }] of calls.entries()) {
      const inbox = pair.server.streams.get(id);
      if (inbox === undefined) continue;
      if (index % 3 === 0) pair.server.stream(id).acknowledge(inbox.bytes);
      else if (index % 3 === 1) pair.server.stream(id).release();
      else pair.server.stream(id).reset(8);
    }
    pair.server.reads = true;
    for (let turn = 0; turn < 100; turn++) {
      pair.link.run();
      for (const inbox of pair.server.streams.values()) {
        pair.server.stream(inbox.id).acknowledge(64 * kib);
        if (inbox.ended || inbox.reset !== undefined) pair.server.stream(inbox.id).release();
      }
    }
    const later = pair.client.open();
    pair.client.stream(later.id).sendData(pattern(1_000_000), { endStream: true });
    pair.link.run();
    expect(pair.server.inbox(later.id).ended).toBe(true);
  });

  it("still lets a reader have the rest of it in useful pieces", () => {
    const pair = connectedPair({ server: { limits: { maxBufferedBytesPerConnection: budget } } });
    pair.server.reads = false;
    uploads(pair, 4, 64 * kib); // 256 of 300 KiB: less than an eighth of the connection's window is left
    pair.link.run();
    pair.server.reads = true;
    const call = pair.client.open();
    pair.client.stream(call.id).sendData(pattern(1_000_000), { endStream: true });
    pair.link.run();
    expect(pair.server.inbox(call.id).ended).toBe(true);
  });
});

describe("stream windows", () => {
  it("together stop growing when half of the budget is used", () => {
    const engine = Engine.ready("server", { limits: { maxBufferedBytesPerConnection: 1_000_000 } });
    let granted = 0;
    for (let stream = 0; stream < 30; stream++) {
      const streamId = engine.openStream();
      for (let turn = 0; turn < 8; turn++) {
        engine.send(engine.peer.data(streamId, new Uint8Array(16_384)));
        engine.stream(streamId).acknowledge(16_384);
        for (const frame of engine.output()) {
          if (frame.type === FrameType.PING && frame.flags === 0)
            engine.send(engine.peer.ping([...frame.payload], Flag.ACK));
          if (frame.type === FrameType.WINDOW_UPDATE && frame.streamId === streamId)
            granted += Buffer.from(frame.payload).readUInt32BE(0);
        }
      }
    }
    const sent = 30 * 8 * 16_384;
    expect(granted - sent).toBeGreaterThan(0);
    expect(granted - sent).toBeLessThanOrEqual(500_000);
  });
});

describe("what nobody reads is credited by the engine", () => {
  it("padding", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    const padded = Uint8Array.from([255, ...new Array(255).fill(0)]);
    for (let sent = 0; sent < 4_000; sent++) engine.send(engine.peer.data(streamId, padded, Flag.PADDED));
    // The windows were passed fifteen times over, and guards count frames that carry nothing.
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
    const patient = Engine.ready("server");
    const other = patient.openStream();
    for (let sent = 0; sent < 4_000; sent++) {
      patient.now += 10;
      patient.send(patient.peer.data(other, padded, Flag.PADDED));
    }
    expect(patient.handler.of("close")).toEqual([]);
    expect(patient.handler.of("reset")).toEqual([]);
  });

  it("data that was on its way when we reset the stream", () => {
    const pair = connectedPair({ link: { delayMs: 10 } });
    pair.server.reads = false;
    for (let round = 0; round < 600; round++) {
      const [call] = uploads(pair, 1, 64 * kib);
      pair.link.run(pair.link.nowMs + 11);
      pair.server.stream(call?.id as number).reset(8);
      pair.server.stream(call?.id as number).release();
    }
    pair.link.run();
    expect(pair.server.connection.closed).toBe(false);
    pair.server.reads = true;
    uploads(pair, 1, 5_000_000);
    pair.link.run();
    expect([...pair.server.streams.values()].at(-1)?.ended).toBe(true);
  });

  it("the unread rest of a stream that was released", () => {
    const pair = connectedPair({ server: { limits: { maxBufferedBytesPerConnection: 100_000 } } });
    pair.server.reads = false;
    pair.server.onEnded = ({ id }) => {
      pair.server.stream(id).sendHeaders(response, { endStream: true });
      pair.server.stream(id).release();
    };
    for (let round = 0; round < 50; round++) {
      uploads(pair, 1, 50_000);
      pair.link.run();
    }
    expect([...pair.server.streams.values()].filter(({ ended }) => ended)).toHaveLength(50);
  });
});

describe("scheduling", () => {
  it("serves blocked writers in turn, so that a small message is not behind a large one", () => {
    const pair = connectedPair();
    const [large, small] = [pair.client.open(), pair.client.open()];
    pair.client.stream(large.id).sendData(pattern(10_000_000), { endStream: true });
    pair.client.stream(small.id).sendData(pattern(100), { endStream: true });
    const order: number[] = [];
    pair.server.onEnded = ({ id }) => order.push(id);
    pair.link.run();
    expect(order).toEqual([small.id, large.id]);
  });

  it("does not let small writes starve a large message when the connection's window is short", () => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.settings([[4, 10_000_000]])); // the connection's window stays at 65,535
    const [large, small] = [engine.openStream(), engine.openStream()];
    engine.stream(large).sendData(pattern(1_000_000), { endStream: true });
    const sentOn = { [large]: 0, [small]: 0 };
    for (let turn = 0; turn < 50; turn++) {
      engine.stream(small).sendData(pattern(16_384), { endStream: false });
      for (const { type, streamId, payload } of engine.output())
        if (type === FrameType.DATA) (sentOn[streamId] as number) += payload.length;
      engine.send(engine.peer.windowUpdate(0, 16_384));
    }
    expect(sentOn[large]).toBeGreaterThan(300_000);
    expect(sentOn[small]).toBeGreaterThan(300_000);
  });

  it("writes control frames before data that waits", () => {
    const engine = Engine.ready("client");
    const streamId = engine.openStream();
    engine.stream(streamId).sendData(pattern(60_000), { endStream: true });
    engine.send(engine.peer.ping());
    const types = engine.output().map(({ type }) => type);
    expect(types.indexOf(FrameType.PING)).toBeLessThan(types.indexOf(FrameType.DATA));
  });
});

describe("a stream of which a quarter of the window is consumed within two round trips", () => {
  /** Returns the bytes that are granted to such a stream for 16 KiB of its 64 KiB, consumed after `afterMs`. */
  function grantedFor(afterMs: number, limits: { maxBufferedBytesPerConnection?: number; maxStreamWindow?: number }) {
    const engine = Engine.ready("server", { limits, settings: { initialWindowSize: 64 * kib } });
    engine.connection.ping(engine.now);
    const [ping] = engine.output();
    engine.now += 100;
    engine.send(engine.peer.ping([...(ping?.payload ?? [])], Flag.ACK));
    const streamId = engine.openStream();
    engine.send(engine.peer.data(streamId, new Uint8Array(16 * kib)));
    engine.output();
    engine.now += afterMs;
    engine.connection.handleTimeout(engine.now);
    engine.stream(streamId).acknowledge(16 * kib);
    const update = engine.output().find((frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId !== 0);
    return Buffer.from(update?.payload ?? []).readUInt32BE();
  }

  it("gets twice the window, and one of which it is consumed later does not", () => {
    expect(grantedFor(200, {})).toBe((16 + 64) * kib);
    expect(grantedFor(201, {})).toBe(16 * kib);
  });

  it("gets it up to maxStreamWindow", () => {
    expect(grantedFor(0, { maxStreamWindow: 128 * kib })).toBe((16 + 64) * kib);
    expect(grantedFor(0, { maxStreamWindow: 128 * kib - 1 })).toBe(16 * kib);
  });

  it("gets it while all windows have grown by no more than half of what the connection may hold", () => {
    expect(grantedFor(0, { maxBufferedBytesPerConnection: 128 * kib })).toBe((16 + 64) * kib);
    expect(grantedFor(0, { maxBufferedBytesPerConnection: 128 * kib - 2 })).toBe(16 * kib);
  });
});

it("one byte of the connection's window is used, and the driver is told of it", () => {
  const engine = Engine.ready("client");
  const streamId = engine.openStream();
  engine.send(engine.peer.windowUpdate(streamId, 1_000));
  engine.stream(streamId).sendData(new Uint8Array(65_535 + 2), { endStream: false });
  engine.output();
  let told = 0;
  engine.connection.attach({ onOutput: () => void told++, nowMs: () => 0 });
  for (let count = 1; count <= 2; count++) {
    engine.send(engine.peer.windowUpdate(0, 1));
    expect(told).toBe(count);
    expect(engine.output().map(({ payload }) => payload.length)).toEqual([1]);
  }
});
