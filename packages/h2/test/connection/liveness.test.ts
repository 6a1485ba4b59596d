import { describe, expect, it } from "vitest";
import type { ConnectionLimits } from "../../src/index.js";
import { concatenated, Flag, FrameType, parseFrames, rawFrame } from "../../src/testing/index.js";
import { connectedPair } from "../support/endpoint.js";
import { Engine, requestFields, responseFields } from "../support/engine.js";

/** Time passes as a driver lets it pass: it calls at each deadline. */
function wait(engine: Engine, untilMs: number): void {
  for (
    let at = engine.connection.nextDeadline();
    at !== undefined && at <= untilMs;
    at = engine.connection.nextDeadline()
  ) {
    engine.now = at;
    engine.connection.handleTimeout(at);
  }
  engine.now = untilMs;
  engine.connection.handleTimeout(untilMs);
}

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
    engine.send(
      engine.peer.ping([1, 2, 3, 4, 0, 0, 0, 1], Flag.ACK),
      engine.peer.ping([0, 0, 0, 0, 0, 0, 0, 9], Flag.ACK),
    );
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
    for (const role of ["client", "server"] as const)
      expect(Engine.ready(role).connection.nextDeadline()).toBeUndefined();
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
    expect(engine.handler.of("close")).toMatchObject([
      { error: { message: "the peer has not read our answers within unreadAnswersTimeoutMs (10000)" } },
    ]);
  });
});

describe("a frame that has begun", () => {
  const started = (bytes: Uint8Array) => {
    const engine = Engine.ready("server");
    engine.now = 1_000;
    engine.openStream();
    engine.send(bytes);
    return engine;
  };
  const headers = () => Engine.ready("server").peer.headers(3, [{ name: "x", value: "y" }], 0);

  it.each<[string, Uint8Array]>([
    ["in the middle of its header", Uint8Array.from([0, 0, 8])],
    ["in the middle of its payload", Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2])],
    ["as a header section without its end", headers()],
  ])("and stops %s is given up after frameTimeoutMs", (_, bytes) => {
    const engine = started(bytes);
    wait(engine, 10_999);
    expect(engine.connection.closed).toBe(false);
    wait(engine, 11_000);
    expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
    expect(engine.handler.of("close")).toMatchObject([
      { error: { message: "a frame that has begun was not finished within 10000 ms" } },
    ]);
  });

  it("octet by octet has no more time than one that stops", () => {
    const engine = started(Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0]));
    for (let octet = 0; octet < 7; octet++) {
      wait(engine, engine.now + 1_400);
      engine.send(Uint8Array.from([octet]));
    }
    expect(engine.connection.closed).toBe(false);
    wait(engine, 11_000);
    expect(engine.connection.closed).toBe(true);
  });

  it("and is DATA has six times as long, and again with each 16 KiB: a network may fail for a while", () => {
    const engine = Engine.ready("server", { settings: { maxFrameSize: 100_000 } });
    engine.openStream();
    const data = engine.peer.data(1, new Uint8Array(60_000));
    engine.send(data.subarray(0, 10_000));
    wait(engine, 59_999);
    expect(engine.connection.closed).toBe(false);
    engine.send(data.subarray(10_000, 40_000));
    wait(engine, 119_998);
    expect(engine.connection.closed).toBe(false);
    wait(engine, 119_999);
    expect(engine.connection.closed).toBe(true);
  });

  it("and is whole in the end has no deadline any more, and what follows has its own", () => {
    const engine = started(Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0]));
    wait(engine, 9_000);
    engine.send(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 0]));
    engine.output();
    wait(engine, 18_999);
    expect(engine.connection.closed).toBe(false);
    engine.send(Uint8Array.from([0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]));
    engine.output();
    wait(engine, 60_000);
    expect([engine.connection.closed, engine.connection.nextDeadline()]).toEqual([false, undefined]);
  });

  it("is not given up where our own process stood still: what has come meanwhile is read after the timers", () => {
    const engine = started(Uint8Array.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2]));
    engine.connection.handleTimeout(60_000);
    expect([engine.connection.closed, engine.connection.nextDeadline()]).toEqual([false, 61_000]);
    engine.now = 60_001;
    engine.send(Uint8Array.from([3, 4, 5, 6, 7, 8]));
    engine.output();
    wait(engine, 200_000);
    expect(engine.connection.closed).toBe(false);
  });

  it("is not watched while we do not read", () => {
    const engine = Engine.ready("server", { limits: { maxQueuedPingAnswers: 1 } });
    engine.send(Uint8Array.from([...engine.peer.ping(), 0, 0]));
    expect(engine.connection.wantsInput).toBe(false);
    engine.output();
    wait(engine, 60_000);
    expect([engine.connection.closed, engine.connection.wantsInput]).toEqual([false, true]);
  });
});

describe("options of the guards", () => {
  it.each<[ConnectionLimits, string]>([
    [{ pings: { burst: 0, perSecond: 1 } }, "pings.burst must be a whole number from 1 to 2147483647, not 0"],
    [
      { uselessFrames: { burst: 1, perSecond: Number.NaN } },
      "uselessFrames.perSecond must be a number from 0 on, not NaN",
    ],
    [{ maxSettingsEntries: 5 }, "maxSettingsEntries must be a whole number from 6 to 2147483647, not 5"],
    [{ frameTimeoutMs: -1 }, "frameTimeoutMs must be a whole number from 1 to 2147483647, not -1"],
  ])("%j are refused", (limits, message) => {
    expect(() => Engine.ready("server", { limits })).toThrow(new RangeError(message));
  });

  it("take the place of the defaults", () => {
    const engine = Engine.ready("server", { limits: { pings: { burst: 2, perSecond: 0 } } });
    engine.send(engine.peer.ping(), engine.peer.ping());
    expect(engine.connection.closed).toBe(false);
    engine.send(engine.peer.ping());
    expect(engine.connection.closed).toBe(true);
  });

  it("keep answers to PINGs few while nobody reads them, whatever traffic there is", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    let answered = 0;
    while (!engine.connection.closed && answered < 10_000) {
      engine.send(engine.peer.data(streamId, [1]), engine.peer.ping());
      answered += 1;
      if (answered === 16) expect(engine.connection.wantsInput).toBe(false);
    }
    expect(answered).toBe(16 + 100);
  });
});

describe("output that waits", () => {
  /** An engine whose last bytes were given to a transport that takes no more, or are held back by a window. */
  const stalled = (windows: "shut" | "open") => {
    const engine = Engine.ready("server");
    if (windows === "shut") engine.send(engine.peer.settings([[4, 0]]));
    const streamId = engine.openStream({ endStream: true });
    engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.output();
    engine.stream(streamId).sendData(new Uint8Array(50_000), { endStream: true });
    engine.connection.takeOutput();
    return engine;
  };

  it.each(["shut", "open"] as const)(
    "for a peer that shows no sign of life, its windows %s, is given up after a PING",
    (windows) => {
      const engine = stalled(windows);
      wait(engine, 119_999);
      expect([engine.connection.closed, engine.connection.nextDeadline()]).toEqual([false, 120_000]);
      expect(parseFrames(concatenated(engine.connection.takeOutput())).map(({ type }) => type)).toEqual([
        FrameType.PING,
      ]);
      wait(engine, 120_000);
      expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
      expect(engine.handler.of("close")).toMatchObject([
        { error: { message: "nothing was read and no PING answered within stalledOutputTimeoutMs (120000)" } },
      ]);
    },
  );

  it("is watched where a write in the middle of a turn was the last that the transport took", () => {
    const engine = Engine.ready("server");
    const streams = Array.from({ length: 25 }, () => engine.openStream({ endStream: true }));
    engine.output();
    engine.connection.attach({
      onOutput() {},
      onBatch: () => void engine.connection.takeWritten(), // and the transport takes no more
    });
    for (const streamId of streams) engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
    wait(engine, 119_999);
    expect(engine.connection.closed).toBe(false);
    wait(engine, 120_000);
    expect(engine.verdict()).toEqual({ connectionError: "ENHANCE_YOUR_CALM" });
  });

  it("has its whole time after an hour in which nothing happened", () => {
    const engine = Engine.ready("server");
    let clockMs = 0;
    engine.connection.attach({ onOutput() {}, nowMs: () => clockMs });
    engine.send(engine.peer.settings([[4, 0]]));
    const streamId = engine.openStream({ endStream: true });
    engine.output();
    clockMs = 3_600_000;
    engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.stream(streamId).sendData(new Uint8Array(50_000), { endStream: true });
    engine.output();
    expect(engine.connection.nextDeadline()).toBe(3_600_000 + 108_000);
    wait(engine, 3_600_000 + 119_999);
    expect(engine.connection.closed).toBe(false);
  });

  it("for a peer that answers PINGs may wait for ever: a user may look at a screen for as long as he likes", () => {
    const engine = stalled("shut");
    let pings = 0;
    while (engine.now < 3 * 3_600_000) {
      wait(engine, engine.connection.nextDeadline() as number);
      for (const { type, payload } of engine.output()) {
        if (type !== FrameType.PING) continue;
        pings += 1;
        engine.now += 40;
        engine.send(engine.peer.ping([...payload], Flag.ACK));
      }
    }
    expect([engine.connection.closed, pings > 90, pings < 110]).toEqual([false, true, true]);
  });

  it("is not watched at a client, whose PINGs a gRPC server would take ill", () => {
    const engine = Engine.ready("client");
    engine.send(engine.peer.settings([[4, 0]]));
    engine.stream(engine.openStream()).sendData(new Uint8Array(50_000), { endStream: true });
    engine.output();
    expect(engine.connection.nextDeadline()).toBeUndefined();
  });

  it("is not watched once it is out", () => {
    const engine = stalled("shut");
    engine.now = 1_000;
    engine.send(engine.peer.windowUpdate(1, 60_000));
    expect(engine.output().filter(({ type }) => type === FrameType.DATA).length).toBeGreaterThan(0);
    wait(engine, 600_000);
    expect([engine.connection.closed, engine.connection.nextDeadline()]).toEqual([false, undefined]);
  });
});

describe("a header section", () => {
  /** A section in so many frames, one every three seconds, of which no frame takes long. */
  const continued = (frames: number) => {
    const engine = Engine.ready("server");
    const block = engine.peer.block(requestFields);
    engine.send(rawFrame({ type: FrameType.HEADERS, flags: Flag.END_STREAM, streamId: 1, payload: block.slice(0, 1) }));
    for (let frame = 1; frame < frames && !engine.connection.closed; frame++) {
      wait(engine, engine.now + 3_000);
      engine.now = frame * 3_000;
      const last = frame === frames - 1;
      engine.send(
        rawFrame({
          type: FrameType.CONTINUATION,
          flags: last ? Flag.END_HEADERS : 0,
          streamId: 1,
          payload: last ? block.slice(frame) : block.slice(frame, frame + 1),
        }),
      );
    }
    return engine;
  };

  it("that is continued every three seconds is taken within headerSectionTimeoutMs, and not after it", () => {
    expect(continued(3).handler.of("headers")).toHaveLength(1);
    const engine = continued(8);
    expect(engine.handler.of("headers")).toEqual([]);
    expect(engine.handler.of("close")).toMatchObject([
      { error: { message: "a header section was not finished within headerSectionTimeoutMs (10000)" } },
    ]);
  });

  it("of many that are each cut by the end of a chunk has its own time", () => {
    const engine = Engine.ready("server");
    const frames = Array.from({ length: 10 }, (_, index) => engine.peer.headers(2 * index + 1, requestFields));
    const cut = 12;
    for (const [index, frame] of frames.entries()) {
      if (index === 0) engine.send(frame.subarray(0, cut));
      wait(engine, engine.now + 3_000);
      engine.now = (index + 1) * 3_000;
      const next = frames[index + 1]?.subarray(0, cut) ?? new Uint8Array(0);
      engine.send(concatenated([frame.subarray(cut), next]));
    }
    expect(engine.handler.of("headers")).toHaveLength(10);
    expect(engine.connection.closed).toBe(false);
  });
});
