/** Streams that survive their router: it goes away and comes back, drains, or loses a connection. */
import type { Clock } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import { complianceTests, type StreamPair, VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it, vi } from "vitest";
import { quickOf } from "../../../base/test/support/sizes.js";
import {
  type Resumption,
  type ResumptionEvent,
  Router,
  type RouterStream,
  resumption,
  Trunkline,
  type TrunklineOptions,
} from "../../src/index.js";
import { advance, advanceUntil, bytes, rejection, secret, settle, testRouter, text, until } from "../support/router.js";

/** A router at one endpoint that can be ended at once, as by a kill, and started anew with the same key. */
async function restartable() {
  const make = (): Router => new Router({ keys: [{ secret }] });
  let router = make();
  const endpoint = await router.listen("127.0.0.1:0");
  const clients: Trunkline[] = [];
  return {
    get router() {
      return router;
    },
    async client(identity: string, options: Partial<TrunklineOptions> = {}): Promise<Trunkline> {
      const token = await router.mintToken({ identity, lifetimeMs: 86_400_000 });
      const client = new Trunkline({ endpoint, token, backoff: { initialMs: 5, maxMs: 20 }, ...options });
      clients.push(client);
      return client;
    },
    stop: () => router.close({ closeTimeoutMs: 0 }),
    async start(): Promise<void> {
      router = make();
      await router.listen(endpoint);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close({ closeTimeoutMs: 0 })));
      await router.close({ closeTimeoutMs: 0 });
    },
  };
}

/** Makes clients of one router. */
interface World {
  client(identity: string, options?: Partial<TrunklineOptions>): Promise<Trunkline>;
}

/** Returns both ends of a stream that can be resumed, and the events of the dialling one. */
async function connected(
  world: World,
  listening: Partial<TrunklineOptions> = {},
  dialling: Partial<TrunklineOptions> = listening,
) {
  const listener = await (await world.client("l", listening)).listen("web");
  const events: ResumptionEvent[] = [];
  const dialled = await (await world.client("d", dialling)).dial("web", {
    onResumption: (event) => events.push(event),
  });
  const accepted = (await listener.accept()) as RouterStream;
  await Promise.all([dialled.joined(), accepted.joined()]);
  return { dialled, accepted, events };
}

/** Sends numbered items until `stop`, then the end. Returns their number. */
async function sendNumbers(stream: RouterStream, isOver: () => boolean): Promise<number> {
  let count = 0;
  for (; !isOver() || count < 50; count++) {
    await stream.send(bytes(`${count} ${"x".repeat(count % 5_000)}`));
    if (count % 20 === 0) await settle(1);
  }
  await stream.sendEof();
  return count;
}

/** Receives to the end, and checks that each item is the one that comes next. Returns their number. */
async function receiveNumbers(stream: RouterStream): Promise<number> {
  let count = 0;
  for await (const item of stream) {
    // Of many thousands only one that is wrong is worth an assertion.
    const due = `${count} ${"x".repeat(count % 5_000)}`;
    if (text(item) !== due) expect(text(item)).toBe(due);
    count += 1;
  }
  return count;
}

it("a stream that lost its way keeps its process alive between its attempts to come back (chisel#374)", async () => {
  await using test = testRouter();
  const work: number[] = [];
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    at(atMs, callback, kind) {
      if (kind === "work") work.push(atMs);
      return systemClock.at(atMs, callback, kind);
    },
  };
  await connected(test, {}, { clock });
  expect(work).toEqual([]);
  const connect = vi.spyOn(test.target, "connect").mockImplementation(() => {
    throw new Error("there is no way");
  });
  for (const link of test.links) link.cut();
  await until(() => work.length >= 2, "further attempts");
  connect.mockRestore();
});

describe("a stream whose router is ended and started anew", () => {
  it("goes on in both directions, with no item lost, doubled or out of order", async () => {
    await using world = await restartable();
    const { dialled, accepted, events } = await connected(world);
    let over = false;
    const sent = [dialled, accepted].map((stream) => sendNumbers(stream, () => over));
    const received = [accepted, dialled].map(receiveNumbers);
    for (let round = 0; round < 3; round++) {
      const resumed = events.filter(({ kind }) => kind === "resumed").length;
      await world.stop();
      await world.start();
      await until(() => events.filter(({ kind }) => kind === "resumed").length > resumed, "the stream to go on");
    }
    over = true;
    expect(await Promise.all(received)).toEqual(await Promise.all(sent));
    expect(events[0]).toMatchObject({ kind: "detached", cause: { status: Status.UNAVAILABLE } });
    expect(events[1]).toMatchObject({ kind: "resumed", attempts: expect.any(Number), pausedMs: expect.any(Number) });
    const state = dialled.extra(resumption) as Resumption;
    expect(state).toMatchObject({ replayBytes: 0, unreadBytes: 0 });
    expect(state.attempts).toBeGreaterThan(3);
  });

  it("tells the other side of an abort that was made while there was no router", async () => {
    await using world = await restartable();
    const { dialled, accepted, events } = await connected(world);
    await world.stop();
    await until(() => events.length > 0, "the loss");
    dialled.abort(new GrpcError(Status.CANCELLED, "enough"));
    const broken = rejection(accepted.receive());
    await world.start();
    expect(await broken).toMatchObject({ status: Status.CANCELLED, message: expect.stringContaining("enough") });
  });

  it("breaks after resumeTimeoutMs where the router does not come back, and says what was tried", async () => {
    await using world = await restartable();
    const listener = await (await world.client("l")).listen("web");
    const client = await world.client("d", { resumeTimeoutMs: 100 });
    const dialled = await client.dial("web");
    await listener.accept();
    await dialled.joined();
    await world.stop();
    const error = await rejection(dialled.receive());
    expect(error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(error.message).toMatch(/not resumed within resumeTimeoutMs \(100\).* attempts; the last one: /);
  });
});

describe("a stream whose router drains", () => {
  it("moves to the one that is started anew at the same endpoint, and the old one ends then", async () => {
    await using world = await restartable();
    const { dialled, accepted, events } = await connected(world);
    let over = false;
    const sent = [dialled, accepted].map((stream) => sendNumbers(stream, () => over));
    const received = [accepted, dialled].map(receiveNumbers);
    const drained = world.router.drain({ deadlineMs: 60_000 });
    await world.start();
    await drained;
    await until(() => events.length > 0, "the move");
    over = true;
    expect(await Promise.all(received)).toEqual(await Promise.all(sent));
    expect(events.map(({ kind }) => kind)).toEqual(["resumed"]);
  });

  it("stays where it is while there is no other router", async () => {
    await using world = await restartable();
    const { dialled, accepted } = await connected(world);
    const drained = world.router.drain({ deadlineMs: 60_000 });
    await until(() => (dialled.extra(resumption)?.attempts ?? 0) > 1, "an attempt that waits for another router");
    await dialled.send(bytes("hello"));
    expect(text(await accepted.receive())).toBe("hello");
    await Promise.all([dialled.close(), accepted.close()]);
    await drained;
  });

  it("is let go after five seconds, so that the next router can be started", async () => {
    const clock = new VirtualClock();
    const test = testRouter({ clock });
    const { dialled, accepted } = await connected(test);
    let over = false;
    void test.router.drain({ deadlineMs: 60_000 }).then(() => {
      over = true;
    });
    await advance(clock, 4_000);
    await dialled.send(bytes("still here"));
    expect(text(await accepted.receive())).toBe("still here");
    expect([over, dialled.extra(resumption)?.attached]).toEqual([false, true]);
    await advance(clock, 2_000);
    expect([over, dialled.extra(resumption)?.attached]).toEqual([true, false]);
    await advanceUntil(clock, Promise.resolve(test[Symbol.asyncDispose]()));
  });

  it("is refused a deadline that is none", async () => {
    await using world = await restartable();
    await expect(world.router.drain({ deadlineMs: -1 })).rejects.toThrow("deadlineMs");
  });
});

describe("a stream that can be resumed", () => {
  it("ends at its other side at once when its client is closed", async () => {
    await using world = await restartable();
    const { dialled, accepted } = await connected(world);
    const client = await world.client("other");
    await client.close();
    await dialled.send(bytes("hello"));
    expect(text(await accepted.receive())).toBe("hello");
    dialled.abort(new Error("enough"));
    expect((await rejection(accepted.receive())).message).toContain("enough");
  });

  it("tells a dialler of an abort before the router has let the other side in", async () => {
    await using world = await restartable();
    const listener = await (await world.client("l")).listen("web");
    const dialler = await world.client("d");
    for (let round = 0; round < 10; round++) {
      const dialled = await dialler.dial("web");
      (await listener.accept())?.abort(new Error("the target refuses"));
      expect((await rejection(dialled.receive())).message).toContain("the target refuses");
    }
  });

  it("is one only where both peers want it", async () => {
    await using world = await restartable();
    const listener = await (await world.client("l")).listen("web");
    const dialled = await (await world.client("d")).dial("web", { resume: false });
    const accepted = (await listener.accept()) as RouterStream;
    await dialled.send(bytes("hello"));
    expect(text(await accepted.receive())).toBe("hello");
    expect([dialled.extra(resumption), accepted.extra(resumption)]).toEqual([undefined, undefined]);
  });

  it("leaves nothing at its client once it is over", async () => {
    await using world = await restartable();
    const { dialled, accepted } = await connected(world);
    const received = accepted.receive();
    await dialled.sendEof();
    await accepted.sendEof();
    expect(await received).toBeUndefined();
    expect(await dialled.receive()).toBeUndefined();
    await Promise.all([dialled.close(), accepted.close()]);
    await until(() => world.router.stats.livePairs === 0, "the end of the pair");
  });
});

describe("a client with several endpoints", () => {
  it("uses the first that answers, and its streams go on at the next one when a router has gone", async () => {
    const make = () => new Router({ keys: [{ secret }] });
    const routers = [make(), make()];
    const [first, second] = await Promise.all(routers.map((router) => router.listen("127.0.0.1:0")));
    const token = await make().mintToken({ identity: "me", lifetimeMs: 3_600_000 });
    const nobody = "127.0.0.1:1";
    const client = (): Trunkline =>
      new Trunkline({ endpoint: nobody, endpoints: [first as string, second as string], token });
    await using one = client();
    await using other = client();
    const listener = await one.listen("web");
    const events: ResumptionEvent[] = [];
    const dialled = await other.dial("web", { onResumption: (event) => events.push(event) });
    const accepted = (await listener.accept()) as RouterStream;
    await dialled.send(bytes("by the first"));
    expect(text(await accepted.receive())).toBe("by the first");
    expect(routers.map(({ stats }) => stats.livePairs)).toEqual([1, 0]);
    await routers[0]?.close({ closeTimeoutMs: 0 });
    await dialled.send(bytes("by the second"));
    expect(text(await accepted.receive())).toBe("by the second");
    expect(routers[1]?.stats.livePairs).toBe(1);
    expect(events.map(({ kind }) => kind)).toEqual(["detached", "resumed"]);
    dialled.abort();
    await Promise.all([one, other].map((each) => each.close({ closeTimeoutMs: 0 })));
    await routers[1]?.close({ closeTimeoutMs: 0 });
  });

  it("names what is wrong with each where none can be reached, and checks them at once", async () => {
    const options = { endpoint: "127.0.0.1:1", token: "t" };
    await using client = new Trunkline({ ...options, endpoints: ["127.0.0.1:2"] });
    const error = await rejection(client.list());
    expect(error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(error.message).toMatch(/no endpoint of the exchange can be reached: .*127\.0\.0\.1:1.*; .*127\.0\.0\.1:2/);
    expect(() => new Trunkline({ ...options, endpoints: [""] })).toThrow("must not be empty");
    expect(() => new Trunkline({ ...options, endpoints: ["a b"] })).toThrow(/target "a b" is not one/);
    const many = Array.from({ length: 16 }, (_, index) => `127.0.0.1:${index + 2}`);
    expect(() => new Trunkline({ ...options, endpoints: many })).toThrow("endpoints has 16 items, more than 15");
  });
});

describe("a stream whose other side never comes back", () => {
  it("gives all that had arrived, and then breaks with what was tried", async () => {
    const clock = new VirtualClock();
    const test = testRouter({ clock });
    const { dialled, accepted } = await connected(test);
    for (const word of ["one", "two"]) await dialled.send(bytes(word));
    await settle();
    test.newLinksAreSilent = true;
    for (const link of test.links) link.cut();
    await advance(clock, 61_000);
    expect(text(await accepted.receive())).toBe("one");
    expect(text(await accepted.receive())).toBe("two");
    const error = await rejection(accepted.receive());
    expect(error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(error.message).toMatch(
      /within resumeTimeoutMs \(60000\): detached for 6\d{4} ms, 0 bytes unacknowledged, \d+ /,
    );
    await advanceUntil(clock, Promise.resolve(test[Symbol.asyncDispose]()));
  });
});

describe("a stream whose other side is silent", () => {
  it("asks after 10 s without an acknowledgement, and goes on by another connection after 10 more", async () => {
    const clock = new VirtualClock();
    const never = { keepaliveIntervalMs: Number.POSITIVE_INFINITY };
    const test = testRouter({ clock, ...never, heartbeatMs: 0 });
    const { dialled, accepted, events } = await connected(test, never);
    test.links[1]?.silence();
    await dialled.send(bytes("hello"));
    await advance(clock, 19_000);
    expect(events).toEqual([]);
    await advance(clock, 20_000);
    expect(events.map(({ kind }) => kind)).toEqual(["detached", "resumed"]);
    expect(text(await accepted.receive())).toBe("hello");
    await advanceUntil(clock, Promise.resolve(test[Symbol.asyncDispose]()));
  });

  it("is asked after pingIntervalMs where nothing is to be sent, and left after pingTimeoutMs", async () => {
    const clock = new VirtualClock();
    const never = { keepaliveIntervalMs: Number.POSITIVE_INFINITY };
    const test = testRouter({ clock, ...never, heartbeatMs: 0 });
    const silent = { ...never, pingIntervalMs: Number.POSITIVE_INFINITY };
    const times = { pingIntervalMs: 30_000, pingTimeoutMs: 5_000 };
    const { dialled, accepted, events } = await connected(test, silent, { ...never, ...times });
    await advance(clock, 300_000); // its answers come
    expect(events).toEqual([]);
    test.links[1]?.silence();
    await advance(clock, 66_000);
    expect(events).toMatchObject([
      { kind: "detached", cause: { message: "nothing came for 5000 ms, and a PING was not answered" } },
      { kind: "resumed" },
    ]);
    await dialled.send(bytes("still here"));
    expect(text(await accepted.receive())).toBe("still here");
    await advanceUntil(clock, Promise.resolve(test[Symbol.asyncDispose]()));
  });
});

async function throughRouter(clock: VirtualClock): Promise<StreamPair> {
  const test = testRouter({});
  const limits = { maxReplayBytes: 1024 * 1024, maxUnreadBytes: 1024 * 1024 };
  const { dialled: first, accepted: second } = await connected(test, { clock, ...limits });
  return { first, second, release: () => advanceUntil(clock, Promise.resolve(test[Symbol.asyncDispose]())) };
}

describe("a stream of a session", () => {
  const tests = quickOf(
    complianceTests({
      settle: () => settle(30),
      connect: throughRouter,
      maxItemBytes: 65_536,
      maxUnreadBytes: 4 * 1024 * 1024,
    }),
  );
  for (const { title, run } of tests) it(title, run);
});
