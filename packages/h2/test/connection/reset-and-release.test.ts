import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { Flag, FrameType } from "../../src/testing/index.js";
import { connectedPair, type Inbox, pattern, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

describe("reset", () => {
  it("ends the stream at both ends, and only the other end hears of it", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    link.run();
    client.stream(call.id).reset(ErrorCode.CANCEL);
    link.run();
    expect(call.reset).toBeUndefined();
    expect(server.inbox(call.id).reset).toMatchObject({
      errorCode: ErrorCode.CANCEL,
      origin: "remote",
      scope: "stream",
      unprocessed: false,
    });
    client.stream(call.id).release();
    expect(client.connection.activeStreams).toBe(0);
    expect(server.connection.activeStreams).toBe(0);
  });

  it("drops what was queued", () => {
    const { client, server, link } = connectedPair({ server: { settings: { initialWindowSize: 1_000 } } });
    server.reads = false;
    const call = client.open();
    client.stream(call.id).sendData(pattern(100_000), { endStream: true });
    link.run();
    client.stream(call.id).reset(ErrorCode.CANCEL);
    expect(client.stream(call.id).bufferedBytes).toBe(0);
    link.run();
    expect(server.inbox(call.id)).toMatchObject({ ended: false, bytes: 1_000 });
  });

  it("of a stream whose headers were never sent says nothing to the peer", () => {
    const { client, server, link } = connectedPair();
    const id = client.openBare();
    client.stream(id).reset(ErrorCode.CANCEL);
    client.stream(id).release();
    const next = client.open({ endStream: true });
    link.run();
    expect(next.id).toBe(3);
    expect([...server.streams.keys()]).toEqual([3]);
    expect(client.connection.activeStreams).toBe(1);
  });

  it("with an unknown code arrives as it was sent", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    client.stream(call.id).reset(0xfedcba98);
    link.run();
    expect(server.inbox(call.id).reset?.errorCode).toBe(0xfedcba98);
  });

  it("with REFUSED_STREAM tells that the request was not processed", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) => server.stream(id).reset(ErrorCode.REFUSED_STREAM);
    const call = client.open();
    link.run();
    expect(call.reset).toMatchObject({ errorCode: ErrorCode.REFUSED_STREAM, unprocessed: true });
  });

  it("from inside any callback is safe", () => {
    for (const where of ["onRequest", "onData", "onTrailers"] as const) {
      const { client, server, link } = connectedPair();
      const end = ({ stream }: Inbox): void => {
        stream.reset(ErrorCode.CANCEL);
        stream.release();
      };
      server.onRequestHeaders = (inbox) => {
        if (where === "onRequest") end(inbox);
        const { onData, onTrailers } = inbox;
        if (where === "onData") {
          inbox.onData = (data, endStream) => {
            onData.call(inbox, data, endStream);
            end(inbox);
          };
        }
        if (where === "onTrailers") {
          inbox.onTrailers = (fields) => {
            onTrailers.call(inbox, fields);
            end(inbox);
          };
        }
      };
      const call = client.open();
      client.stream(call.id).sendData(pattern(100_000), { endStream: false });
      client.stream(call.id).sendHeaders([{ name: "x", value: "y" }], { endStream: true });
      link.run();
      expect(call.reset).toMatchObject({ errorCode: ErrorCode.CANCEL });
      expect(server.connection.activeStreams).toBe(0);
      expect(server.connection.closed).toBe(false);
    }
  });
});

describe("release at a server", () => {
  it("delivers the answer that was given, then stops the request with NO_ERROR", () => {
    const { client, server, link } = connectedPair({ client: { settings: { initialWindowSize: 20_000 } } });
    server.onRequestHeaders = ({ id }) => {
      server.stream(id).sendHeaders(response, { endStream: false });
      server.stream(id).sendData(pattern(100_000), { endStream: false });
      server.stream(id).sendHeaders([{ name: "x-end", value: "1" }], { endStream: true });
      server.stream(id).release();
    };
    client.releases = false;
    const call = client.open();
    link.run();
    expect(call.body.equals(pattern(100_000))).toBe(true);
    expect(call.trailers).toEqual({ "x-end": "1" });
    expect(call.reset).toMatchObject({ errorCode: ErrorCode.NO_ERROR, origin: "remote" });
    expect(server.connection.activeStreams).toBe(0);
  });

  it("without an answer cancels", () => {
    const { client, server, link } = connectedPair();
    server.onRequestHeaders = ({ id }) => server.stream(id).release();
    const call = client.open({ endStream: true });
    link.run();
    expect(call.reset).toMatchObject({ errorCode: ErrorCode.CANCEL });
  });

  it("credits what was not read, so that the client's upload goes on until the answer is out", () => {
    const engine = Engine.ready("server", { limits: { maxBufferedBytesPerConnection: 65_535 } });
    engine.send(engine.peer.settings([[4, 0]])); // the answer cannot leave
    const streamId = engine.openStream();
    for (let sent = 0; sent < 3; sent++) engine.send(engine.peer.data(streamId, new Uint8Array(16_384)));
    engine.stream(streamId).sendHeaders(response, { endStream: false });
    engine.stream(streamId).sendData(pattern(10), { endStream: true });
    engine.output();
    engine.stream(streamId).release();
    const credited = engine.output().filter(({ type }) => type === FrameType.WINDOW_UPDATE);
    expect(credited.map(({ streamId: id, payload }) => [id, Buffer.from(payload).readUInt32BE(0)])).toEqual([
      [streamId, 3 * 16_384],
      [0, 3 * 16_384],
    ]);
  });

  it("holds the slot until it is called, even when both sides have ended", () => {
    const { client, server, link } = connectedPair({ server: { settings: { maxConcurrentStreams: 1 } } });
    server.onEnded = ({ id }) => server.stream(id).sendHeaders(response, { endStream: true });
    const call = client.open({ endStream: true });
    link.run();
    expect(call.ended).toBe(true);
    const second = client.open({ endStream: true });
    link.run();
    expect(second.reset).toMatchObject({ errorCode: ErrorCode.REFUSED_STREAM, unprocessed: true });
    server.stream(call.id).release();
    const third = client.open({ endStream: true });
    link.run();
    expect(third.ended).toBe(true);
  });
});

describe("release at a client", () => {
  it("cancels a stream that is still open", () => {
    const { client, server, link } = connectedPair();
    const call = client.open();
    link.run();
    client.stream(call.id).release();
    link.run();
    expect(server.inbox(call.id).reset).toMatchObject({ errorCode: ErrorCode.CANCEL });
    expect(client.connection.activeStreams).toBe(0);
  });

  it("after the server's answer lets the rest of the request go out", () => {
    const { client, server, link } = connectedPair({ server: { settings: { initialWindowSize: 1_000 } } });
    client.releases = false;
    server.onRequestHeaders = ({ id }) => server.stream(id).sendHeaders(response, { endStream: true });
    const call = client.open();
    client.stream(call.id).sendData(pattern(50_000), { endStream: true });
    server.reads = false;
    link.run();
    expect(call.ended).toBe(true);
    client.stream(call.id).release();
    expect(client.connection.activeStreams).toBe(1);
    server.reads = true;
    server.stream(call.id).acknowledge(1_000);
    link.run();
    expect(server.inbox(call.id)).toMatchObject({ ended: true, bytes: 50_000 });
    expect(client.connection.activeStreams).toBe(0);
  });
});

describe("after release", () => {
  it("a stream has no more events", () => {
    for (const ending of ["data", "trailers", "reset", "loss"] as const) {
      const engine = Engine.ready("server");
      const streamId = engine.openStream();
      engine.send(engine.peer.settings([[4, 0]]));
      engine.stream(streamId).sendHeaders(response, { endStream: false });
      engine.stream(streamId).sendData(pattern(10), { endStream: true });
      engine.stream(streamId).isWritable;
      engine.stream(streamId).release();
      engine.handler.events.length = 0;
      engine.send(engine.peer.data(streamId, [1, 2, 3]));
      if (ending === "data") engine.send(engine.peer.data(streamId, [4], Flag.END_STREAM));
      if (ending === "trailers")
        engine.send(engine.peer.headers(streamId, [{ name: "a", value: "b" }], Flag.END_STREAM | Flag.END_HEADERS));
      if (ending === "reset") engine.send(engine.peer.rstStream(streamId, 8));
      if (ending === "loss") engine.connection.transportClosed();
      else engine.send(engine.peer.windowUpdate(streamId, 1_000));
      engine.output();
      expect(engine.handler.events.filter((event) => "streamId" in event)).toEqual([]);
    }
  });

  it("late frames of the peer are free, as many as it may have had on its way", () => {
    const engine = Engine.ready("client");
    const streams = Array.from({ length: 90 }, () => engine.openStream());
    for (let wave = 0; wave < 60; wave++) {
      const late = wave === 0 ? streams : streams.map(() => engine.openStream());
      for (const streamId of late) {
        engine.stream(streamId).reset(ErrorCode.CANCEL);
        engine.stream(streamId).release();
      }
      engine.output();
      for (const streamId of late) {
        engine.send(engine.peer.headers(streamId, response));
        engine.send(engine.peer.data(streamId, new Uint8Array(1_000)));
        engine.send(
          engine.peer.headers(streamId, [{ name: "grpc-status", value: "0" }], Flag.END_STREAM | Flag.END_HEADERS),
        );
      }
    }
    expect(engine.handler.events).toEqual([]);
    expect(engine.connection.closed).toBe(false);
  });

  it("5,000 streams that expire together do not break the connection when their answers come late", () => {
    const engine = Engine.ready("client");
    const streams = Array.from({ length: 5_000 }, () => {
      const streamId = engine.openStream();
      engine.connection.takeOutput();
      return streamId;
    });
    for (const streamId of streams) engine.stream(streamId).release();
    for (const streamId of streams) {
      engine.send(engine.peer.headers(streamId, response));
      engine.send(engine.peer.data(streamId, [0, 0, 0, 0, 0]));
      engine.send(
        engine.peer.headers(streamId, [{ name: "grpc-status", value: "0" }], Flag.END_STREAM | Flag.END_HEADERS),
      );
    }
    expect(engine.connection.closed).toBe(false);
  });

  it("more than that is an error of the peer", () => {
    const engine = Engine.ready("client", { settings: { initialWindowSize: 1_000 } });
    const streamId = engine.openStream();
    engine.stream(streamId).release();
    engine.output();
    engine.send(engine.peer.data(streamId, new Uint8Array(1_000)));
    expect(engine.verdict()).toBe("taken");
    engine.send(engine.peer.data(streamId, new Uint8Array(1)));
    expect(engine.verdict()).toEqual({ streamError: "STREAM_CLOSED", streamId });
  });
});
