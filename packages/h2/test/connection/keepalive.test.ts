/** Keepalive, age and idleness, on virtual time. */
import { describe, expect, it } from "vitest";
import { ErrorCode, type LifetimeOptions } from "../../src/index.js";
import { Flag, FrameType } from "../../src/testing/index.js";
import { connectedPair, response } from "../support/endpoint.js";
import { Engine } from "../support/engine.js";

const never = Number.POSITIVE_INFINITY;

/**
 * Lets the engine's deadlines pass until `untilMs`, and tells when it sent PINGs. A peer that answers does so
 * `answersAfterMs` later.
 */
function pingTimes(engine: Engine, untilMs: number, answersAfterMs = never): number[] {
  const times: number[] = [];
  const answers: { at: number; frame: Uint8Array }[] = [];
  for (;;) {
    for (const { type, flags, payload } of engine.output()) {
      if (type !== FrameType.PING || flags !== 0) continue;
      times.push(engine.now);
      if (answersAfterMs !== never)
        answers.push({ at: engine.now + answersAfterMs, frame: engine.peer.ping([...payload], Flag.ACK) });
    }
    const answerAt = answers[0]?.at ?? never;
    const deadline = engine.connection.nextDeadline() ?? never;
    if (Math.min(answerAt, deadline) > untilMs) return times;
    engine.now = Math.max(engine.now, Math.min(answerAt, deadline));
    if (answerAt <= deadline) engine.send(answers.shift()?.frame as Uint8Array);
    else engine.connection.handleTimeout(engine.now);
  }
}

const roles = ["client", "server"] as const;

describe.each(roles)("keepalive at a %s", (role) => {
  const ready = (lifetime: LifetimeOptions) => Engine.ready(role, { lifetime });

  it("is off unless asked for", () => {
    const engine = Engine.ready(role);
    engine.openStream();
    expect(engine.connection.nextDeadline()).toBeUndefined();
  });

  it("asks a silent peer in every interval while there are streams, and goes on while it answers", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000 });
    engine.openStream();
    expect(pingTimes(engine, 60_000, 500)).toEqual([10_000, 20_500, 31_000, 41_500, 52_000]);
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.roundTripMs).toBe(500);
  });

  it("asks again on time where the timeout is longer than the interval", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 60_000 });
    engine.openStream();
    expect(pingTimes(engine, 35_000, 100)).toEqual([10_000, 20_100, 30_200]);
  });

  it("asks nothing while anything comes", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000 });
    engine.openStream();
    for (engine.now = 0; engine.now < 60_000; engine.now += 9_999) {
      engine.send(engine.peer.windowUpdate(0, 1));
      engine.connection.handleTimeout(engine.now);
    }
    expect(engine.output().filter(({ type }) => type === FrameType.PING)).toEqual([]);
  });

  it("gives up a peer from which nothing came within the timeout, and says so to every stream", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 3_000 });
    const streamId = engine.openStream();
    pingTimes(engine, 12_999);
    expect(engine.connection.closed).toBe(false);
    pingTimes(engine, 13_000);
    expect(engine.connection.closed).toBe(true);
    const message = "nothing came from the peer within keepaliveTimeoutMs (3000) of a PING";
    expect(engine.handler.of("reset")).toMatchObject([{ streamId, reset: { message, scope: "connection" } }]);
    expect(engine.handler.of("close")).toMatchObject([{ error: { message } }]);
  });

  it("takes any frame for a sign of life, and half a frame too", () => {
    for (const sign of [
      (engine: Engine) => engine.peer.windowUpdate(0, 1),
      (engine: Engine) => engine.peer.ping().subarray(0, 4),
    ]) {
      const engine = ready({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 3_000 });
      engine.openStream();
      expect(pingTimes(engine, 10_000)).toEqual([10_000]);
      engine.now = 12_999;
      engine.send(sign(engine));
      expect(pingTimes(engine, 22_998)).toEqual([]);
      expect(engine.connection.closed).toBe(false);
    }
  });

  it("does not ask while there are no streams, and asks at once when one begins after a long silence", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000 });
    expect(pingTimes(engine, 100_000)).toEqual([]);
    engine.now = 100_000;
    if (role === "client") {
      engine.openStream();
      expect(pingTimes(engine, 100_000)).toEqual([100_000]);
    } else {
      engine.openStream(); // The request itself is a sign of life.
      expect(pingTimes(engine, 110_000)).toEqual([110_000]);
    }
  });

  it("asks without streams too where that is wanted", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000, keepaliveWithoutStreams: true });
    expect(pingTimes(engine, 30_000, 0)).toEqual([10_000, 20_000, 30_000]);
  });

  it("stops when the last stream has gone", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000 });
    const streamId = engine.openStream();
    engine.stream(streamId).release();
    expect(pingTimes(engine, 100_000)).toEqual([]);
    expect(engine.connection.nextDeadline()).toBeUndefined();
  });

  it("gives the peer its time again when this process has slept through the deadline", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 3_000 });
    engine.openStream();
    pingTimes(engine, 10_000);
    engine.now = 500_000;
    engine.connection.handleTimeout(engine.now);
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.nextDeadline()).toBe(503_000);
    pingTimes(engine, 503_000);
    expect(engine.connection.closed).toBe(true);
  });

  it("moves no deadline when bytes come", () => {
    const engine = ready({ keepaliveIntervalMs: 10_000 });
    engine.openStream();
    const deadline = engine.connection.nextDeadline();
    for (engine.now = 1; engine.now < 9_000; engine.now += 100) engine.send(engine.peer.windowUpdate(0, 1));
    expect(engine.connection.nextDeadline()).toBe(deadline);
  });

  it("leaves the handshake to the handshake's own limit", () => {
    const engine = new Engine(role, {
      lifetime: { keepaliveIntervalMs: 1, keepaliveTimeoutMs: 1, keepaliveWithoutStreams: true },
    });
    engine.connection.handleTimeout(9_999);
    expect(engine.connection.closed).toBe(false);
    expect(engine.connection.nextDeadline()).toBe(10_000);
  });

  it("does not blame a peer that we do not read from", () => {
    const engine = Engine.ready(role, {
      lifetime: { keepaliveIntervalMs: 10, keepaliveTimeoutMs: 10 },
      limits: { maxQueuedControlBytes: 1_024 },
    });
    engine.openStream();
    engine.output();
    while (engine.connection.wantsInput) engine.send(engine.peer.ping());
    for (engine.now = 0; engine.now < 5_000; engine.now += 10) engine.connection.handleTimeout(engine.now);
    expect(engine.connection.closed).toBe(false);
  });
});

it("a peer that finds our PINGs too many is told apart by its GOAWAY", () => {
  const { client, server, link } = connectedPair();
  client.open();
  link.run();
  server.connection.goAway(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
  link.run();
  expect(client.goAways).toEqual([
    { lastStreamId: 1, errorCode: ErrorCode.ENHANCE_YOUR_CALM, debug: "too_many_pings" },
  ]);
  expect(client.connection.goAwayError).toMatchObject({
    code: "ENHANCE_YOUR_CALM",
    message: 'the peer ended the connection with ENHANCE_YOUR_CALM: "too_many_pings"',
  });
});

it("PINGs without reason are answered by the GOAWAY that gRPC's clients know", () => {
  const flood = Engine.ready("server");
  let goAway: Uint8Array | undefined;
  for (let sent = 0; sent < 200 && goAway === undefined; sent++) {
    flood.send(flood.peer.ping());
    goAway = flood.output().find(({ type }) => type === FrameType.GOAWAY)?.payload;
  }
  expect(Buffer.from(goAway ?? []).readUInt32BE(4)).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  expect(Buffer.from(goAway ?? []).toString("latin1", 8)).toBe("too_many_pings");
  expect(flood.handler.of("close")).toMatchObject([
    { error: { message: "PING frames without traffic: more than 100, and 1 a second" } },
  ]);
});

describe("maxConnectionAgeMs", () => {
  it("at a server closes gracefully in two steps, lets live streams end, and then closes", () => {
    const { client, server, link } = connectedPair({
      server: { lifetime: { maxConnectionAgeMs: 60_000 } },
      link: { delayMs: 10 },
    });
    const call = client.open({ endStream: true });
    link.run(60_000);
    const crossing = client.open({ endStream: true }); // Its HEADERS and the first GOAWAY meet on the way.
    link.run(500_000);
    expect(client.goAways).toMatchObject([
      { lastStreamId: 2 ** 31 - 1, errorCode: 0, debug: "max_age" },
      { lastStreamId: crossing.id, errorCode: 0 },
    ]);
    expect(client.tryOpen()).toBeUndefined();
    for (const { id } of [call, crossing]) {
      server.stream(id).sendHeaders(response, { endStream: true });
      server.stream(id).release();
    }
    link.run();
    expect([call.headers, crossing.headers]).toEqual([{ ":status": "200" }, { ":status": "200" }]);
    expect([client.closes, server.closes]).toEqual([[undefined], [undefined]]);
  });

  it("at a client opens no more streams, and lets live ones end", () => {
    const { client, server, link } = connectedPair({ client: { lifetime: { maxConnectionAgeMs: 60_000 } } });
    const call = client.open({ endStream: true });
    link.run(60_000);
    expect(client.tryOpen()).toBeUndefined();
    server.stream(call.id).sendHeaders(response, { endStream: true });
    server.stream(call.id).release();
    link.run();
    expect(call.headers).toEqual({ ":status": "200" });
    expect(client.closes).toEqual([undefined]);
  });

  it.each(roles)("of a %s cuts what is still open when the grace is over", (role) => {
    const lifetime = { maxConnectionAgeMs: 60_000, maxConnectionAgeGraceMs: 5_000 };
    const pair = connectedPair({ [role]: { lifetime } });
    const call = pair.client.open();
    pair.link.run(64_999);
    expect(pair[role].connection.closed).toBe(false);
    pair.link.run(65_000);
    const message = "streams were still open maxConnectionAgeGraceMs (5000) after maxConnectionAgeMs";
    expect(pair[role].closes).toMatchObject([{ code: "NO_ERROR", message }]);
    expect(pair[role].inbox(call.id).reset).toMatchObject({ scope: "connection", message });
  });
});

describe("maxConnectionIdleMs", () => {
  const lifetime = { maxConnectionIdleMs: 8_000 };

  it.each(roles)("of a %s ends a connection that never had a stream", (role) => {
    const pair = connectedPair({ [role]: { lifetime } });
    pair.link.run(7_999);
    expect(pair[role].connection.draining).toBe(false);
    pair.link.run(8_000);
    pair.link.run();
    expect(pair[role].connection.draining).toBe(true);
    // The client is the one that ends the connection: its server hears that from the transport.
    expect(pair.client.closes).toEqual([undefined]);
    const other = role === "client" ? "server" : "client";
    expect(pair[other].goAways[0]).toMatchObject({ errorCode: 0, debug: "max_idle" });
  });

  it("counts from the end of the last stream, at most an eighth late", () => {
    const { client, server, link } = connectedPair({ server: { lifetime } });
    server.onEnded = ({ id }) => {
      server.stream(id).sendHeaders(response, { endStream: true });
      server.stream(id).release();
    };
    for (let at = 500; at <= 100_500; at += 5_000) {
      link.run(at);
      client.open({ endStream: true });
      link.run(at + 1);
    }
    link.run(108_499);
    expect(server.connection.draining).toBe(false);
    link.run(109_500);
    expect(server.connection.draining).toBe(true);
  });

  it("leaves a connection alone while a stream is open, however quiet", () => {
    const { client, server, link } = connectedPair({ server: { lifetime } });
    client.open();
    link.run(1_000_000);
    expect(server.connection.draining).toBe(false);
    expect(client.connection.activeStreams).toBe(1);
  });
});

describe("options of lifetime", () => {
  it.each([
    [{ keepaliveIntervalMs: 0 }, "keepaliveIntervalMs must be a whole number from 1 to 2147483647, not 0"],
    [{ keepaliveTimeoutMs: 1.5 }, "keepaliveTimeoutMs must be a whole number from 1 to 2147483647, not 1.5"],
    [{ maxConnectionAgeMs: -1 }, "maxConnectionAgeMs must be a whole number from 1 to 2147483647, not -1"],
    [
      { maxConnectionAgeGraceMs: Number.NaN },
      "maxConnectionAgeGraceMs must be a whole number from 0 to 2147483647, not NaN",
    ],
    [
      { maxConnectionIdleMs: 2 ** 31 },
      "maxConnectionIdleMs must be a whole number from 1 to 2147483647, not 2147483648",
    ],
  ])("%o is refused with its range", (lifetime, message) => {
    expect(() => new Engine("client", { lifetime })).toThrow(message);
  });

  it("take Infinity for never", () => {
    const engine = Engine.ready("client", {
      lifetime: { keepaliveIntervalMs: never, maxConnectionAgeMs: never, maxConnectionIdleMs: never },
    });
    engine.openStream();
    expect(engine.connection.nextDeadline()).toBeUndefined();
    expect(engine.handler.of("close")).toEqual([]);
  });
});
