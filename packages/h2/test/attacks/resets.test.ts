/** Streams that are opened to be reset, by either side. */
import { afterEach, describe, expect, it } from "vitest";
import { Connection, ErrorCode, type Http2Stream } from "../../src/index.js";
import { clientPreface, Flag, FrameFactory, FrameType } from "../../src/testing/index.js";
import { echo, mostHeldBytes, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { EndBoth, Engine } from "../support/engine.js";
import { heldBytes, heldBytesAtMost } from "../support/held-bytes.js";
import { Cleanup } from "../support/sockets.js";

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

describe("rapid reset (CVE-2023-44487)", () => {
  it("gets no more handlers than maxConcurrentStreams at once, and then no connection", async () => {
    let started = 0;
    let finish: () => void = () => {};
    const attackIsOver = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { attacker, unhurt } = await serverUnderAttack(cleanup, {
      options: { settings: { maxConcurrentStreams: 50 } },
      answer: async (stream) => {
        const fields = await stream.headers();
        if (!fields.some(({ name }) => name === "x-hostile")) return echo(stream);
        started += 1;
        await attackIsOver; // what a handler has begun does not end with its stream
      },
    });
    const hostile = [...request, { name: "x-hostile", value: "1" }];
    for (let streamId = 1; streamId < 10_000; streamId += 2) {
      attacker.send(
        attacker.frames.headers(streamId, hostile, EndBoth),
        attacker.frames.rstStream(streamId, ErrorCode.CANCEL),
      );
    }
    expect((await attacker.ended()).goAway).toBe("ENHANCE_YOUR_CALM");
    expect(started).toBeLessThanOrEqual(50);
    finish();
    await unhurt();
  });

  it("with a handler that ends at once is counted and ends the connection", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    let opened = 0;
    for (; opened < 20_000 && !engine.connection.closed; opened++) {
      engine.now += 0.1;
      const streamId = engine.openStream({ endStream: true });
      engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
      engine.connection.takeOutput();
    }
    expect(opened).toBeGreaterThanOrEqual(1_000);
    expect(opened).toBeLessThan(1_100);
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
  });
});

describe("resets that we are made to send (CVE-2025-8671)", () => {
  it("are none where it is we who have had enough: refused streams, cancelled calls, early ends", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 10 } });
    const open = Array.from({ length: 10 }, () => engine.openStream());
    for (let call = 0; call < 2_000; call++) engine.openStream(); // REFUSED_STREAM
    expect(engine.output().filter(({ type }) => type === FrameType.RST_STREAM)).toHaveLength(2_000);
    for (const streamId of open) engine.stream(streamId).release();
    for (let call = 0; call < 2_000; call++) {
      const streamId = engine.openStream();
      if (call % 2 === 0) engine.stream(streamId).reset(ErrorCode.CANCEL);
      else engine.stream(streamId).sendHeaders(response, { endStream: true }); // NO_ERROR when it is released
      engine.stream(streamId).release();
      engine.connection.takeOutput();
    }
    expect(engine.connection.closed).toBe(false);
  });
});

describe("what looks like it and is none passes:", () => {
  it("5,000 calls whose deadlines expire together", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 10_000 } });
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    const streams = Array.from({ length: 5_000 }, () => engine.openStream());
    engine.now += 2_000;
    for (const streamId of streams) engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.activeStreams).toBe(0);
  });

  it("20,000 cancelled calls in a minute that nobody had begun to answer, among as many that end well", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    for (let call = 0; call < 20_000; call++) {
      engine.now += 3;
      const [cancelled, fine] = [engine.openStream({ endStream: true }), engine.openStream({ endStream: true })];
      engine.send(engine.peer.rstStream(cancelled, ErrorCode.CANCEL));
      engine.stream(fine).sendHeaders(response, { endStream: true });
      engine.stream(fine).release();
      engine.connection.takeOutput();
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("20,000 cancelled calls in a minute whose answers had begun", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    for (let call = 0; call < 20_000; call++) {
      engine.now += 3;
      const streamId = engine.openStream({ endStream: true });
      engine.stream(streamId).sendHeaders(response, { endStream: false });
      engine.connection.takeOutput();
      engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("20,000 cancelled calls in a minute that had lived for more than a second, though none was answered", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1_000 } });
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    const open: number[] = [];
    for (let call = 0; call < 20_000; call++) {
      engine.now += 3;
      open.push(engine.openStream({ endStream: true }));
      // The call that began 350 calls, or 1,050 ms, ago.
      if (open.length > 350) engine.send(engine.peer.rstStream(open.shift() as number, ErrorCode.CANCEL));
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("900 calls at a time whose deadlines pass after 100 ms, all of them, for 3 seconds (hyperium/h2#856)", () => {
    for (const handlers of ["end with their call", "hang"] as const) {
      const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1_000 } });
      if (handlers === "end with their call") engine.handler.onReset = (streamId) => engine.stream(streamId).release();
      for (let wave = 0; wave < 30; wave++) {
        const streams = Array.from({ length: 900 }, () => engine.openStream({ endStream: true }));
        const refused = new Set(engine.output().map(({ streamId }) => streamId));
        engine.now += 100;
        for (const streamId of streams)
          if (!refused.has(streamId)) engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
        engine.output();
      }
      expect(engine.handler.of("close")).toEqual([]);
      expect(engine.connection.activeStreams).toBeLessThanOrEqual(1_000);
    }
  });

  it("200 cancelled calls a second for ever, unanswered and young, and nothing else: past that it is an attack", () => {
    const calls = (intervalMs: number) => {
      const engine = Engine.ready("server");
      engine.handler.onReset = (streamId) => engine.stream(streamId).release();
      let call = 0;
      for (; call < 20_000 && !engine.connection.closed; call++) {
        engine.now += intervalMs;
        engine.send(engine.peer.rstStream(engine.openStream({ endStream: true }), ErrorCode.CANCEL));
        engine.connection.takeOutput();
      }
      return call;
    };
    expect(calls(5)).toBe(20_000);
    // 20,000 in a minute of this kind, 333 a second, are told from an attack by nothing: burst 1,000, then 200 a
    // second.
    expect(calls(3)).toBeLessThan(20_000);
  });

  it("20,000 calls that the server ends early, with data still on its way", () => {
    const engine = Engine.ready("server");
    for (let call = 0; call < 20_000; call++) {
      const streamId = engine.openStream();
      engine.stream(streamId).sendHeaders(response, { endStream: true });
      engine.stream(streamId).release();
      engine.connection.takeOutput();
      engine.send(engine.peer.data(streamId, new Uint8Array(200)), engine.peer.data(streamId, [], Flag.END_STREAM));
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("DATA still in flight after our reset, up to the window that it had", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    for (let call = 0; call < 1_000; call++) {
      const streamId = engine.openStream();
      engine.stream(streamId).reset(ErrorCode.CANCEL);
      engine.stream(streamId).release();
      for (let frame = 0; frame < 4; frame++) engine.send(engine.peer.data(streamId, new Uint8Array(16_383)));
      expect(engine.output().filter(({ type }) => type === FrameType.RST_STREAM)).toHaveLength(1);
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("a proxy that gives up all its 1,000 requests at once, half a second old", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1_000 } });
    engine.handler.onReset = (streamId) => engine.stream(streamId).release();
    const streams = Array.from({ length: 1_000 }, () => engine.openStream());
    engine.now += 500;
    for (const streamId of streams) engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    expect(engine.connection.closed).toBe(false);
  });
});

describe("streams that are reset while their answers wait", () => {
  /** Returns the bytes held after 20,000 requests whose answers may not be sent, and which the peer resets. */
  const heldAfter = (answer: (stream: Http2Stream) => void, most: number): number => {
    const rest = { onData() {}, onTrailers() {}, onWritable() {} };
    const connection = new Connection(
      { role: "server" },
      {
        onRequest(stream) {
          stream.sendHeaders(response, { endStream: false });
          if (stream.id < 160) stream.sendData(new Uint8Array(65_536), { endStream: true });
          else answer(stream);
          return { ...rest, onReset: () => stream.release() };
        },
        onClose() {},
      },
    );
    const peer = new FrameFactory();
    const send = (frame: Uint8Array): void => {
      connection.receive(frame, 0);
      connection.takeOutput();
    };
    // The window of the connection is shut after the first of 80 answers, and there is no room for more.
    for (const frame of [clientPreface, peer.settings(), peer.settingsAck()]) send(frame);
    for (let call = 0; call < 20_080; call++) {
      send(peer.headers(2 * call + 1, request, EndBoth));
      if (call >= 80) send(peer.rstStream(2 * call + 1, ErrorCode.CANCEL));
    }
    expect([connection.closed, connection.activeStreams]).toEqual([false, 80]);
    return heldBytesAtMost(most);
  };

  it.each<[string, (stream: Http2Stream) => void]>([
    ["queued", (stream) => stream.sendData(new Uint8Array(100), { endStream: true })],
    ["waiting for room", (stream) => void stream.isWritable],
  ])("leave nothing behind where they were %s", (_, answer) => {
    const before = heldBytes();
    const most = before + 80 * 65_536 + mostHeldBytes;
    expect(heldAfter(answer, most)).toBeLessThan(most);
  });
});
