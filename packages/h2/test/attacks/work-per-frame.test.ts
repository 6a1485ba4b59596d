/** A cheap frame costs as much when very many streams are open as when there is one. */
import { describe, expect, it, vi } from "vitest";
import { ByteQueue } from "../../src/bytes/byte-queue.js";
import { Assemblies } from "../../src/connection/assemblies.js";
import { IdMap } from "../../src/connection/id-map.js";
import { LateFrames } from "../../src/connection/late-frames.js";
import { ReceiveWindows } from "../../src/connection/receive-windows.js";
import { Scheduler } from "../../src/connection/scheduler.js";
import { StreamTable } from "../../src/connection/stream-table.js";
import { WidestWindows } from "../../src/connection/widest-windows.js";
import { ErrorCode } from "../../src/index.js";
import { FrameType, rawFrame, uint32 } from "../../src/testing/index.js";
import { Engine, requestFields, responseFields } from "../support/engine.js";

const classes = [Assemblies, ByteQueue, IdMap, LateFrames, ReceiveWindows, Scheduler, StreamTable, WidestWindows];
type Role = "client" | "server";

/** An engine with so many streams, each with data behind a shut window. */
function crowded(role: Role, streams: number): Engine {
  const engine = Engine.ready(role, { settings: { maxConcurrentStreams: 20_000 } });
  engine.send(engine.peer.settings([[4, 0]]), engine.peer.windowUpdate(0, 2 ** 30));
  for (let count = 0; count < streams; count++) {
    const streamId = engine.openStream();
    if (role === "server") engine.stream(streamId).sendHeaders(responseFields, { endStream: false });
    engine.stream(streamId).sendData(new Uint8Array(100), { endStream: false });
    if (count % 500 === 0) engine.output();
  }
  engine.output();
  return engine;
}

/** The number of calls of all methods that know streams while `act` runs. */
function work(act: () => void): number {
  const spies = classes.flatMap((each) => {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(each.prototype));
    const named = methods.filter(([name, { value }]) => name !== "constructor" && value !== undefined);
    return named.map(([name]) => vi.spyOn(each.prototype as unknown as Record<string, () => unknown>, name));
  });
  // Comparing identifiers in order to sort them is a visit, too.
  const sort = vi.spyOn(Array.prototype, "sort");
  act();
  const calls = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  const sorted = sort.mock.contexts.reduce<number>((sum, array) => sum + (array as unknown[]).length, 0);
  for (const spy of [...spies, sort]) spy.mockRestore();
  return calls + sorted;
}

const cheapFrames: readonly (readonly [string, Role, (engine: Engine) => Uint8Array[]])[] = [
  [
    "SETTINGS that move all windows to and fro",
    "server",
    ({ peer }) => Array.from({ length: 40 }, (_, turn) => peer.settings([[4, turn % 2 === 0 ? 50 : 0]])),
  ],
  [
    "SETTINGS that move all windows to and fro, at a client",
    "client",
    ({ peer }) => Array.from({ length: 40 }, (_, turn) => peer.settings([[4, turn % 2 === 0 ? 50 : 0]])),
  ],
  [
    "SETTINGS after a window was opened widely",
    "server",
    ({ peer }) => [
      peer.windowUpdate(1, 2 ** 31 - 1_000),
      ...Array.from({ length: 40 }, (_, turn) => peer.settings([[4, turn % 2 === 0 ? 500 : 0]])),
    ],
  ],
  [
    "SETTINGS that change the number of streams",
    "client",
    ({ peer }) => Array.from({ length: 40 }, (_, turn) => peer.settings([[3, turn % 2 === 0 ? 0 : 1]])),
  ],
  [
    "GOAWAY that takes no stream away",
    "client",
    ({ peer }) => Array.from({ length: 40 }, () => peer.goAway(2 ** 31 - 1, ErrorCode.NO_ERROR)),
  ],
  ["GOAWAY to a server", "server", ({ peer }) => Array.from({ length: 40 }, () => peer.goAway(0, ErrorCode.NO_ERROR))],
  ["PING", "server", ({ peer }) => Array.from({ length: 15 }, () => peer.ping())],
  ["PRIORITY", "server", () => [rawFrame({ type: FrameType.PRIORITY, streamId: 1, payload: [...uint32(0), 16] })]],
  ["WINDOW_UPDATE of the connection", "server", ({ peer }) => [peer.windowUpdate(0, 1)]],
  ["DATA on one stream", "server", ({ peer }) => [peer.data(1, [1, 2, 3])]],
  ["RST_STREAM of one stream", "server", ({ peer }) => [peer.rstStream(1, ErrorCode.CANCEL)]],
  ["a request", "server", ({ peer }) => [peer.headers(39_999, requestFields)]],
];

describe("the work for cheap frames does not grow with the number of streams:", () => {
  it.each(cheapFrames)("%s (%s)", (_, role, frames) => {
    const cost = (streams: number): number => {
      const engine = crowded(role, streams);
      const cheap = frames(engine);
      return work(() => {
        engine.send(...cheap);
        expect(engine.connection.closed).toBe(false);
      });
    };
    const few = cost(20);
    // The heap of blocked streams grows by the logarithm, within one call.
    expect(cost(2_000)).toBeLessThanOrEqual(few + 4);
  });

  it("taking output after SETTINGS costs no more where nothing may be sent", () => {
    const cost = (streams: number): number => {
      const engine = crowded("server", streams);
      engine.send(engine.peer.settings([[4, 50]]), engine.peer.settings([[4, 0]]));
      return work(() => engine.output());
    };
    expect(cost(2_000)).toBeLessThanOrEqual(cost(20));
  });

  it("GOAWAYs that take our streams away one by one look at each once", () => {
    const engine = crowded("client", 2_000);
    const visits = work(() => {
      for (let last = 3_999; last >= 3_001; last -= 2) engine.send(engine.peer.goAway(last, ErrorCode.NO_ERROR));
    });
    expect(engine.handler.of("reset")).toHaveLength(499);
    expect(visits).toBeLessThan(500 * 20);
  });
});

describe("moved windows", () => {
  it("let each stream send exactly what the setting grants it", () => {
    const engine = crowded("server", 100);
    engine.send(engine.peer.settings([[4, 60]]));
    const sent = engine.output().filter(({ type }) => type === FrameType.DATA);
    expect(sent.map(({ payload }) => payload.length)).toEqual(Array.from({ length: 100 }, () => 60));
    engine.send(engine.peer.settings([[4, 20]])); // 40 below zero
    engine.send(...Array.from({ length: 100 }, (_, index) => engine.peer.windowUpdate(2 * index + 1, 41)));
    const more = engine.output().filter(({ type }) => type === FrameType.DATA);
    expect(more.map(({ payload }) => payload.length)).toEqual(Array.from({ length: 100 }, () => 1));
  });

  it("past 2^31-1 are an error, also where the widest stream has sent or is gone since", () => {
    const limit = 2 ** 31 - 1;
    const engine = crowded("server", 3);
    engine.send(engine.peer.windowUpdate(1, limit), engine.peer.windowUpdate(3, limit - 1_000));
    engine.send(engine.peer.rstStream(1, ErrorCode.CANCEL));
    engine.output(); // stream 3 sends its 100 bytes
    engine.send(engine.peer.settings([[4, 1_100]]));
    expect(engine.connection.closed).toBe(false);
    engine.send(engine.peer.settings([[4, 1_101]]));
    expect(engine.verdict()).toEqual({ connectionError: "FLOW_CONTROL_ERROR" });
    expect(engine.handler.of("close")).toMatchObject([
      { error: { message: "SETTINGS_INITIAL_WINDOW_SIZE moves the window of stream 3 past 2^31-1" } },
    ]);
  });
});

describe("budgets are given back by work, not cleared by a byte", () => {
  it("of SETTINGS: 90 of them between small calls end the connection", () => {
    const engine = Engine.ready("server");
    let calls = 0;
    for (; calls < 100 && !engine.connection.closed; calls++) {
      for (let turn = 0; turn < 90; turn++) engine.send(engine.peer.settings([[4, turn % 2 === 0 ? 0 : 65_535]]));
      const streamId = engine.openStream();
      if (engine.connection.closed) break;
      engine.send(engine.peer.data(streamId, [1], 1));
      engine.stream(streamId).sendHeaders(responseFields, { endStream: true });
      engine.stream(streamId).release();
      engine.output();
    }
    expect(calls).toBeLessThan(3);
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
  });

  it("of SETTINGS: a hundred DATA frames explain one", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    let rounds = 0;
    for (; rounds < 1_000 && !engine.connection.closed; rounds++) {
      for (let turn = 0; turn < 50; turn++) engine.send(engine.peer.data(streamId, [1]));
      engine.send(engine.peer.settings([[4, rounds]]));
      engine.output();
    }
    // A hundred at once, and one for each two rounds.
    expect(rounds).toBeGreaterThanOrEqual(195);
    expect(rounds).toBeLessThanOrEqual(201);
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
  });

  it("of PINGs: each DATA frame explains one", () => {
    const engine = Engine.ready("server");
    const streamId = engine.openStream();
    let rounds = 0;
    for (; rounds < 1_000 && !engine.connection.closed; rounds++) {
      engine.send(engine.peer.data(streamId, [1]), engine.peer.ping(), engine.peer.ping());
      engine.output();
    }
    expect(rounds).toBe(100);
    expect(engine.handler.of("close")).toMatchObject([{ error: { code: "ENHANCE_YOUR_CALM" } }]);
  });
});
