import { describe, expect, it } from "vitest";
import { Flag, FrameType } from "../../src/testing/index.js";
import { connectedPair } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

describe("ping", () => {
  it("is answered with its number and the round trip", () => {
    const { client, link } = connectedPair({ link: { delayMs: 35 } });
    const sentAt = link.nowMs;
    const ids = [client.connection.ping(sentAt), client.connection.ping(sentAt)];
    link.run();
    expect(client.pongs).toEqual(ids.map((pingId) => ({ pingId, roundTripMs: 70 })));
    expect(client.connection.roundTripMs).toBe(70);
  });

  it("of the peer is answered with the same octets", () => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.ping([9, 8, 7, 6, 5, 4, 3, 2]));
    expect(engine.output()).toMatchObject([
      { type: FrameType.PING, flags: Flag.ACK, streamId: 0, payload: Uint8Array.from([9, 8, 7, 6, 5, 4, 3, 2]) },
    ]);
  });

  it("keeps the shortest round trip, and follows a path that got longer slowly", () => {
    const engine = Engine.ready("client");
    const roundTrip = (ms: number) => {
      engine.connection.ping(engine.now);
      const ping = engine.output().find(({ type }) => type === FrameType.PING);
      engine.now += ms;
      engine.send(engine.peer.ping([...(ping?.payload ?? [])], Flag.ACK));
      return engine.connection.roundTripMs;
    };
    expect(roundTrip(100)).toBe(100);
    expect(roundTrip(50)).toBe(50);
    expect(roundTrip(130)).toBe(60);
    for (let turn = 0; turn < 30; turn++) roundTrip(130);
    expect(engine.connection.roundTripMs).toBeGreaterThan(120);
  });

  it("that was never sent is not taken for answered", () => {
    const engine = Engine.ready("client");
    engine.connection.ping(0);
    engine.send(engine.peer.ping([1, 2, 3, 4, 0, 0, 0, 1], Flag.ACK), engine.peer.ping([0, 0, 0, 0, 0, 0, 0, 9], Flag.ACK));
    expect(engine.handler.of("pong")).toEqual([]);
    expect(engine.connection.closed).toBe(false);
  });
});

describe("the handshake", () => {
  it.each(["client", "server"] as const)("of a %s must be over within handshakeTimeoutMs", (role) => {
    const engine = new Engine(role, { limits: { handshakeTimeoutMs: 3_000 } });
    expect(engine.connection.nextDeadline()).toBe(3_000);
    engine.now = 2_000;
    if (role === "server") engine.send(engine.prefaceOfPeer()[0]?.subarray(0, 10) as Uint8Array);
    else engine.send(Uint8Array.from([0, 0]));
    engine.connection.handleTimeout(2_999);
    expect(engine.connection.closed).toBe(false);
    engine.connection.handleTimeout(3_000);
    expect(engine.verdict()).toEqual({ connectionError: "SETTINGS_TIMEOUT" });
    expect(engine.handler.of("close")).toMatchObject([
      { error: { message: "no SETTINGS from the peer within handshakeTimeoutMs (3000)" } },
    ]);
  });

  it("once over needs no deadline", () => {
    for (const role of ["client", "server"] as const) expect(Engine.ready(role).connection.nextDeadline()).toBeUndefined();
  });
});

describe("a peer that does not read", () => {
  const flooded = () => {
    const engine = Engine.ready("server", { limits: { maxQueuedControlBytes: 1_024 } });
    engine.now = 1_000;
    for (let turn = 0; turn < 99 && engine.connection.wantsInput; turn++) engine.send(engine.peer.ping());
    return engine;
  };

  it("is not read from either once it has made us queue maxQueuedControlBytes", () => {
    const engine = flooded();
    expect(engine.connection.wantsInput).toBe(false);
    engine.output();
    expect(engine.connection.wantsInput).toBe(true);
    expect(engine.connection.nextDeadline()).toBeUndefined();
  });

  it("is given up after 10 s of that", () => {
    const engine = flooded();
    expect(engine.connection.nextDeadline()).toBe(11_000);
    engine.connection.handleTimeout(10_999);
    expect(engine.connection.closed).toBe(false);
    engine.connection.handleTimeout(11_000);
    expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
    expect(engine.handler.of("close")).toMatchObject([{ error: { message: "the peer has not read our answers for 10000 ms" } }]);
  });
});
