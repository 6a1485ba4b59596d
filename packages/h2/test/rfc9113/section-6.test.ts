/** RFC 9113 §6: the form of each frame, at both ends. */
import { describe, expect, it } from "vitest";
import { Flag, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields, responseFields, type Verdict } from "../support/engine.js";

const connection = (connectionError: string): Verdict => ({ connectionError });
const frameSize = connection("FRAME_SIZE_ERROR");
const protocol = connection("PROTOCOL_ERROR");
const onStream = (streamError: string): Verdict => ({ streamError, streamId: 1 });

type Case = readonly [title: string, frame: (engine: Engine) => Uint8Array, verdict: Verdict];

/** Each is sent while stream 1 is open and the peer may send DATA on it. */
const cases: readonly Case[] = [
  ["§6.1 DATA on stream 0", () => rawFrame({ type: FrameType.DATA, payload: [1] }), protocol],
  [
    "§6.1 DATA, padding as long as the payload",
    () => rawFrame({ type: FrameType.DATA, flags: Flag.PADDED, streamId: 1, payload: [3, 0, 0] }),
    protocol,
  ],
  [
    "§6.1 DATA, padding that fills it",
    () => rawFrame({ type: FrameType.DATA, flags: Flag.PADDED, streamId: 1, payload: [2, 0, 0] }),
    "taken",
  ],
  ["§6.1 DATA, padded and empty", () => rawFrame({ type: FrameType.DATA, flags: Flag.PADDED, streamId: 1 }), frameSize],
  [
    "§6.1 DATA, padding that is not zero",
    () => rawFrame({ type: FrameType.DATA, flags: Flag.PADDED, streamId: 1, payload: [1, 9] }),
    "taken",
  ],
  ["§6.2 HEADERS on stream 0", ({ peer }) => peer.headers(0, requestFields), protocol],
  [
    "§6.2 HEADERS, padding past the block",
    () => rawFrame({ type: FrameType.HEADERS, flags: EndBoth | Flag.PADDED, streamId: 1, payload: [1] }),
    protocol,
  ],
  [
    "§6.2 HEADERS too short for its priority",
    () => rawFrame({ type: FrameType.HEADERS, flags: EndBoth | Flag.PRIORITY, streamId: 1, payload: [0, 0, 0, 3] }),
    frameSize,
  ],
  [
    "§6.2 HEADERS, padding that eats into the priority",
    () =>
      rawFrame({
        type: FrameType.HEADERS,
        flags: EndBoth | Flag.PRIORITY | Flag.PADDED,
        streamId: 1,
        payload: [2, 0, 0, 0, 3, 1, 0],
      }),
    frameSize,
  ],
  ["§6.3 PRIORITY on stream 0", () => rawFrame({ type: FrameType.PRIORITY, payload: [0, 0, 0, 3, 1] }), protocol],
  [
    "§6.3 PRIORITY of 4 bytes",
    () => rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [0, 0, 0, 3] }),
    onStream("FRAME_SIZE_ERROR"),
  ],
  [
    "§6.3 PRIORITY of 6 bytes",
    () => rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [0, 0, 0, 3, 1, 1] }),
    onStream("FRAME_SIZE_ERROR"),
  ],
  ["§6.4 RST_STREAM on stream 0", ({ peer }) => peer.rstStream(0, 1), protocol],
  [
    "§6.4 RST_STREAM of 3 bytes",
    () => rawFrame({ type: FrameType.RST_STREAM, streamId: 1, payload: [0, 0, 0] }),
    frameSize,
  ],
  [
    "§6.4 RST_STREAM of 5 bytes",
    () => rawFrame({ type: FrameType.RST_STREAM, streamId: 1, payload: [0, 0, 0, 0, 0] }),
    frameSize,
  ],
  ["§6.5 SETTINGS on a stream", () => rawFrame({ type: FrameType.SETTINGS, streamId: 1 }), protocol],
  ["§6.5 SETTINGS of 5 bytes", () => rawFrame({ type: FrameType.SETTINGS, payload: [0, 1, 0, 0, 0] }), frameSize],
  [
    "§6.5 SETTINGS acknowledgement with a payload",
    () => rawFrame({ type: FrameType.SETTINGS, flags: Flag.ACK, payload: [0, 1, 0, 0, 0, 0] }),
    frameSize,
  ],
  ["§6.5.2 SETTINGS_ENABLE_PUSH 2", ({ peer }) => peer.settings([[2, 2]]), protocol],
  ["§6.5.2 SETTINGS_ENABLE_PUSH 0", ({ peer }) => peer.settings([[2, 0]]), "taken"],
  [
    "§6.5.2 SETTINGS_INITIAL_WINDOW_SIZE 2^31",
    ({ peer }) => peer.settings([[4, 2 ** 31]]),
    connection("FLOW_CONTROL_ERROR"),
  ],
  ["§6.5.2 SETTINGS_INITIAL_WINDOW_SIZE 2^31-1", ({ peer }) => peer.settings([[4, 2 ** 31 - 1]]), "taken"],
  ["§6.5.2 SETTINGS_MAX_FRAME_SIZE 16,383", ({ peer }) => peer.settings([[5, 16_383]]), protocol],
  ["§6.5.2 SETTINGS_MAX_FRAME_SIZE 2^24", ({ peer }) => peer.settings([[5, 2 ** 24]]), protocol],
  ["§6.5.2 SETTINGS_MAX_FRAME_SIZE 2^24-1", ({ peer }) => peer.settings([[5, 2 ** 24 - 1]]), "taken"],
  ["§6.5.2 an unknown setting", ({ peer }) => peer.settings([[0xffff, 0xffffffff]]), "taken"],
  ["§6.5.3 SETTINGS acknowledged a second time", ({ peer }) => peer.settingsAck(), protocol],
  [
    "§6.7 PING on a stream",
    () => rawFrame({ type: FrameType.PING, streamId: 1, payload: new Uint8Array(8) }),
    protocol,
  ],
  ["§6.7 PING of 7 bytes", () => rawFrame({ type: FrameType.PING, payload: new Uint8Array(7) }), frameSize],
  [
    "§6.7 PING answer of 9 bytes",
    () => rawFrame({ type: FrameType.PING, flags: Flag.ACK, payload: new Uint8Array(9) }),
    frameSize,
  ],
  [
    "§6.8 GOAWAY on a stream",
    () => rawFrame({ type: FrameType.GOAWAY, streamId: 1, payload: new Uint8Array(8) }),
    protocol,
  ],
  ["§6.8 GOAWAY of 7 bytes", () => rawFrame({ type: FrameType.GOAWAY, payload: new Uint8Array(7) }), frameSize],
  [
    "§6.9 WINDOW_UPDATE of 3 bytes",
    () => rawFrame({ type: FrameType.WINDOW_UPDATE, streamId: 1, payload: [0, 0, 1] }),
    frameSize,
  ],
  ["§6.9 WINDOW_UPDATE of 0 on the connection", ({ peer }) => peer.windowUpdate(0, 0), protocol],
  ["§6.9 WINDOW_UPDATE of 0 on a stream", ({ peer }) => peer.windowUpdate(1, 0), onStream("PROTOCOL_ERROR")],
  [
    "§6.9 WINDOW_UPDATE with its reserved bit set",
    () => rawFrame({ type: FrameType.WINDOW_UPDATE, payload: uint32(0x80000001) }),
    "taken",
  ],
  [
    "§6.9.1 the connection's window past 2^31-1",
    ({ peer }) => peer.windowUpdate(0, 2 ** 31 - 65_535),
    connection("FLOW_CONTROL_ERROR"),
  ],
  ["§6.9.1 the connection's window at 2^31-1", ({ peer }) => peer.windowUpdate(0, 2 ** 31 - 1 - 65_535), "taken"],
  [
    "§6.9.1 a stream's window past 2^31-1",
    ({ peer }) => peer.windowUpdate(1, 2 ** 31 - 65_535),
    onStream("FLOW_CONTROL_ERROR"),
  ],
  ["§6.10 CONTINUATION without HEADERS", ({ peer }) => peer.continuation(1, new Uint8Array(0)), protocol],
  ["§6.10 CONTINUATION on stream 0", ({ peer }) => peer.continuation(0, new Uint8Array(0)), protocol],
];

describe.each(["client", "server"] as const)("at a %s", (role) => {
  it.each(
    cases.map(
      ([title, frame, verdict]) =>
        [title, typeof verdict === "string" ? verdict : JSON.stringify(verdict), frame, verdict] as const,
    ),
  )("%s is %s", (_title, _verdict, frame, verdict) => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    if (role === "client") engine.send(engine.peer.headers(streamId, responseFields));
    engine.output();
    engine.send(frame(engine));
    expect(engine.verdict()).toEqual(verdict);
    expect(engine.connection.closed).toBe(typeof verdict === "object" && "connectionError" in verdict);
  });

  it("§6.9.2: SETTINGS that move a stream's window past 2^31-1 are a connection error FLOW_CONTROL_ERROR", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    engine.output();
    engine.send(engine.peer.windowUpdate(streamId, 2 ** 31 - 1 - 65_535), engine.peer.settings([[4, 65_536]]));
    expect(engine.verdict()).toEqual(connection("FLOW_CONTROL_ERROR"));
  });

  it("§6.5: entries are taken in their order, the last of a kind counts", () => {
    const engine = Engine.ready(role);
    engine.send(
      engine.peer.settings([
        [4, 10],
        [4, 20],
      ]),
    );
    const streamId = engine.openStream();
    if (role === "server") engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.stream(streamId).sendData(new Uint8Array(100), { endStream: false });
    expect(engine.output().find(({ type }) => type === FrameType.DATA)?.payload).toHaveLength(20);
  });

  it("§6.6: PUSH_PROMISE is PROTOCOL_ERROR, even where it is well formed", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    engine.output();
    const payload = [...uint32(2), ...engine.peer.block(requestFields)];
    engine.send(rawFrame({ type: FrameType.PUSH_PROMISE, flags: Flag.END_HEADERS, streamId, payload }));
    expect(engine.verdict()).toEqual(protocol);
  });
});

describe("§6.5.2 at a client", () => {
  it("a server that says SETTINGS_ENABLE_PUSH 1 is wrong; a client may say it", () => {
    const client = Engine.ready("client");
    client.send(client.peer.settings([[2, 1]]));
    expect(client.verdict()).toEqual(protocol);
    const server = Engine.ready("server");
    server.send(server.peer.settings([[2, 1]]));
    expect(server.verdict()).toBe("taken");
  });
});
