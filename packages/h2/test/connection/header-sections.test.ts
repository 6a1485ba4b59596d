import { describe, expect, it } from "vitest";
import { ErrorCode, type HeaderField } from "../../src/index.js";
import { Flag } from "../../src/testing/index.js";
import { connectedPair, echoes, request } from "../support/endpoint.js";
import { EndBoth, Engine, requestFields } from "../support/engine.js";

const fieldsOf = (bytes: number): HeaderField[] =>
  Array.from({ length: Math.ceil(bytes / 1_000) }, (_, index) => ({
    name: `x-${index}`,
    value: "\u00ff".repeat(1_000),
  }));

describe("large header sections", () => {
  it("go through CONTINUATION in both directions", () => {
    const settings = { maxHeaderListSize: 200_000 };
    const { client, server, link } = connectedPair({ client: { settings }, server: { settings } });
    const large = fieldsOf(100_000);
    server.onEnded = ({ id }) => {
      server.stream(id).sendHeaders([{ name: ":status", value: "200" }, ...large], { endStream: false });
      server.stream(id).sendHeaders(large, { endStream: true });
      server.stream(id).release();
    };
    const call = client.open({ fields: [...request, ...large], endStream: true });
    link.run();
    const sent = Object.fromEntries(large.map(({ name, value }) => [name, value]));
    expect(server.inbox(call.id).headers).toMatchObject(sent);
    expect(call.headers).toMatchObject(sent);
    expect(call.trailers).toEqual(sent);
  });

  it("past maxHeaderListSize cost their stream only, and the compression state stays whole", () => {
    const { client, server, link } = connectedPair({ server: { settings: { maxHeaderListSize: 10_000 } } });
    echoes(server);
    for (let turn = 0; turn < 300; turn++) {
      const call = client.open({ fields: [...request, ...fieldsOf(11_000)], endStream: true });
      link.run();
      expect(call.reset).toMatchObject({ errorCode: ErrorCode.ENHANCE_YOUR_CALM, origin: "remote" });
    }
    const call = client.open({ fields: [...request, { name: "x-1", value: "one" }], endStream: true });
    link.run();
    expect(call.ended).toBe(true);
    expect(server.streams.size).toBe(1);
  });

  it("of trailers past the limit say so with size and limit", () => {
    const { client, server, link } = connectedPair({ client: { settings: { maxHeaderListSize: 5_000 } } });
    server.onRequestHeaders = ({ id }) => {
      server.stream(id).sendHeaders([{ name: ":status", value: "200" }], { endStream: false });
      server.stream(id).sendHeaders(fieldsOf(6_000), { endStream: true });
    };
    const call = client.open({ endStream: true });
    link.run();
    expect(call.reset).toMatchObject({
      errorCode: ErrorCode.ENHANCE_YOUR_CALM,
      origin: "local",
      scope: "stream",
      message: "header list of 6210 bytes is larger than maxHeaderListSize (5000)",
    });
  });

  it("in small pieces are put together, the last one empty too", () => {
    const engine = Engine.ready("server");
    const block = engine.peer.block([...requestFields, { name: "x-a", value: "b" }]);
    engine.send(
      engine.peer.continuation(1, block.subarray(0, 1)).fill(1, 3, 4), // type HEADERS
      engine.peer.continuation(1, block.subarray(1, 5)),
      engine.peer.continuation(1, block.subarray(5)),
      engine.peer.continuation(1, new Uint8Array(0), Flag.END_HEADERS),
    );
    expect(engine.handler.of("headers")).toMatchObject([
      { streamId: 1, fields: [":method: POST", ":scheme: http", ":path: /", "x-a: b"] },
    ]);
  });

  it("of more than maxContinuationFrames end the connection", () => {
    const engine = Engine.ready("server", { limits: { maxContinuationFrames: 3 } });
    const block = engine.peer.block(requestFields);
    engine.send(engine.peer.continuation(1, block).fill(1, 3, 4));
    for (let frames = 0; frames < 3; frames++) engine.send(engine.peer.continuation(1, new Uint8Array(0)));
    expect(engine.connection.closed).toBe(false);
    engine.send(engine.peer.continuation(1, new Uint8Array(0), Flag.END_HEADERS));
    expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
  });

  it("of more than four times the limit in encoded bytes end the connection before they are decoded", () => {
    for (const size of [20_000, 70_000]) {
      const engine = Engine.ready("server", { settings: { maxFrameSize: 100_000, maxHeaderListSize: 4_096 } });
      engine.send(engine.peer.continuation(1, new Uint8Array(size)).fill(1, 3, 4));
      engine.send(engine.peer.continuation(1, new Uint8Array(0), Flag.END_HEADERS));
      expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
    }
  });
});

describe("padded and prioritised headers", () => {
  it("are read past padding and priority", () => {
    const engine = Engine.ready("server");
    const block = engine.peer.block(requestFields);
    const padded = Uint8Array.from([3, 0x80, 0, 0, 7, 200, ...block, 0, 0, 0]);
    engine.send(engine.peer.continuation(1, padded, EndBoth | Flag.PADDED | Flag.PRIORITY).fill(1, 3, 4));
    expect(engine.handler.of("headers")).toMatchObject([
      { streamId: 1, endStream: true, fields: [":method: POST", ":scheme: http", ":path: /"] },
    ]);
  });

  it("and padded data arrive without their padding", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.send(
      engine.peer.data(streamId, [2, 7, 8, 9, 0, 0], Flag.PADDED),
      engine.peer.data(streamId, [0], Flag.PADDED | Flag.END_STREAM),
    );
    expect(engine.handler.of("data")).toEqual([
      { kind: "data", streamId, bytes: [7, 8, 9], endStream: false },
      { kind: "data", streamId, bytes: [], endStream: true },
    ]);
  });
});

describe("fields marked never-indexed", () => {
  it("arrive so marked and are written anew each time", () => {
    const { client, server, link } = connectedPair();
    const seen: (boolean | undefined)[] = [];
    const onRequest = server.onRequest.bind(server);
    server.onRequest = (stream, fields, endStream) => {
      seen.push(fields.find(({ name }) => name === "x-secret")?.neverIndexed);
      return onRequest(stream, fields, endStream);
    };
    for (let turn = 0; turn < 3; turn++)
      client.open({ fields: [...request, { name: "x-secret", value: "s", neverIndexed: true }] });
    link.run();
    expect(seen).toEqual([true, true, true]);
  });
});
