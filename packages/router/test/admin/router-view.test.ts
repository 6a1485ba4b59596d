/** The view of a router in its process: what streams wait for, and what watchers are told. Times are virtual. */

import { create } from "@bufbuild/protobuf";
import { Metadata } from "@trunkline/metadata";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { Difference } from "../../src/admin/difference.js";
import { EventLog } from "../../src/admin/event-log.js";
import { FieldsSchema } from "../../src/gen/trunkline/v1/frames_pb.js";
import type { RoutedStream, RouterUpdate } from "../../src/index.js";
import { shownMetadata } from "../../src/service/shown-metadata.js";
import { metadataToFields } from "../../src/stream/fields.js";
import { advance, bytes, epochMs, settle, type TestRouter, testRouter, until } from "../support/router.js";

/** Joins two plain peers. */
async function pairOf(test: TestRouter, subject = "s") {
  const calls = [test.plainCall(subject), test.plainCall(subject, {}, test.connect())] as const;
  const pairs = test.router.stats.pairs;
  for (const call of calls) {
    const before = test.events.length;
    await call.start();
    await until(() => test.events.length > before, "the router to decide about the peer");
  }
  await until(() => test.router.stats.pairs > pairs, "the pair");
  return calls;
}

const frame = (size: number) => ({ frameType: 0, payload: new Uint8Array(size) });

/** Returns the one stream, looked at anew. */
function only(test: TestRouter, clock: VirtualClock): RoutedStream {
  clock.advance(100);
  const { streams } = test.router.admin.snapshot();
  expect(streams).toHaveLength(1);
  return streams[0] as RoutedStream;
}

const waitsOf = (stream: RoutedStream): Record<string, string> =>
  Object.fromEntries(stream.waits.map(({ direction, on }) => [direction, on]));

describe("the waits of a stream", () => {
  it("name a sender that has nothing to send, and since when", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [first, second] = await pairOf(test);
    await advance(clock, 3_000);
    await first.send(frame(10));
    await second.receive();
    const at = clock.nowMs();
    expect(waitsOf(test.router.admin.snapshot().streams[0] as RoutedStream)).toEqual({
      "to-dialler": "sender-idle",
      "to-listener": "nobody",
    });
    await advance(clock, 1_000);
    const { waits } = only(test, clock);
    expect(waits.find(({ direction }) => direction === "to-listener")).toEqual({
      direction: "to-listener",
      on: "sender-idle",
      sinceUnixMs: epochMs + at,
      bufferedBytes: 0,
    });
  });

  it("name a receiver that takes nothing, with the bytes that the router holds", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [first] = await pairOf(test);
    let sent = 0;
    const sending = (async () => {
      for (;;) {
        await first.send(frame(60_000));
        sent += 1;
      }
    })();
    sending.catch(() => {});
    let before = -1;
    while (sent !== before) {
      before = sent;
      await advance(clock, 500, 100);
    }
    const { waits, state } = only(test, clock);
    expect(state).toBe("live");
    const wait = waits.find(({ direction }) => direction === "to-listener");
    expect(wait).toMatchObject({ on: "router-outgoing-window" });
    expect(wait?.bufferedBytes).toBeGreaterThanOrEqual(60_000);
    first.cancel();
  });

  it("name the rate of the policy", async () => {
    const clock = new VirtualClock();
    const everything = { identities: ["*"], listen: ["*"], dial: ["*"], maxBytesPerSecond: 65_536 };
    await using test = testRouter({ clock, policy: { rules: [everything] } });
    const [board, user] = [await test.client("board"), await test.client("user")];
    const listener = await board.listen("web");
    const [there, here] = await Promise.all([listener.accept(), user.dial("web")]);
    const sending = (async () => {
      for (let count = 0; count < 10; count += 1) await here.send(new Uint8Array(60_000));
    })();
    sending.catch(() => {});
    await there?.receive();
    await settle();
    const stream = only(test, clock);
    expect(stream.waits.find(({ direction }) => direction === "to-listener")).toMatchObject({ on: "rate-limit" });
    here.abort();
  });

  it("leave out a direction that has ended", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [first] = await pairOf(test);
    await first.sendEof();
    await settle();
    const stream = only(test, clock);
    expect(stream.state).toBe("half-closed");
    expect(waitsOf(stream)).toEqual({ "to-dialler": "sender-idle" });
  });
});

describe("a session", () => {
  it("keeps its id, its bytes and its parties over its attempts", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [board, user] = [await test.client("board"), await test.client("user")];
    const listener = await board.listen("web");
    const [there, here] = await Promise.all([listener.accept(), user.dial("web")]);
    await here.send(new Uint8Array(10_000));
    await there?.receive();
    const first = only(test, clock);
    for (const link of test.links) link.cut();
    await advance(clock, 10_000, 100);
    await until(() => test.router.stats.resumptions === 1, "the resumption");
    await here.send(new Uint8Array(10_000));
    await there?.receive();
    const second = only(test, clock);
    expect(second).toMatchObject({ id: first.id, name: "web", state: "live", attempts: 2 });
    expect(second.sinceUnixMs).toBe(first.sinceUnixMs);
    expect(second.bytesToListener).toBeGreaterThan(first.bytesToListener + 9_999);
    const { numbers } = test.router.admin.snapshot();
    expect(numbers).toMatchObject({ resumed: 1, streamsOpened: 1, detachedSessions: 0, liveStreams: 1 });
  });
});

describe("a watch in the process", () => {
  it("tells a slow reader the difference to the present, and nothing of what has come and gone", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const kept = await test.client("kept");
    await kept.listen("kept");
    const messages = test.router.admin.watch({ intervalMs: 100 });
    await messages.next();
    const left = await test.client("left");
    for (let count = 0; count < 20; count += 1) {
      const listener = await left.listen(`gone-${count}`);
      await advance(clock, 200, 100);
      await listener.close();
    }
    await kept.listen("new");
    await until(() => test.router.stats.listeners === 2, "the ends of the listeners");
    const next = messages.next();
    await advance(clock, 200, 100);
    const { value } = (await next) as { value: RouterUpdate };
    expect(value.names.map(({ name }) => name)).toEqual(["new"]);
    expect(value.namesGone).toEqual([]);
    await messages.return();
  });

  it("has at most ten messages a second, and waits for its interval", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const times: number[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _ of test.router.admin.watch({ intervalMs: 250, signal: stop.signal }))
        times.push(clock.nowMs());
    })();
    await settle();
    await advance(clock, 1_000, 50);
    stop.abort();
    await reading;
    expect(times).toEqual([0, 250, 500, 750, 1_000]);
    expect(() => test.router.admin.watch({ intervalMs: 50 })).toThrow(RangeError);
    expect(() => test.router.admin.watch({ interval: 500 } as object)).toThrow(/interval/);
  });

  it("shows what fits its filter, and counts what is beyond its number of streams", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    for (const subject of ["alpha", "beta", "beta"]) await pairOf(test, subject);
    const { admin } = test.router;
    expect(admin.snapshot().streams).toHaveLength(3);
    expect(admin.snapshot({ filter: "bet" }).streams.map(({ id }) => id.replace(/#\d+$/, ""))).toEqual([
      "beta",
      "beta",
    ]);
    const bounded = admin.snapshot({ maxStreams: 1 });
    expect(bounded.streams.map(({ id }) => id.replace(/#\d+$/, ""))).toEqual(["alpha"]);
    expect(bounded.streamsLeftOut).toBe(2);
  });
});

describe("the difference of a watcher", () => {
  const state = (streams: Record<string, RoutedStream>) => ({
    atUnixMs: 0,
    numbers: {} as RouterUpdate["numbers"],
    names: new Map(),
    streams: new Map(Object.entries(streams)),
  });
  const stream = (id: string): RoutedStream => ({ id }) as RoutedStream;

  it("tells each stream in the end, however many change all the time", () => {
    const limits = { rows: 10, gone: 5, events: 10 };
    const difference = new Difference({ maxStreams: 1_000, filter: "" }, new EventLog(() => 0), limits);
    const told = new Map<string, number>();
    for (let round = 0; round < 12; round += 1) {
      const all = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${index}`, stream(`${index}`)]));
      const { update, whole } = difference.next(state(all));
      expect(update.streams.length).toBeLessThanOrEqual(10);
      expect(whole).toBe(false);
      for (const { id } of update.streams) told.set(id, (told.get(id) ?? 0) + 1);
    }
    expect(told.size).toBe(50);
    expect(Math.max(...told.values()) - Math.min(...told.values())).toBeLessThanOrEqual(1);
    const gone: string[] = [];
    for (let whole = false; !whole; ) {
      const next = difference.next(state({}));
      gone.push(...next.update.streamsGone);
      whole = next.whole;
    }
    expect(new Set(gone).size).toBe(50);
  });
});

describe("the log of events", () => {
  it("keeps the last thousand, and cuts what strangers have written", () => {
    const log = new EventLog(() => 7);
    for (let count = 0; count < 1_500; count += 1)
      log.add({ kind: "waiting", stream: `s${count}`, peer: "x".repeat(100_000) });
    const { events, next } = log.from(0, 5_000);
    expect(events).toHaveLength(1_000);
    expect(next).toBe(1_500);
    expect(events[0]).toMatchObject({ name: "waiting", streamId: "s500", atUnixMs: 7 });
    expect(JSON.stringify(events[0]).length).toBeLessThan(1_000);
    expect(log.from(1_499, 10).events).toHaveLength(1);
  });
});

describe("the metadata that is shown", () => {
  const shown = (pairs: [string, string | Uint8Array][]) =>
    shownMetadata(create(FieldsSchema, metadataToFields(Metadata.from(pairs))));

  it.each(["authorization", "x-api-key", "session-token", "db-password", "cookie", "client-secret", "trace-bin"])(
    "hides the value of %s",
    (key) => {
      const value = key.endsWith("-bin") ? bytes("hunter2") : "hunter2";
      expect(shown([[key, value]])).toEqual({ [key]: "(7 hidden)" });
    },
  );

  it("joins the values of a key, cuts long ones, and counts what is too much", () => {
    expect(
      shown([
        ["a", "1"],
        ["b", "2"],
        ["a", "3"],
      ]),
    ).toEqual({ a: "1, 3", b: "2" });
    expect(shown([["a", "x".repeat(1_000)]])["a"]).toHaveLength(128);
    const many = shown(Array.from({ length: 20 }, (_, index) => [`k${index}`, "v"]));
    expect(Object.keys(many)).toHaveLength(9);
    expect(many["…"]).toBe("12 more");
  });
});
