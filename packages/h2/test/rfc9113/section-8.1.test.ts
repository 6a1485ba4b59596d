/** RFC 9113 §8.1: how a message is put together from frames, at both ends. */
import { describe, expect, it } from "vitest";
import { ErrorCode, type HeaderField } from "../../src/index.js";
import { Flag } from "../../src/testing/index.js";
import { EndBoth, Engine, requestFields, responseFields } from "../support/engine.js";

const roles = ["client", "server"] as const;
const trailer: HeaderField = { name: "x-end", value: "1" };

/** The peer's message begins on stream 1: a request at a server, a response at a client. */
function begun(role: "client" | "server", ...more: HeaderField[]): Engine {
  const engine = Engine.ready(role);
  if (role === "client") engine.openStream();
  engine.output();
  return engine.send(engine.peer.headers(1, [...(role === "client" ? responseFields : requestFields), ...more]));
}

const malformed = { streamError: "PROTOCOL_ERROR", streamId: 1 };

describe.each(roles)("§8.1 at a %s", (role) => {
  it("headers, any number of DATA, and trailers make a message", () => {
    const engine = begun(role);
    engine.send(
      engine.peer.data(1, [1]),
      engine.peer.data(1, []),
      engine.peer.data(1, [2]),
      engine.peer.headers(1, [trailer], EndBoth),
    );
    expect(engine.handler.events.map(({ kind }) => kind)).toEqual(["headers", "data", "data", "data", "trailers"]);
    expect(engine.verdict()).toBe("taken");
  });

  it("trailers come once: another section after them is on a closed half", () => {
    const engine = begun(role);
    engine.send(engine.peer.headers(1, [trailer], EndBoth), engine.peer.headers(1, [trailer], EndBoth));
    expect(engine.verdict()).toEqual({ streamError: "STREAM_CLOSED", streamId: 1 });
  });

  it("trailers without END_STREAM are malformed", () => {
    const engine = begun(role);
    engine.send(engine.peer.headers(1, [trailer], Flag.END_HEADERS));
    expect(engine.verdict()).toEqual(malformed);
  });

  it("empty trailers are trailers", () => {
    const engine = begun(role);
    engine.send(engine.peer.headers(1, [], EndBoth));
    expect(engine.handler.of("trailers")).toMatchObject([{ fields: [] }]);
  });
});

describe.each(roles)("§8.1.1 at a %s: content-length", (role) => {
  const length = (value: string): HeaderField => ({ name: "content-length", value });

  it.each<[string, (engine: Engine) => Uint8Array[]]>([
    ["in one frame", ({ peer }) => [peer.data(1, [1, 2, 3], Flag.END_STREAM)]],
    [
      "in several, the last one empty",
      ({ peer }) => [peer.data(1, [1, 2]), peer.data(1, [3]), peer.data(1, [], Flag.END_STREAM)],
    ],
    ["before trailers", ({ peer }) => [peer.data(1, [1, 2, 3]), peer.headers(1, [trailer], EndBoth)]],
    [
      "with padding, which does not count",
      ({ peer }) => [peer.data(1, [2, 1, 2, 3, 0, 0], Flag.PADDED | Flag.END_STREAM)],
    ],
  ])("that is met %s is well formed", (_, frames) => {
    const engine = begun(role, length("3"));
    engine.send(...frames(engine));
    expect(engine.verdict()).toBe("taken");
  });

  it.each<[string, (engine: Engine) => Uint8Array[]]>([
    ["too much at once", ({ peer }) => [peer.data(1, [1, 2, 3, 4])]],
    ["too much in the end", ({ peer }) => [peer.data(1, [1, 2, 3]), peer.data(1, [4], Flag.END_STREAM)]],
    ["too little", ({ peer }) => [peer.data(1, [1, 2], Flag.END_STREAM)]],
    ["too little before trailers", ({ peer }) => [peer.data(1, [1, 2]), peer.headers(1, [trailer], EndBoth)]],
    ["nothing", ({ peer }) => [peer.data(1, [], Flag.END_STREAM)]],
  ])("that is not met, by %s, is malformed", (_, frames) => {
    const engine = begun(role, length("3"));
    engine.send(...frames(engine));
    expect(engine.verdict()).toEqual(malformed);
    expect(engine.connection.closed).toBe(false);
  });

  it("of a message that ends with its headers must be 0", () => {
    for (const [value, verdict] of [
      ["0", "taken"],
      ["3", malformed],
    ] as const) {
      const engine = Engine.ready(role);
      if (role === "client") engine.openStream();
      engine.output();
      engine.send(
        engine.peer.headers(1, [...(role === "client" ? responseFields : requestFields), length(value)], EndBoth),
      );
      expect(engine.verdict()).toEqual(verdict);
    }
  });
});

describe("§8.1 at a client", () => {
  it("informational responses come before the response, not after it", () => {
    const engine = Engine.ready("client");
    engine.openStream();
    engine.output();
    const early: HeaderField[] = [{ name: ":status", value: "103" }];
    engine.send(engine.peer.headers(1, early), engine.peer.headers(1, early), engine.peer.headers(1, responseFields));
    expect(engine.handler.events.map(({ kind }) => kind)).toEqual(["informational", "informational", "headers"]);
    engine.send(engine.peer.headers(1, early));
    expect(engine.verdict()).toEqual(malformed);
  });

  it("DATA after an informational response is before the headers", () => {
    const engine = Engine.ready("client");
    engine.openStream();
    engine.output();
    engine.send(engine.peer.headers(1, [{ name: ":status", value: "100" }]), engine.peer.data(1, [1]));
    expect(engine.verdict()).toEqual(malformed);
  });

  it("a whole response before the end of the request is kept, whatever reset follows it", () => {
    const engine = begun("client");
    engine.send(engine.peer.data(1, [1, 2, 3], Flag.END_STREAM), engine.peer.rstStream(1, ErrorCode.NO_ERROR));
    expect(engine.handler.events.map(({ kind }) => kind)).toEqual(["headers", "data", "reset"]);
    expect(engine.handler.of("data")).toMatchObject([{ bytes: [1, 2, 3], endStream: true }]);
    expect(engine.handler.of("reset")).toMatchObject([{ reset: { errorCode: ErrorCode.NO_ERROR } }]);
  });
});
