import { describe, expect, it } from "vitest";
import { clientPreface, Flag, FrameType, rawFrame } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields } from "../support/engine.js";

const roles = ["client", "server"] as const;

describe("§3.4 connection preface", () => {
  it("a client sends it first, SETTINGS right after", () => {
    const engine = new Engine("client");
    const bytes = Buffer.concat(engine.connection.takeOutput());
    expect(bytes.subarray(0, 24).toString("latin1")).toBe("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect(bytes[24 + 3]).toBe(FrameType.SETTINGS);
  });

  it("a server's begins with SETTINGS", () => {
    expect(new Engine("server").output()[0]).toMatchObject({ type: FrameType.SETTINGS, flags: 0 });
  });

  it("a wrong one is PROTOCOL_ERROR at the first wrong octet, however it is cut", () => {
    for (let wrong = 0; wrong < clientPreface.length; wrong++) {
      const engine = new Engine("server");
      const bytes = clientPreface.slice();
      bytes[wrong] = (bytes[wrong] as number) ^ 0x80;
      for (let offset = 0; offset <= wrong; offset++) {
        expect(engine.connection.closed).toBe(false);
        engine.send(bytes.subarray(offset, offset + 1));
      }
      expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
    }
  });

  it.each(roles)("a %s takes no other frame before SETTINGS, and no acknowledgement for it", (role) => {
    for (const make of [
      (engine: Engine) => engine.peer.ping(),
      (engine: Engine) => engine.peer.settingsAck(),
      (engine: Engine) => engine.peer.headers(1, requestFields),
      (engine: Engine) => engine.peer.windowUpdate(0, 1),
      () => rawFrame({ type: 0x77 }),
    ]) {
      const engine = new Engine(role);
      if (role === "server") engine.send(clientPreface);
      engine.send(make(engine));
      expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
    }
  });
});

describe.each(roles)("§4 frames at a %s", (role) => {
  it("§4.1: the reserved bit of a stream identifier is ignored", () => {
    const engine = Engine.ready(role);
    const frame = engine.peer.ping();
    frame[5] = 0x80;
    engine.send(frame);
    expect(engine.output()).toMatchObject([{ type: FrameType.PING, flags: Flag.ACK }]);
  });

  it("§4.1, §5.5: unknown types and unknown flags are ignored", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    engine.send(
      rawFrame({ type: 0xfa, flags: 0xff, streamId: 0, payload: [1, 2] }),
      rawFrame({ type: 0x10, streamId, payload: [] }),
    );
    const ping = engine.peer.ping();
    ping[4] = 0xfe;
    engine.send(ping);
    expect(engine.verdict()).toBe("taken");
    expect(engine.handler.of("close")).toEqual([]);
  });

  it("§4.1: flags that a type does not define are ignored", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    if (role === "client")
      engine.send(engine.peer.headers(streamId, [{ name: ":status", value: "200" }], Flag.END_HEADERS | 0xd2));
    const flagged = (frame: Uint8Array, flags: number) => {
      frame[4] = flags;
      return frame;
    };
    engine.send(
      flagged(engine.peer.data(streamId, [1, 2]), 0xf6),
      flagged(engine.peer.windowUpdate(streamId, 1), 0xff),
      rawFrame({ type: FrameType.PRIORITY, flags: 0xff, streamId, payload: [0, 0, 0, 0, 1] }),
      flagged(engine.peer.settings(), 0xfe),
      flagged(engine.peer.rstStream(streamId, 8), 0xff),
      flagged(engine.peer.goAway(0, 0), 0xff),
    );
    expect(engine.verdict()).toBe("taken");
    expect(engine.handler.of("data")).toMatchObject([{ bytes: [1, 2], endStream: false }]);
    expect(engine.handler.of("reset")).toMatchObject([{ reset: { errorCode: 8 } }]);
  });

  it("§4.1: the reserved bit of what we send is 0", () => {
    const engine = new Engine(role, { settings: { maxConcurrentStreams: 1 } });
    engine.send(...engine.prefaceOfPeer(), engine.peer.ping());
    engine.openStream();
    engine.connection.ping(0);
    engine.connection.goAway(0);
    const bytes = Buffer.concat(engine.connection.takeOutput());
    let frames = 0;
    for (let offset = role === "client" ? clientPreface.length : 0; offset < bytes.length; frames++) {
      expect((bytes[offset + 5] as number) & 0x80).toBe(0);
      offset += 9 + bytes.readUIntBE(offset, 3);
    }
    expect(frames).toBeGreaterThan(4);
  });

  it("§4.2: a frame of SETTINGS_MAX_FRAME_SIZE is taken", () => {
    const engine = Engine.ready(role);
    engine.send(rawFrame({ type: 0xfa, payload: new Uint8Array(16_384) }));
    expect(engine.verdict()).toBe("taken");
  });

  it("§4.2: a larger one is FRAME_SIZE_ERROR as soon as its header says so", () => {
    for (const type of [...Object.values(FrameType), 0xfa]) {
      const engine = Engine.ready(role);
      engine.send(rawFrame({ type, streamId: 1, length: 16_385 }));
      expect(engine.verdict()).toEqual({ connectionError: "FRAME_SIZE_ERROR" });
    }
  });

  it.each([
    ["an index past the tables", [0xff, 0x80, 0x01]],
    ["index 0", [0x80]],
    ["a string that goes on past the block", [0x40, 0x7f]],
    ["an integer without end", [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
    ["a table size past the announced one", [0x3f, 0xff, 0xff, 0x7f]],
    ["a table size update after a field", [0x82, 0x20]],
    ["Huffman padding of more than 7 bits", [0x00, 0x82, 0xff, 0xff, 0x00]],
  ])("§4.3: a block with %s is COMPRESSION_ERROR", (_, block) => {
    const engine = Engine.ready(role);
    const streamId = role === "server" ? 1 : engine.openStream();
    engine.output();
    engine.send(rawFrame({ type: FrameType.HEADERS, flags: EndBoth, streamId, payload: block }));
    expect(engine.verdict()).toEqual({ connectionError: "COMPRESSION_ERROR" });
  });

  it("§4.3: blocks on streams that are gone are decoded all the same, or the tables would differ", () => {
    const engine = Engine.ready(role);
    const gone = engine.openStream();
    engine.stream(gone).reset(8);
    engine.stream(gone).release();
    const novel = { name: "x-novel", value: "kept in the table" };
    engine.send(engine.peer.headers(gone, [novel], EndBoth));
    const next = engine.openStream();
    if (role === "client") engine.send(engine.peer.headers(next, [{ name: ":status", value: "200" }, novel]));
    else engine.send(engine.peer.headers(next, [novel], EndBoth));
    const seen = role === "client" ? engine.handler.of("headers")[0] : engine.handler.of("trailers")[0];
    expect(seen?.fields).toContain("x-novel: kept in the table");
  });

  it("§4.3, §6.10: nothing may come between the frames of a header block, on whatever stream", () => {
    const between = [
      (engine: Engine) => engine.peer.ping(),
      (engine: Engine) => engine.peer.data(1, [1]),
      (engine: Engine) => engine.peer.windowUpdate(0, 1),
      () => rawFrame({ type: 0xfa }),
      (engine: Engine) => engine.peer.continuation(3, new Uint8Array(0)),
      (engine: Engine) => engine.peer.headers(1, []),
    ];
    for (const make of between) {
      const engine = Engine.ready(role);
      const streamId = role === "server" ? 1 : engine.openStream();
      engine.output();
      engine.send(engine.peer.headers(streamId, [], 0), make(engine));
      expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
    }
  });
});
