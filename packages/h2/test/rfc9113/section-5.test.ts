/** RFC 9113 §5.2 to §5.4: flow control, priority, errors. The states are in section-5.1.test.ts. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { Flag, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields, responseFields } from "../support/engine.js";

const roles = ["client", "server"] as const;

/** A stream on which the peer may send DATA. */
function readable(engine: Engine): number {
  const streamId = engine.openStream();
  if (engine.role === "client") engine.send(engine.peer.headers(streamId, responseFields));
  engine.output();
  return streamId;
}

describe.each(roles)("§5.2 flow control at a %s", (role) => {
  it("DATA past the stream's window is a stream error FLOW_CONTROL_ERROR", () => {
    const engine = Engine.ready(role, { settings: { initialWindowSize: 100 } });
    const streamId = readable(engine);
    engine.send(engine.peer.data(streamId, new Uint8Array(100)));
    expect(engine.verdict()).toBe("taken");
    engine.send(engine.peer.data(streamId, [1]));
    expect(engine.verdict()).toEqual({ streamError: "FLOW_CONTROL_ERROR", streamId });
  });

  it("padding counts", () => {
    const engine = Engine.ready(role, { settings: { initialWindowSize: 100 } });
    const streamId = readable(engine);
    engine.send(engine.peer.data(streamId, [100, ...new Uint8Array(100)], Flag.PADDED));
    expect(engine.verdict()).toEqual({ streamError: "FLOW_CONTROL_ERROR", streamId });
  });

  it("DATA past the connection's window is a connection error", () => {
    const engine = Engine.ready(role, { limits: { maxBufferedBytesPerConnection: 65_535 } });
    const streams = [readable(engine), readable(engine)];
    for (let frames = 0; frames < 4; frames++)
      engine.send(engine.peer.data(streams[frames % 2] as number, new Uint8Array(16_383)));
    expect(engine.verdict()).toBe("taken");
    engine.send(engine.peer.data(streams[0] as number, new Uint8Array(4)));
    expect(engine.verdict()).toEqual({ connectionError: "FLOW_CONTROL_ERROR" });
  });

  it("we never send past the window of a stream or of the connection", () => {
    const engine = Engine.ready(role);
    engine.send(engine.peer.settings([[4, 40_000]]));
    const streams = [readable(engine), readable(engine)];
    for (const streamId of streams) {
      if (role === "server") engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
      engine.stream(streamId).sendData(new Uint8Array(100_000), { endStream: true });
    }
    const sent = engine.output().filter(({ type }) => type === FrameType.DATA);
    for (const { payload } of sent) expect(payload.length).toBeLessThanOrEqual(16_384);
    const total = (id?: number) =>
      sent
        .filter(({ streamId }) => id === undefined || id === streamId)
        .reduce((sum, { payload }) => sum + payload.length, 0);
    expect(total(streams[0])).toBeLessThanOrEqual(40_000);
    expect(total(streams[1])).toBeLessThanOrEqual(40_000);
    expect(total()).toBe(65_535);
  });

  it("an empty DATA with END_STREAM needs no window", () => {
    const engine = Engine.ready(role);
    engine.send(engine.peer.settings([[4, 0]]));
    const streamId = readable(engine);
    if (role === "server") engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.stream(streamId).sendData([], { endStream: true });
    expect(engine.output().filter(({ type }) => type === FrameType.DATA)).toMatchObject([
      { flags: Flag.END_STREAM, streamId },
    ]);
  });
});

describe.each(roles)("§6.9.1 what a %s grants", (role) => {
  it.each([2 ** 31, 2 ** 32, 2 ** 32 + 2 ** 20, 2 ** 40])(
    "never passes 2^31-1, with a budget of %d bytes",
    (maxBufferedBytesPerConnection) => {
      const engine = new Engine(role, { limits: { maxBufferedBytesPerConnection } });
      const updates = engine
        .output()
        .filter(({ type, streamId }) => type === FrameType.WINDOW_UPDATE && streamId === 0);
      const granted = updates.reduce((sum, { payload }) => sum + Buffer.from(payload).readUInt32BE(0), 65_535);
      expect(granted).toBe(Math.min(2 ** 31 - 1, maxBufferedBytesPerConnection / 2));
    },
  );
});

describe("§5.3 priority", () => {
  it.each(roles)("a stream of a %s that depends on itself is a stream error PROTOCOL_ERROR", (role) => {
    const engine = Engine.ready(role);
    const streamId = readable(engine);
    engine.send(rawFrame({ type: FrameType.PRIORITY, streamId, payload: [...uint32(streamId), 1] }));
    expect(engine.verdict()).toEqual({ streamError: "PROTOCOL_ERROR", streamId });
  });

  it("so is one that is opened so; the next request is served", () => {
    const engine = Engine.ready("server");
    const payload = [...uint32(1), 16, ...engine.peer.block(requestFields)];
    engine.send(rawFrame({ type: FrameType.HEADERS, flags: EndBoth | Flag.PRIORITY, streamId: 1, payload }));
    expect(engine.verdict()).toEqual({ streamError: "PROTOCOL_ERROR", streamId: 1 });
    expect(engine.handler.events).toEqual([]);
    engine.send(engine.peer.headers(3, requestFields));
    expect(engine.handler.of("headers")).toHaveLength(1);
    expect(engine.connection.activeStreams).toBe(1);
  });

  it("of an idle stream it is a connection error, since an idle stream cannot be reset", () => {
    const engine = Engine.ready("server");
    engine.send(rawFrame({ type: FrameType.PRIORITY, streamId: 9, payload: [...uint32(9), 1] }));
    expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
  });
});

describe("§5.4 errors", () => {
  it("a connection error names the last stream that was taken, and nothing is handled after it", () => {
    const engine = Engine.ready("server");
    engine.send(engine.peer.headers(1, requestFields), engine.peer.headers(7, requestFields));
    engine.send(engine.peer.ping([1], 0), engine.peer.headers(9, requestFields));
    const goAway = engine.output().find(({ type }) => type === FrameType.GOAWAY);
    expect(Buffer.from(goAway?.payload ?? []).readUInt32BE(0)).toBe(7);
    expect(engine.handler.of("headers")).toHaveLength(2);
    expect(engine.handler.of("reset")).toHaveLength(2);
    expect(engine.handler.of("close")).toHaveLength(1);
  });

  it("§5.4.2: RST_STREAM is never answered with RST_STREAM", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    engine.output();
    engine.send(
      engine.peer.rstStream(streamId, ErrorCode.PROTOCOL_ERROR),
      engine.peer.rstStream(streamId, ErrorCode.CANCEL),
    );
    expect(engine.output()).toEqual([]);
  });
});
