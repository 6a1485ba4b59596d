/** Streams that are opened to be reset, by either side. */
import { afterEach, describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { Flag } from "../../src/testing/index.js";
import { echo, serverUnderAttack } from "../support/attack.js";
import { request, response } from "../support/endpoint.js";
import { EndBoth, Engine } from "../support/engine.js";
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
    const { attacker, servesOthers } = await serverUnderAttack(cleanup, {
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
      attacker.send(attacker.frames.headers(streamId, hostile, EndBoth), attacker.frames.rstStream(streamId, ErrorCode.CANCEL));
    }
    await servesOthers();
    expect((await attacker.ended()).goAway).toBe("ENHANCE_YOUR_CALM");
    expect(started).toBeLessThanOrEqual(50);
    finish();
    await servesOthers();
  });

  it("with a handler that ends at once is counted and ends the connection", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
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
  it.each<[string, (engine: Engine, streamId: number) => Uint8Array]>([
    ["WINDOW_UPDATE of 0", (engine, streamId) => engine.peer.windowUpdate(streamId, 0)],
    ["a window past its end", (engine, streamId) => engine.peer.windowUpdate(streamId, 2 ** 31 - 1)],
    ["a second request on the stream", (engine, streamId) => engine.peer.headers(streamId, request)],
    [
      "DATA after the end",
      (engine, streamId) => Buffer.concat([engine.peer.data(streamId, [], Flag.END_STREAM), engine.peer.data(streamId, [1])]),
    ],
  ])("by %s are counted and end the connection", (_, wrong) => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
    let opened = 0;
    for (; opened < 20_000 && !engine.connection.closed; opened++) {
      const streamId = engine.openStream();
      engine.send(wrong(engine, streamId));
      engine.connection.takeOutput();
    }
    expect(opened).toBeLessThanOrEqual(101);
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
  });

  it("by malformed requests end the connection over a socket, and its neighbour is served", async () => {
    const { attacker, servesOthers } = await serverUnderAttack(cleanup);
    for (let streamId = 1; streamId < 400; streamId += 2)
      attacker.send(attacker.frames.headers(streamId, [{ name: "X", value: "" }], EndBoth));
    const result = await attacker.ended();
    expect(result).toMatchObject({ goAway: "ENHANCE_YOUR_CALM", resets: { PROTOCOL_ERROR: 100 } });
    await servesOthers();
  });
});

describe("what looks like it and is none passes:", () => {
  it("5,000 calls whose deadlines expire together", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 10_000 } });
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
    const streams = Array.from({ length: 5_000 }, () => engine.openStream());
    engine.now += 2_000;
    for (const streamId of streams) engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.activeStreams).toBe(0);
  });

  it("20,000 cancelled calls in a minute, among as many that end well", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
    for (let call = 0; call < 20_000; call++) {
      engine.now += 3;
      const [cancelled, fine] = [engine.openStream({ endStream: true }), engine.openStream({ endStream: true })];
      engine.send(engine.peer.rstStream(cancelled, ErrorCode.CANCEL));
      engine.connection.sendHeaders(fine, response, { endStream: true });
      engine.connection.release(fine);
      engine.connection.takeOutput();
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("20,000 cancelled calls in a minute whose answers had begun", () => {
    const engine = Engine.ready("server");
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
    for (let call = 0; call < 20_000; call++) {
      engine.now += 3;
      const streamId = engine.openStream({ endStream: true });
      engine.connection.sendHeaders(streamId, response, { endStream: false });
      engine.connection.takeOutput();
      engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("20,000 calls that the server ends early, with data still on its way", () => {
    const engine = Engine.ready("server");
    for (let call = 0; call < 20_000; call++) {
      const streamId = engine.openStream();
      engine.connection.sendHeaders(streamId, response, { endStream: true });
      engine.connection.release(streamId);
      engine.connection.takeOutput();
      engine.send(engine.peer.data(streamId, new Uint8Array(200)), engine.peer.data(streamId, [], Flag.END_STREAM));
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("a proxy that gives up all its 1,000 requests at once, half a second old", () => {
    const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 1_000 } });
    engine.handler.onReset = (streamId) => engine.connection.release(streamId);
    const streams = Array.from({ length: 1_000 }, () => engine.openStream());
    engine.now += 500;
    for (const streamId of streams) engine.send(engine.peer.rstStream(streamId, ErrorCode.CANCEL));
    expect(engine.connection.closed).toBe(false);
  });
});
