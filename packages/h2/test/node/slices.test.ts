/** A connection with much work gives others their turn, and reads no more meanwhile. */
import { Duplex } from "node:stream";
import type { Clock } from "@trunkline/base";
import { expect, it } from "vitest";
import { Connection, type Http2Stream } from "../../src/index.js";
import { ConnectionDriver, duplexTransport } from "../../src/node/index.js";
import { SharedTurns } from "../../src/node/shared-turns.js";
import { clientPreface, FrameFactory, RecordingHandler } from "../../src/testing/index.js";
import { requestFields } from "../support/engine.js";

/** Time that passes by work alone. */
class WorkClock implements Clock {
  now = 0;

  nowMs(): number {
    return this.now;
  }

  at(): () => void {
    return () => {};
  }
}

/**
 * A server whose requests take `costMs` each, and `laterMs` more in promises; it notes whose requests are begun.
 */
function server(name: string, clock: WorkClock, costMs: number, begun: string[], laterMs = 0) {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  class Handler extends RecordingHandler {
    override onRequest(...given: Parameters<RecordingHandler["onRequest"]>) {
      clock.now += costMs;
      begun.push(name);
      const [stream] = given as [Http2Stream, ...unknown[]];
      queueMicrotask(() => {
        clock.now += laterMs;
        stream.release();
      });
      return super.onRequest(...given);
    }
  }
  const handler = new Handler();
  const settings = { maxConcurrentStreams: 10_000 };
  const driver = new ConnectionDriver(new Connection({ role: "server", settings }, handler), duplexTransport(socket), {
    clock,
  });
  const peer = new FrameFactory();
  let nextStream = 1;
  for (const frame of [clientPreface, peer.settings(), peer.settingsAck()]) socket.push(frame);
  return {
    socket,
    driver,
    handler,
    request: (count: number): void => {
      const frames = Array.from({ length: count }, (_, index) =>
        peer.headers(nextStream + 2 * index, requestFields, 5),
      );
      nextStream += 2 * count;
      socket.push(Buffer.concat(frames));
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("one chunk of many requests is worked on in slices, with others between them, and nothing is lost", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const busy = server("busy", clock, 1, begun);
  const other = server("other", clock, 1, begun);
  await turn();
  busy.request(200);
  other.request(1);
  let turns = 0;
  for (; turns < 1_000 && begun.length < 201; turns++) await turn();
  expect(begun.filter((name) => name === "busy").length).toBe(200);
  // The neighbour's turn comes after one slice: five milliseconds, and the frames up to the next look at the clock.
  expect(begun.indexOf("other")).toBeLessThanOrEqual(16);
  expect(
    busy.handler.events
      .filter(({ kind }) => kind === "headers")
      .map((event) => (event as { streamId: number }).streamId),
  ).toEqual(Array.from({ length: 200 }, (_, index) => 2 * index + 1));
  for (const { driver } of [busy, other]) driver.destroy();
});

it("twenty such connections share the time of one slice in a turn, and no other one waits for all", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const costMs = 0.25;
  const busy = Array.from({ length: 20 }, (_, index) => server(`busy ${index}`, clock, costMs, begun));
  await turn();
  for (const one of busy) one.request(400);
  for (let turns = 0; turns < 3; turns++) await turn();
  // The clock is looked at every eighth frame: those take two milliseconds, twice the share of each.
  const mostInOneTurn = (5 + 2) / costMs;
  const before = begun.length;
  for (let turns = 1; turns <= 10; turns++) {
    await turn();
    expect(begun.length - before).toBeLessThanOrEqual(turns * mostInOneTurn);
  }
  expect(new Set(begun.slice(before)).size).toBe(20);
  // One that has not been busy is served at once.
  const other = server("other", clock, costMs, begun);
  await turn();
  const mark = begun.length;
  other.request(1);
  await turn();
  await turn();
  expect(begun.slice(mark)).toContain("other");
  expect(begun.length - mark).toBeLessThanOrEqual(2 * mostInOneTurn + 1);
  for (let turns = 0; turns < 1_000 && begun.length < 8_001; turns++) await turn();
  expect(begun.length).toBe(8_001);
  for (const { driver } of [...busy, other]) driver.destroy();
});

it("what busy connections have begun in promises counts as their time, too", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const busy = Array.from({ length: 8 }, (_, index) => server(`busy ${index}`, clock, 0, begun, 0.5));
  await turn();
  for (const one of busy) one.request(400);
  for (let turns = 0; turns < 3; turns++) await turn();
  for (let turns = 0; turns < 10; turns++) {
    const before = clock.now;
    await turn();
    // Five milliseconds, and what the last of them has begun: the half of 64 requests.
    expect(clock.now - before).toBeLessThanOrEqual(5 + 32 * 0.5);
  }
  for (const { driver } of busy) driver.destroy();
});

it("alone, a connection has its whole slice", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const alone = server("alone", clock, 0.25, begun);
  await turn();
  alone.request(400);
  await turn();
  await turn();
  const mark = begun.length;
  await turn();
  expect(begun.length - mark).toBeGreaterThanOrEqual(20);
  alone.driver.destroy();
});

it("what comes on a connection that was busy waits where the busy ones have had their time of the turn", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const wasBusy = Array.from({ length: 12 }, (_, index) => server(`was busy ${index}`, clock, 0.25, begun));
  const busy = [1, 2, 3].map((index) => server(`busy ${index}`, clock, 0.25, begun));
  const quiet = server("quiet", clock, 0.25, begun);
  await turn();
  for (const one of wasBusy) one.request(40);
  for (let turns = 0; turns < 100; turns++) await turn();
  expect(begun.length).toBe(12 * 40);
  for (const one of busy) one.request(400);
  for (let turns = 0; turns < 3; turns++) await turn();
  const before = begun.length;
  for (const one of [...wasBusy, quiet]) one.request(8);
  await new Promise((resolve) => process.nextTick(resolve));
  await new Promise((resolve) => process.nextTick(resolve));
  // Only the one that has not been busy is served at once.
  expect(new Set(begun.slice(before))).toEqual(new Set(["quiet"]));
  for (let turns = 0; turns < 200; turns++) await turn();
  expect(begun.length).toBe(12 * 48 + 3 * 400 + 8);
  for (const { driver } of [...wasBusy, ...busy, quiet]) driver.destroy();
});

it("its socket is not read from while a slice waits for the next turn", async () => {
  const clock = new WorkClock();
  const busy = server("busy", clock, 1, []);
  await turn();
  busy.request(100);
  await Promise.resolve();
  await new Promise((resolve) => process.nextTick(resolve));
  expect(busy.socket.isPaused()).toBe(true);
  for (let turns = 0; turns < 100; turns++) await turn();
  expect(busy.socket.isPaused()).toBe(false);
  busy.driver.destroy();
});

it("what came before the end of the transport is taken before the end is told", async () => {
  const clock = new WorkClock();
  const begun: string[] = [];
  const busy = server("busy", clock, 1, begun);
  await turn();
  busy.request(100);
  busy.socket.push(null);
  for (let turns = 0; turns < 100; turns++) await turn();
  expect(begun.length).toBe(100);
  const kinds = busy.handler.events.map(({ kind }) => kind);
  expect(kinds.lastIndexOf("headers")).toBeLessThan(kinds.indexOf("close"));
  busy.driver.destroy();
});

it("the time of a turn is over once it has passed to the millisecond, and one always has its turn", async () => {
  const clock = new WorkClock();
  const turns = SharedTurns.of(clock);
  const done: string[] = [];
  const take = (name: string, costMs: number): void =>
    turns.wait(() => {
      clock.now += costMs;
      done.push(name);
    });
  take("first", 4);
  take("second", 1);
  take("third", 100);
  take("fourth", 0);
  await turn();
  expect(done).toEqual(["first", "second"]);
  await turn();
  expect(done).toEqual(["first", "second", "third"]);
  await turn();
  expect(done).toEqual(["first", "second", "third", "fourth"]);
});
