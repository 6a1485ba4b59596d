import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { FrameType } from "../../src/testing/index.js";
import { connectedPair, echoes, pattern, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const maxId = 2 ** 31 - 1;

describe("a graceful shutdown by a server", () => {
  it("names no stream first and the last one a round trip later, so that no request on its way is lost", () => {
    const { client, server, link } = connectedPair({ link: { delayMs: 50 } });
    echoes(server);
    const before = client.open();
    link.run(link.nowMs + 60);
    server.connection.goAway(ErrorCode.NO_ERROR);
    expect(server.connection.draining).toBe(true);
    const crossing = client.open({ endStream: true }); // sent before the first step arrives
    link.run();
    client.stream(before.id).sendData(pattern(100), { endStream: true });
    link.run();
    expect(client.goAways.map(({ lastStreamId, errorCode }) => [lastStreamId, errorCode])).toEqual([
      [maxId, 0],
      [crossing.id, 0],
    ]);
    expect(before).toMatchObject({ ended: true, bytes: 100 });
    expect(crossing.ended).toBe(true);
    expect(server.closes).toEqual([undefined]);
    expect(client.closes).toEqual([undefined]);
  });

  it("waits for live streams, however long they take", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    link.run();
    server.connection.goAway(ErrorCode.NO_ERROR);
    link.run(1_000_000);
    expect(server.connection.closed).toBe(false);
    expect(client.tryOpen()).toBeUndefined();
    expect(client.connection.draining).toBe(true);
    echoes(server);
    client.stream(call.id).sendData(pattern(10), { endStream: true });
    link.run();
    expect(call.ended).toBe(true);
    expect(server.closes).toEqual([undefined]);
  });

  it("takes its second step by itself when the first is not answered", () => {
    const engine = Engine.ready("server");
    engine.now = 5_000;
    engine.connection.handleTimeout(engine.now);
    engine.connection.goAway(ErrorCode.NO_ERROR);
    expect(engine.connection.nextDeadline()).toBe(15_000);
    engine.connection.handleTimeout(14_999);
    expect(engine.connection.closed).toBe(false);
    engine.connection.handleTimeout(15_000);
    expect(engine.connection.closed).toBe(true);
    expect(engine.handler.of("close")).toEqual([{ kind: "close", error: undefined }]);
    expect(engine.output().filter(({ type }) => type === FrameType.GOAWAY)).toHaveLength(2);
  });

  it("takes its second step with the answer to its PING, however many others are unanswered", () => {
    const engine = Engine.ready("server");
    engine.openStream();
    for (let ping = 0; ping < 16; ping++) engine.connection.ping(0);
    engine.output();
    engine.connection.goAway(ErrorCode.NO_ERROR);
    const ping = engine.output().find(({ type }) => type === FrameType.PING);
    engine.send(engine.peer.ping([...(ping?.payload ?? [])], 1));
    expect(engine.output().filter(({ type }) => type === FrameType.GOAWAY)).toHaveLength(1);
  });

  it("ignores requests past the last one, and what belongs to them", () => {
    const engine = Engine.ready("server");
    const served = engine.openStream();
    engine.connection.goAway(ErrorCode.NO_ERROR);
    const ping = engine.output().find(({ type }) => type === FrameType.PING);
    engine.send(engine.peer.ping([...(ping?.payload ?? [])], 1));
    engine.handler.events.length = 0;
    const late = engine.openStream();
    engine.send(engine.peer.data(late, pattern(1_000)), engine.peer.rstStream(late, 8));
    expect(engine.handler.events).toEqual([]);
    expect(engine.connection.closed).toBe(false);
    // A later error does not promise what the first GOAWAY did not.
    engine.output();
    engine.connection.goAway(ErrorCode.INTERNAL_ERROR);
    const last = engine.output().find(({ type }) => type === FrameType.GOAWAY);
    expect(Buffer.from(last?.payload ?? []).readUInt32BE(0)).toBe(served);
  });

  it("is said once", () => {
    const engine = Engine.ready("server");
    engine.openStream();
    for (let turn = 0; turn < 3; turn++) engine.connection.goAway(ErrorCode.NO_ERROR);
    expect(engine.output().filter(({ type }) => type === FrameType.GOAWAY)).toHaveLength(1);
  });
});

describe("a graceful shutdown by a client", () => {
  it("lets live streams end, then closes both ends in order", () => {
    const { client, server, link } = connectedPair();
    echoes(server);
    const call = client.open();
    client.connection.goAway(ErrorCode.NO_ERROR);
    expect(client.tryOpen()).toBeUndefined();
    client.stream(call.id).sendData(pattern(10), { endStream: true });
    link.run();
    expect(call.ended).toBe(true);
    expect(client.closes).toEqual([undefined]);
    server.connection.transportClosed();
    expect(server.closes).toEqual([undefined]);
  });
});

describe("a GOAWAY with an error", () => {
  it("ends every stream at once with its code, and the connection", () => {
    const { client, server, link } = connectedPair();
    const calls = [client.open(), client.open()];
    link.run();
    server.connection.goAway(ErrorCode.ENHANCE_YOUR_CALM, "too much");
    link.run();
    expect(server.closes).toMatchObject([{ code: "ENHANCE_YOUR_CALM", message: "too much", origin: "local" }]);
    for (const { id } of calls)
      expect(server.inbox(id).reset).toMatchObject({ errorCode: ErrorCode.ENHANCE_YOUR_CALM, scope: "connection" });
    expect(client.goAways).toMatchObject([
      { lastStreamId: 3, errorCode: ErrorCode.ENHANCE_YOUR_CALM, debug: "too much" },
    ]);
    client.connection.transportClosed();
    for (const call of calls)
      expect(call.reset).toMatchObject({ scope: "connection", origin: "remote", unprocessed: false });
  });
});

describe("GOAWAY received by a client", () => {
  it("resets the streams past the last one as not processed and keeps the others", () => {
    const engine = Engine.ready("client");
    const [kept, refused] = [engine.openStream(), engine.openStream()];
    engine.send(engine.peer.goAway(kept, 0));
    expect(engine.handler.of("reset")).toMatchObject([
      { streamId: refused, reset: { errorCode: ErrorCode.REFUSED_STREAM, unprocessed: true, scope: "stream" } },
    ]);
    engine.send(engine.peer.headers(kept, response, 5));
    engine.stream(kept).release();
    expect(engine.connection.closed).toBe(false);
    engine.stream(refused).release();
    expect(engine.handler.of("close")).toEqual([{ kind: "close", error: undefined }]);
  });

  it("is an error when a later one names a higher stream", () => {
    const engine = Engine.ready("client");
    engine.openStream();
    engine.send(engine.peer.goAway(1, 0), engine.peer.goAway(3, 0));
    expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
  });
});

describe("a transport that is lost", () => {
  it("resets every stream with scope connection, never ends one, and closes once", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    client.stream(call.id).sendData(pattern(10), { endStream: false });
    link.run();
    const cause = new Error("ECONNRESET");
    server.connection.transportClosed(cause);
    server.connection.transportClosed(cause);
    expect(server.inbox(call.id)).toMatchObject({
      ended: false,
      reset: { scope: "connection", message: "connection lost: ECONNRESET" },
    });
    expect(server.closes).toMatchObject([{ message: "connection lost: ECONNRESET", cause }]);
  });

  it("is no error when nothing was going on", () => {
    const { client } = connectedPair();
    client.connection.transportClosed();
    expect(client.closes).toEqual([undefined]);
  });

  it("marks what was surely not processed: never sent, or past the GOAWAY", () => {
    const engine = Engine.ready("client");
    const sent = engine.openStream();
    const unsent = engine.openBare();
    engine.connection.transportClosed();
    const unprocessed = engine.handler.of("reset").map(({ streamId, reset }) => [streamId, reset.unprocessed]);
    expect(unprocessed).toEqual([
      [sent, false],
      [unsent, true],
    ]);
  });

  it("tells every stream though a handler throws", () => {
    const engine = Engine.ready("client");
    const streams = [engine.openStream(), engine.openStream(), engine.openStream()];
    const told: number[] = [];
    engine.handler.onReset = (streamId) => {
      told.push(streamId);
      throw new Error("handler");
    };
    engine.connection.transportClosed();
    expect(told).toEqual(streams);
    expect(engine.handler.of("close")).toHaveLength(1);
  });
});

describe("a handler that throws", () => {
  it.each(["onHeaders", "onData", "onReset", "onPong", "onSettings", "onClose"] as const)(
    "in %s ends the connection, not the process",
    (where) => {
      const engine = Engine.ready("server");
      engine.handler[where] = () => {
        throw new Error("handler");
      };
      const streamId = engine.openStream();
      engine.send(engine.peer.data(streamId, [1]), engine.peer.settings(), engine.peer.rstStream(streamId, 8));
      const pingId = engine.connection.ping(0);
      engine.send(engine.peer.ping([0, 0, 0, 0, 0, 0, 0, pingId], 1));
      if (where === "onClose") engine.connection.transportClosed();
      else expect(engine.verdict()).toEqual({ connectionError: "INTERNAL_ERROR" });
      expect(engine.connection.closed).toBe(true);
    },
  );
});
