/** RFC 9113 §6.7, §6.8 and §7: PING, GOAWAY and error codes, at both ends. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../src/index.js";
import { Flag, FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields, responseFields } from "../support/engine.js";

const roles = ["client", "server"] as const;

describe.each(roles)("§6.7 PING at a %s", (role) => {
  it("is answered with ACK and the same octets, before anything that waits", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    if (role === "server") engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.output();
    engine.stream(streamId).sendData(new Uint8Array(60_000), { endStream: false });
    engine.send(engine.peer.ping([8, 7, 6, 5, 4, 3, 2, 1]));
    expect(engine.output()[0]).toMatchObject({
      type: FrameType.PING,
      flags: Flag.ACK,
      payload: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1),
    });
  });

  it("with ACK is not answered, whether we asked or not", () => {
    const engine = Engine.ready(role);
    engine.connection.ping(0);
    const [asked] = engine.output();
    engine.send(
      engine.peer.ping([...(asked?.payload ?? [])], Flag.ACK),
      engine.peer.ping([1, 1, 1, 1, 1, 1, 1, 1], Flag.ACK),
    );
    expect(engine.output()).toEqual([]);
  });
});

describe.each(roles)("§6.8 GOAWAY at a %s", (role) => {
  it("lets frames on the streams it leaves alone go on", () => {
    const engine = Engine.ready(role);
    const streamId = engine.openStream();
    engine.send(engine.peer.goAway(role === "client" ? streamId : 0, ErrorCode.NO_ERROR));
    engine.output();
    const answer = role === "client" ? responseFields : [{ name: "x-end", value: "1" }];
    engine.send(
      engine.peer.windowUpdate(streamId, 1),
      engine.peer.ping(),
      engine.peer.settings([[4, 70_000]]),
      engine.peer.headers(streamId, answer, EndBoth),
    );
    expect(engine.verdict()).toBe("taken");
    expect(engine.handler.of(role === "client" ? "headers" : "trailers")).toHaveLength(1);
  });

  it("may come again with a lower stream, and not with a higher one", () => {
    const engine = Engine.ready(role);
    engine.openStream();
    engine.send(engine.peer.goAway(2 ** 31 - 1, 0), engine.peer.goAway(5, 0), engine.peer.goAway(5, 0));
    expect(engine.verdict()).toBe("taken");
    engine.send(engine.peer.goAway(7, 0));
    expect(engine.verdict()).toEqual({ connectionError: "PROTOCOL_ERROR" });
  });

  it("has its reserved bit ignored", () => {
    const engine = Engine.ready(role);
    engine.openStream();
    engine.send(rawFrame({ type: FrameType.GOAWAY, payload: [...uint32(0x80000001), ...uint32(0)] }));
    expect(engine.handler.of("goAway")).toEqual([{ kind: "goAway", lastStreamId: 1, errorCode: 0 }]);
  });

  it("with debug data of any octets is taken as it is", () => {
    const engine = Engine.ready(role);
    engine.openStream();
    const debug = Uint8Array.from({ length: 600 }, (_, index) => index & 0xff);
    engine.send(
      rawFrame({ type: FrameType.GOAWAY, payload: [...uint32(1), ...uint32(ErrorCode.ENHANCE_YOUR_CALM), ...debug] }),
    );
    expect(engine.connection.goAwayError?.message).toMatch(
      /^the peer ended the connection with ENHANCE_YOUR_CALM: "[\x20-\x7e]{256}"$/,
    );
  });
});

describe("§6.8 our own GOAWAY", () => {
  const ignoring = () => {
    const engine = Engine.ready("server", { limits: { maxBufferedBytesPerConnection: 1_000_000 } });
    const kept = engine.openStream();
    engine.connection.goAway(ErrorCode.NO_ERROR);
    const ping = engine.output().find(({ type }) => type === FrameType.PING);
    engine.send(engine.peer.ping([...(ping?.payload ?? [])], Flag.ACK));
    engine.output();
    return { engine, kept };
  };

  it("leaves out what comes on later streams, but for the compression state", () => {
    const { engine, kept } = ignoring();
    const novel = { name: "x-novel", value: "in the table" };
    engine.send(engine.peer.headers(kept + 2, [...requestFields, novel]));
    engine.send(engine.peer.headers(kept, [novel], EndBoth));
    expect(engine.handler.of("trailers")).toMatchObject([{ streamId: kept, fields: ["x-novel: in the table"] }]);
    expect(engine.handler.of("headers")).toHaveLength(1);
    expect(engine.verdict()).toBe("taken");
  });

  it("and for the connection's flow control: DATA on them counts and is credited", () => {
    const { engine, kept } = ignoring();
    const grantedAtMost = 600_000; // Half of the budget below, and what every connection begins with.
    for (let stream = 1; stream <= 20; stream++) {
      engine.send(engine.peer.headers(kept + 2 * stream, requestFields));
      for (let sent = 0; sent < 4; sent++) engine.send(engine.peer.data(kept + 2 * stream, new Uint8Array(16_384)));
    }
    expect(20 * 4 * 16_384).toBeGreaterThan(2 * grantedAtMost);
    expect(engine.handler.of("close")).toEqual([]);
    expect(engine.handler.of("data")).toEqual([]);
  });
});

describe.each(roles)("§7 at a %s: an unknown error code", (role) => {
  it.each([0xe, 0xff, 0xffffffff])(
    "%d of RST_STREAM does no more than any other, and is told as it came",
    (errorCode) => {
      const engine = Engine.ready(role);
      const streamId = engine.openStream();
      engine.output();
      engine.send(engine.peer.rstStream(streamId, errorCode));
      expect(engine.handler.of("reset")).toMatchObject([
        { streamId, reset: { errorCode, unprocessed: false, scope: "stream" } },
      ]);
      expect(engine.output()).toEqual([]);
      expect(engine.connection.closed).toBe(false);
    },
  );

  it("of GOAWAY is told as it came", () => {
    const engine = Engine.ready(role);
    engine.openStream();
    engine.send(engine.peer.goAway(1, 0xabcdef));
    expect(engine.handler.of("goAway")).toMatchObject([{ errorCode: 0xabcdef }]);
    expect(engine.connection.goAwayError).toMatchObject({ errorCode: 0xabcdef, code: "0xabcdef" });
    expect(engine.connection.closed).toBe(false);
  });
});
