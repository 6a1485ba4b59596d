import { describe, expect, it } from "vitest";
import { HpackDecoder } from "../../src/hpack/decoder.js";
import { Connection, portableAscii } from "../../src/index.js";
import { clientPreface, FrameType, RecordingHandler } from "../../src/testing/index.js";
import { connectedPair, echoes, pattern, request } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const dataBytes = (engine: Engine) =>
  engine
    .output()
    .filter(({ type }) => type === FrameType.DATA)
    .reduce((sum, { payload }) => sum + payload.length, 0);

describe("the peer's SETTINGS", () => {
  it("are acknowledged, each of them, and reported", () => {
    const engine = Engine.ready("server");
    engine.send(engine.peer.settings(), engine.peer.settings([[0x99, 7]]));
    expect(
      engine
        .output()
        .filter(({ type, flags, payload }) => type === FrameType.SETTINGS && flags === 1 && payload.length === 0),
    ).toHaveLength(2);
    expect(engine.handler.of("settings")).toHaveLength(2);
  });

  it("that lower the initial window make windows negative, and nothing is sent until they are positive", () => {
    const engine = Engine.ready("client");
    const streamId = engine.openStream();
    engine.output();
    engine.stream(streamId).sendData(pattern(65_535), { endStream: false });
    expect(dataBytes(engine)).toBe(65_535);
    engine.send(engine.peer.windowUpdate(0, 1_000_000));
    engine.send(engine.peer.settings([[4, 1_000]])); // the window is now 1,000 - 65,535 = -64,535
    engine.stream(streamId).sendData(pattern(10_000), { endStream: false });
    expect(dataBytes(engine)).toBe(0);
    engine.send(engine.peer.windowUpdate(streamId, 64_535));
    expect(dataBytes(engine)).toBe(0);
    engine.send(engine.peer.windowUpdate(streamId, 1));
    expect(dataBytes(engine)).toBe(1);
    engine.send(engine.peer.settings([[4, 3_000]]));
    expect(dataBytes(engine)).toBe(2_000);
  });

  it("that raise the initial window let waiting streams go on", () => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.settings([[4, 0]]));
    const streams = [engine.openStream(), engine.openStream()];
    for (const streamId of streams) engine.stream(streamId).sendData(pattern(500), { endStream: true });
    expect(dataBytes(engine)).toBe(0);
    engine.send(engine.peer.settings([[4, 400]]));
    expect(dataBytes(engine)).toBe(800);
  });

  it("of a larger frame size are kept to, and headers are cut at the size in force", () => {
    const engine = Engine.ready("client");
    const big = [...request, { name: "x-big", value: "\u00ff".repeat(40_000) }];
    const send = () => {
      const streamId = engine.openBare();
      engine.stream(streamId).sendHeaders(big, { endStream: true });
      return engine.output().map(({ type, payload, flags }) => [type, payload.length <= 16_384, flags]);
    };
    expect(send()).toEqual([
      [FrameType.HEADERS, true, 1],
      [FrameType.CONTINUATION, true, 0],
      [FrameType.CONTINUATION, true, 4],
    ]);
    engine.send(engine.peer.settings([[5, 100_000]]));
    engine.output();
    expect(send()).toEqual([[FrameType.HEADERS, expect.any(Boolean), 5]]);
  });

  it("of the header table are followed, down to none and up again", () => {
    for (const headerTableSize of [0, 1, 100, 4_096, 65_536]) {
      const { client, server, link } = connectedPair({
        server: { settings: { headerTableSize } },
        client: { settings: { headerTableSize } },
      });
      echoes(server);
      for (let turn = 0; turn < 20; turn++) {
        const call = client.open({
          fields: [...request, { name: `x-${turn % 3}`, value: `value ${turn % 5}` }],
          endStream: true,
        });
        link.run();
        expect(call.trailers).toEqual({ "x-bytes": "0" });
      }
    }
  });
});

describe("SETTINGS_HEADER_TABLE_SIZE twice in one frame", () => {
  const sections = (engine: Engine) =>
    engine
      .output()
      .filter(({ type }) => type === FrameType.HEADERS)
      .map(({ payload }) => [...payload]);

  it.each([
    ["down and up again", [0, 4_096], [0x20, 0x3f, 0xe1, 0x1f]],
    ["down in two steps", [200, 100], [0x3f, 0x45]],
    ["up, then down, then up to less than it was", [8_000, 60, 1_000], [0x3f, 0x1d, 0x3f, 0xc9, 0x07]],
  ])("%s: the smallest, then the last is announced (RFC 7541 §4.2), and the table is empty", (_, sizes, updates) => {
    const engine = Engine.ready("client");
    const novel = [...request, { name: "x-novel", value: "in the table" }];
    const send = () => {
      engine.stream(engine.openBare()).sendHeaders(novel, { endStream: true });
      return sections(engine)[0] as number[];
    };
    const first = send();
    expect(send().length).toBeLessThan(first.length);
    engine.send(engine.peer.settings(sizes.map((size) => [1, size])));
    engine.output();
    expect(send().slice(0, updates.length)).toEqual(updates);
    expect(send()[0]).toBeGreaterThanOrEqual(0x80);
  });

  it("goes on being decoded at the peer, which has evicted what we have", () => {
    const engine = Engine.ready("client");
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    const novel = [...request, { name: "x-novel", value: "in the table" }];
    for (const sizes of [[], [0, 4_096], [], [50, 4_096, 30, 3_000], []]) {
      for (const size of sizes) decoder.setMaxTableSize(size);
      if (sizes.length > 0) engine.send(engine.peer.settings(sizes.map((size) => [1, size])));
      engine.stream(engine.openBare()).sendHeaders(novel, { endStream: true });
      const block = Uint8Array.from(sections(engine)[0] as number[]);
      expect(decoder.decode(block, 0, block.length, 1e6)).toMatchObject(novel);
    }
  });
});

describe("our SETTINGS", () => {
  it("of a smaller table do not bind the peer before it has acknowledged them, and do from then on", () => {
    const engine = new Engine("server", { settings: { headerTableSize: 0 } });
    engine.send(clientPreface, engine.peer.settings());
    const novel = { name: "x-novel", value: "in the table of 4,096 bytes" };
    const fields = [...request, novel];
    engine.send(engine.peer.headers(1, fields), engine.peer.headers(3, fields));
    expect(engine.handler.of("headers").map(({ fields: [, , , , last] }) => last)).toEqual(
      Array(2).fill("x-novel: in the table of 4,096 bytes"),
    );
    engine.send(engine.peer.settingsAck(), engine.peer.headers(5, fields)); // It has not shrunk its table.
    expect(engine.verdict()).toEqual({ connectionError: "COMPRESSION_ERROR" });
  });

  it("say all that bounds the peer, and a client forbids push", () => {
    const settings = {
      headerTableSize: 1,
      maxConcurrentStreams: 2,
      initialWindowSize: 3,
      maxFrameSize: 16_385,
      maxHeaderListSize: 5,
    };
    for (const role of ["client", "server"] as const) {
      const engine = new Engine(role, { settings });
      const [frame] = engine.output();
      const entries: number[][] = [];
      const payload = Buffer.from(frame?.payload ?? []);
      for (let at = 0; at < payload.length; at += 6)
        entries.push([payload.readUInt16BE(at), payload.readUInt32BE(at + 2)]);
      const push = role === "client" ? [[2, 0]] : [];
      expect(entries).toEqual([[1, 1], [3, 2], [4, 3], [5, 16_385], [6, 5], ...push]);
    }
  });

  it("of a smaller window are not held against a client that has not seen them yet", () => {
    const pair = connectedPair({
      handshake: false,
      link: { delayMs: 50 },
      server: { settings: { initialWindowSize: 1_000 } },
    });
    const call = pair.client.open();
    pair.client.stream(call.id).sendData(pattern(60_000), { endStream: true });
    pair.link.run();
    expect(pair.server.inbox(call.id)).toMatchObject({ ended: true, bytes: 60_000 });
  });

  it("of a window of a client hold from its first request on, in either size", () => {
    for (const initialWindowSize of [1_000, 1_000_000]) {
      const pair = connectedPair({
        handshake: false,
        link: { delayMs: 50 },
        client: { settings: { initialWindowSize } },
      });
      echoes(pair.server);
      const call = pair.client.open();
      pair.client.stream(call.id).sendData(pattern(60_000), { endStream: true });
      pair.link.run();
      expect(call).toMatchObject({ ended: true, bytes: 60_000 });
    }
  });

  it("of larger frames are used", () => {
    const engine = Engine.ready("server", { settings: { maxFrameSize: 60_000 } });
    const streamId = engine.openStream();
    engine.send(engine.peer.data(streamId, pattern(60_000)));
    expect(engine.handler.of("data")[0]?.bytes).toHaveLength(60_000);
    engine.send(engine.peer.data(streamId, new Uint8Array(60_001)));
    expect(engine.verdict()).toEqual({ connectionError: "FRAME_SIZE_ERROR" });
  });
});

describe("options out of their range", () => {
  it.each([
    [{ settings: { headerTableSize: -1 } }, "headerTableSize must be a whole number from 0 to 1048576, not -1"],
    [
      { settings: { maxConcurrentStreams: 1.5 } },
      "maxConcurrentStreams must be a whole number from 0 to 2147483647, not 1.5",
    ],
    [
      { settings: { initialWindowSize: 2 ** 31 } },
      "initialWindowSize must be a whole number from 0 to 2147483647, not 2147483648",
    ],
    [{ settings: { maxFrameSize: 16_383 } }, "maxFrameSize must be a whole number from 16384 to 16777215, not 16383"],
    [
      { settings: { maxHeaderListSize: Number.NaN } },
      "maxHeaderListSize must be a whole number from 0 to 268435456, not NaN",
    ],
    [{ limits: { handshakeTimeoutMs: 0 } }, "handshakeTimeoutMs must be a whole number from 1 to 2147483647, not 0"],
    [
      { limits: { maxBufferedBytesPerConnection: 1 } },
      "maxBufferedBytesPerConnection must be a whole number from 65535 to 1099511627776, not 1",
    ],
    [{ role: "peer" as "client" }, 'role must be "client" or "server", not peer'],
  ])("%j are refused with their name, value and range", (options, message) => {
    const make = () => new Connection({ role: "client", ...options }, new RecordingHandler());
    expect(make).toThrow("role" in options ? new TypeError(message) : new RangeError(message));
  });
});
