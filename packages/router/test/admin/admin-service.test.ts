/** The admin service: who may use it, what it shows, and what it ends. Times are virtual. */
import { readFileSync } from "node:fs";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient, type GrpcError, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { AdminService, type WatchRequestSchema, type WatchResponse } from "../../src/gen/trunkline/v1/admin_pb.js";
import type { AdminRight, ListenerState, RouterPolicy, RouterStream } from "../../src/index.js";
import { version } from "../../src/version.js";
import {
  advance,
  bytes,
  epochMs,
  jwt,
  rejection,
  settle,
  type TestRouter,
  testRouter,
  text,
  until,
} from "../support/router.js";

const lab = (more: object = {}) => testRouter({ clock: new VirtualClock(), ...more });

/** Returns a client of the admin service, and the metadata of its calls. */
async function operator(test: TestRouter, admin?: AdminRight, identity = "ops") {
  const token = await test.router.mintToken({ identity, lifetimeMs: 3_600_000, admin });
  const client: Client<typeof AdminService> = createClient(AdminService, test.connect());
  return { client, metadata: { authorization: `Bearer ${token}` } };
}

type Operator = Awaited<ReturnType<typeof operator>>;

/** Begins a watch. */
function watching({ client, metadata }: Operator, request: MessageInitShape<typeof WatchRequestSchema> = {}) {
  const call = client.watch.open({ metadata });
  call.send(request).catch(() => {}); // the test reads why
  return call;
}

/** Opens a stream of the name, and sends a word each way. */
async function joined(test: TestRouter, name = "web", options: object = {}): Promise<[RouterStream, RouterStream]> {
  const [exposer, user] = [await test.client("board"), await test.client("user")];
  const listener = await exposer.listen(name, options);
  const [there, here] = await Promise.all([listener.accept(), user.dial(name, options)]);
  if (there === undefined) throw new Error("the listener has ended");
  await here.send(bytes("ping"));
  expect(text(await there.receive())).toBe("ping");
  await there.send(bytes("pong!"));
  expect(text(await here.receive())).toBe("pong!");
  return [there, here];
}

const everything = { listen: ["*"], dial: ["*"] };
const policy: RouterPolicy = {
  rules: [
    { identities: ["ops"], admin: "act" },
    { identities: ["guest"], admin: "see" },
    { identities: ["*"], ...everything },
  ],
};

describe("the right to the admin service", () => {
  it.each([
    ["no policy and a token that says nothing", {}, undefined, "ops", [], Status.PERMISSION_DENIED],
    ["no policy and a token that says see", {}, "see", "ops", ["see"], Status.PERMISSION_DENIED],
    ["no policy and a token that says act", {}, "act", "ops", ["see", "act"], Status.PERMISSION_DENIED],
    ["a policy and a rule with act", { policy }, undefined, "ops", ["see", "act"], Status.PERMISSION_DENIED],
    ["a policy and a rule with see", { policy }, undefined, "guest", ["see"], Status.PERMISSION_DENIED],
    ["a policy and a rule without, whatever the token says", { policy }, "act", "user", [], Status.PERMISSION_DENIED],
    [
      "a policy that denies the identity",
      { policy: { ...policy, denied: { identities: ["ops"] } } },
      "act",
      "ops",
      [],
      Status.PERMISSION_DENIED,
    ],
  ] as const)("with %s is as it says", async (_, options, claim, identity, rights, status) => {
    await using test = lab({ ...options, onDrain() {} });
    const ops = await operator(test, claim, identity);
    const { client, metadata } = ops;
    const seen = await settled(watching(ops, { once: true }).receive());
    expect(seen).toBe(rights.includes("see" as never) ? Status.OK : status);
    const done = await Promise.all([
      settled(client.killStream({ id: "none" }, { metadata })),
      settled(client.evictName({ name: "none" }, { metadata })),
      settled(client.drain({}, { metadata })),
    ]);
    const allowed = [Status.NOT_FOUND, Status.NOT_FOUND, Status.OK];
    expect(done).toEqual(rights.includes("act" as never) ? allowed : [status, status, status]);
  });

  it("is refused before the message is taken, and reported, without a token or with a forged one", async () => {
    await using test = lab();
    const client = createClient(AdminService, test.connect());
    const now = Math.floor(epochMs / 1_000);
    const claims = { iss: "trunkline", aud: "trunkline-exchange", sub: "ops", exp: now + 60, admin: "act" };
    for (const metadata of [
      {},
      { authorization: `Bearer ${jwt(claims, { key: "another key that is long enough for it" })}` },
    ]) {
      const call = client.watch.open({ metadata });
      expect(await settled(call.receive())).toBe(Status.UNAUTHENTICATED);
      expect(await settled(client.killStream({ id: "x" }, { metadata }))).toBe(Status.UNAUTHENTICATED);
    }
    expect(test.router.stats.refusals).toBe(4);
    expect(test.events.filter(({ kind }) => kind === "refused")).toHaveLength(4);
  });

  it("ends a watch with PERMISSION_DENIED when a new policy takes it away", async () => {
    await using test = lab({ policy });
    const call = watching(await operator(test, undefined, "guest"));
    await call.receive();
    test.router.updatePolicy({ rules: [] });
    const error = await rejection(drained(call));
    expect(error).toMatchObject({ status: Status.PERMISSION_DENIED });
  });

  it("is no right that a token for a stream, or a public key of another issuer, can give", async () => {
    await using test = lab();
    const now = Math.floor(epochMs / 1_000);
    const parties = { iss: "https://jumpstarter.dev/stream", aud: "https://jumpstarter.dev/router" };
    const token = jwt({ ...parties, sub: "ops", exp: now + 60, admin: "act" });
    const client = createClient(AdminService, test.connect());
    const metadata = { authorization: `Bearer ${token}` };
    expect(await settled(client.drain({}, { metadata }))).toBe(Status.UNAUTHENTICATED);
    await expect(test.router.mintToken({ identity: "a", lifetimeMs: 1_000, admin: "root" as never })).rejects.toThrow(
      "the right admin of a token is one of see, act",
    );
  });
});

describe("a watch", () => {
  it("tells names, streams and numbers, whole at first, and then what has changed", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const metadata = { "x-board": "7", "x-api-key": "hunter2", "x-data-bin": new Uint8Array([1, 2, 3]) };
    const [, here] = await joined(test, "web", { metadata });
    const call = watching(await operator(test, "see"));
    const first = (await call.receive()) as WatchResponse;
    expect(first.snapshot).toBe(true);
    expect(first.numbers).toMatchObject({ liveStreams: 1, listeners: 1, state: "serving", version, connections: 3 });
    expect(first.numbers?.bytesToListener).toBeGreaterThan(0n);
    const [stream] = first.streams;
    expect(stream).toMatchObject({
      name: "web",
      state: "live",
      dialler: { identity: "user", attached: true, peer: "transport" },
      listener: { identity: "board", attached: true },
      attempts: 1,
      metadata: { "x-board": "7", "x-api-key": "(7 hidden)", "x-data-bin": "(3 hidden)" },
    });
    expect(first.names).toMatchObject([{ name: "web", identity: "board", streams: 1, streamsInAll: 1n, problem: "" }]);
    expect(JSON.stringify(first.names[0]?.metadata)).not.toContain("hunter2");
    expect(first.events.map(({ name }) => name)).toEqual(expect.arrayContaining(["listening", "dialled", "paired"]));
    await here.send(bytes("more"));
    await settle();
    clock.advance(1_000);
    const second = (await call.receive()) as WatchResponse;
    expect(second.snapshot).toBe(false);
    expect(second.names).toEqual([]);
    expect(second.streams[0]?.bytesToListener).toBeGreaterThan(stream?.bytesToListener as bigint);
    here.abort();
    await advance(clock, 5_000);
    const third = await untilMessage(clock, call, (message) => message.streamsGone.length > 0);
    expect(third.streamsGone).toEqual([stream?.id]);
    call.cancel();
  });

  it("that is to come once ends after its snapshot, however many messages that takes", async () => {
    await using test = lab({ maxListeners: 2_000 });
    const client = await test.client("board");
    await Promise.all(Array.from({ length: 1_100 }, (_, index) => client.listen(`n${index}`)));
    const messages: WatchResponse[] = [];
    const call = watching(await operator(test, "see"), { once: true });
    for (let next = await call.receive(); next !== undefined; next = await call.receive()) messages.push(next);
    expect(messages[0]?.snapshot).toBe(true);
    expect(messages.slice(1).every(({ snapshot }) => !snapshot)).toBe(true);
    const names = messages.flatMap((message) => message.names.map(({ name }) => name));
    expect(new Set(names).size).toBe(1_100);
    expect(names).toHaveLength(1_100);
    expect(messages.every((message) => message.names.length <= 500 && message.events.length <= 200)).toBe(true);
    expect(messages.flatMap(({ events }) => events)).toHaveLength(1_000);
  });

  it.each([
    [{ intervalMs: 99 }, "intervalMs must be a whole number from 100 to 60000, not 99"],
    [{ maxStreams: 20_001 }, "maxStreams must be a whole number from 0 to 20000, not 20001"],
    [{ filter: "x".repeat(256) }, "a filter of 256 characters is longer than 255"],
  ])("with %j is refused", async (request, message) => {
    await using test = lab();
    const error = await rejection(watching(await operator(test, "see"), request).receive());
    expect(error).toMatchObject({ status: Status.INVALID_ARGUMENT });
    expect(error.message).toContain(message);
  });

  it("is refused where as many run as may", async () => {
    await using test = lab();
    const ops = await operator(test, "see");
    for (let count = 0; count < 32; count += 1) await watching(ops).receive();
    expect(await settled(watching(ops).receive())).toBe(Status.RESOURCE_EXHAUSTED);
  });
});

describe("a kill", () => {
  it("ends a session for good: both peers are told why, and neither comes back", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [there, here] = await joined(test);
    const { client, metadata } = await operator(test, "act");
    const [stream] = test.router.admin.snapshot().streams;
    const ends = [there, here].map((side) => rejection(side.receive()));
    await client.killStream({ id: stream?.id ?? "", reason: "maintenance" }, { metadata });
    for (const error of await Promise.all(ends))
      expect(String(error.cause ?? error)).toContain("an operator ended the stream: maintenance");
    await advance(clock, 130_000);
    expect(test.router.stats).toMatchObject({ livePairs: 0, resumptions: 0, waitingPeers: 0 });
    expect(test.events).toContainEqual({
      kind: "killed",
      stream: stream?.id,
      name: "web",
      operator: "ops",
      reason: "maintenance",
    });
    const closed = test.events.find(({ kind }) => kind === "closed");
    expect(closed).toMatchObject({ operator: "ops", peers: [{ endedIt: false }, { endedIt: false }] });
    expect(test.router.admin.snapshot().streams).toEqual([]);
  });

  it("ends a session whose peers are both away, also where they come back a day later", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const twoDays = 172_800_000;
    const board = await test.client("board", { resumeTimeoutMs: twoDays });
    const user = await test.client("user", { resumeTimeoutMs: twoDays });
    const listener = await board.listen("web");
    const [there, here] = await Promise.all([listener.accept(), user.dial("web")]);
    await here.send(bytes("ping"));
    await there?.receive();
    test.newLinksAreSilent = true;
    for (const link of test.links) link.cut();
    await settle();
    const [stream] = test.router.admin.snapshot().streams;
    expect(stream).toMatchObject({ state: "detached", dialler: { attached: false }, listener: { attached: false } });
    expect(stream?.waits.map(({ on }) => on)).toEqual(["peer-detached", "peer-detached"]);
    expect(test.router.admin.snapshot().numbers.detachedSessions).toBe(1);
    test.router.admin.killStream(stream?.id as string);
    expect(test.router.admin.snapshot().numbers.detachedSessions).toBe(0);
    const ends = [there, here].map((side) => rejection((side as RouterStream).receive()));
    test.newLinksAreSilent = false;
    await advance(clock, 300_000, 5_000);
    for (const error of await Promise.all(ends)) expect(String(error.cause ?? error)).toContain("an operator ended");
  });

  it("ends one pair of plain peers, and leaves others of the same subject alone", async () => {
    await using test = lab();
    const pair = async (): Promise<ReturnType<TestRouter["plainCall"]>[]> => {
      const pairs = test.router.stats.pairs;
      const calls = [test.plainCall("s"), test.plainCall("s")];
      await Promise.all(calls.map((call) => call.start()));
      await until(() => test.router.stats.pairs > pairs, "the pair");
      return calls;
    };
    const [one, other] = [await pair(), await pair()];
    const ids = test.router.admin.snapshot().streams.map(({ id }) => id);
    expect(ids).toHaveLength(2);
    test.router.admin.killStream(ids[0] as string);
    for (const call of one) expect(await settled(call.receive())).toBe(Status.ABORTED);
    expect(test.router.stats.livePairs).toBe(1);
    await other[0]?.send({ frameType: 0, payload: bytes("still here") });
    expect(text((await other[1]?.receive())?.payload)).toBe("still here");
    await pair();
  });

  it("ends a peer that waits, and refuses the other side when it comes", async () => {
    await using test = lab();
    const role = (which: string) => {
      const now = Math.floor(epochMs / 1_000);
      const parties = { iss: "https://jumpstarter.dev/stream", aud: "https://jumpstarter.dev/router" };
      const token = jwt({ ...parties, sub: "s", exp: now + 60, jti: which, role: which });
      return test.plainCall("s", { authorization: `Bearer ${token}` });
    };
    const waiting = role("dial");
    await waiting.start();
    await until(() => test.router.stats.waitingPeers === 1, "the wait");
    expect(test.router.admin.snapshot().streams).toMatchObject([
      { id: "s", state: "waiting", waits: [{ on: "not-attached" }, { on: "not-attached" }] },
    ]);
    test.router.admin.killStream("s", "no");
    expect(await settled(waiting.receive())).toBe(Status.ABORTED);
    expect(test.router.stats.waitingPeers).toBe(0);
    expect(await settled(role("listen").receive())).toBe(Status.PERMISSION_DENIED);
    expect(test.router.admin.snapshot().streams).toEqual([]);
  });

  it.each([
    [{ id: "none" }, Status.NOT_FOUND, 'there is no stream with the id "none"'],
    [{ id: "x", reason: "x".repeat(256) }, Status.INVALID_ARGUMENT, "a reason of 256 characters is longer than 255"],
    [{ id: "x", reason: "a\nb" }, Status.INVALID_ARGUMENT, "a reason must not have control characters"],
  ])("of %j is refused", async (request, status, message) => {
    await using test = lab();
    const { client, metadata } = await operator(test, "act");
    const error = (await rejection(client.killStream(request, { metadata }))) as GrpcError;
    expect(error).toMatchObject({ status });
    expect(error.message).toContain(message);
  });
});

describe("an eviction", () => {
  it("ends the listeners of a name, which do not come back, and leaves their streams", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const states: ListenerState[] = [];
    const [there, here] = await joined(test, "web", {});
    const board = await test.client("board");
    await board.listen("web", { onState: (state) => states.push(state) });
    const { client, metadata } = await operator(test, "act");
    expect(await client.evictName({ name: "web", reason: "moved" }, { metadata })).toMatchObject({
      listeners: 1,
      streams: 0,
    });
    await advance(clock, 60_000);
    expect(states.at(-1)).toMatchObject({ kind: "closed", cause: { status: Status.ABORTED } });
    expect(test.router.stats.listeners).toBe(0);
    await here.send(bytes("still"));
    expect(text(await there.receive())).toBe("still");
    expect(test.events.slice(-8)).toContainEqual({
      kind: "evicted",
      name: "web",
      listeners: 1,
      operator: "ops",
      reason: "moved",
    });
  });

  it("of one listener leaves the others of its name, and can end its streams", async () => {
    const names = [{ names: ["web"], exposers: "round-robin" as const }];
    await using test = lab({ policy: { ...policy, names } });
    const [there] = await joined(test);
    await (await test.client("other")).listen("web");
    const { client, metadata } = await operator(test);
    const listed = test.router.admin.snapshot().names;
    const listenerId = listed.find(({ identity }) => identity === "board")?.listenerId as string;
    const end = rejection(there.receive());
    const answer = await client.evictName({ name: "web", listenerId, killStreams: true }, { metadata });
    expect(answer).toMatchObject({ listeners: 1, streams: 1 });
    expect(String((await end).cause ?? (await end))).toContain("an operator ended the stream");
    expect(test.router.admin.snapshot().names.map(({ identity }) => identity)).toEqual(["other"]);
    const error = await rejection(client.evictName({ name: "web", listenerId }, { metadata }));
    expect(error).toMatchObject({ status: Status.NOT_FOUND });
  });
});

describe("a drain", () => {
  it("answers, and then drains as the router's user has said", async () => {
    const asked: (number | undefined)[] = [];
    await using test = lab({ onDrain: (deadlineMs: number | undefined) => asked.push(deadlineMs) });
    const { client, metadata } = await operator(test, "act");
    await client.drain({}, { metadata });
    await client.drain({ deadlineMs: 7_000n }, { metadata });
    expect(asked).toEqual([undefined, 7_000]);
    expect(test.events).toContainEqual({ kind: "drain-requested", operator: "ops", deadlineMs: 7_000 });
    expect(await settled(client.drain({ deadlineMs: 2n ** 40n }, { metadata }))).toBe(Status.INVALID_ARGUMENT);
  });

  it("shows what is left to those who watch, and ends their calls with the last stream", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const plain = [test.plainCall("s"), test.plainCall("s")];
    await Promise.all(plain.map((call) => call.start()));
    await until(() => test.router.stats.livePairs === 1, "the pair");
    const ops = await operator(test, "act");
    const { client, metadata } = ops;
    const call = watching(ops);
    await call.receive();
    await client.drain({ deadlineMs: 20_000n }, { metadata });
    const message = await untilMessage(clock, call, ({ numbers }) => numbers?.state === "draining");
    expect(message.numbers?.liveStreams).toBe(1);
    const end = rejection(drained(call));
    for (const one of plain) await one.sendEof();
    await until(() => test.router.stats.livePairs === 0, "the end of the stream");
    expect(await end).toMatchObject({ status: Status.UNAVAILABLE });
    expect(clock.nowMs()).toBeLessThan(20_000);
  });
});

it("tells the version of its package", () => {
  const { version: packed } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(version).toBe(packed);
});

/** Returns the status with which a step of a call ends. */
async function settled(promise: Promise<unknown>): Promise<Status> {
  return promise.then(
    () => Status.OK,
    (error: GrpcError) => error.status,
  );
}

/** Reads a watch to its end. */
async function drained(call: { receive(): Promise<unknown> }): Promise<void> {
  while ((await call.receive()) !== undefined);
}

/** Lets time pass until a watch has a message that fits. */
async function untilMessage(
  clock: VirtualClock,
  call: { receive(): Promise<WatchResponse | undefined> },
  fits: (message: WatchResponse) => boolean,
): Promise<WatchResponse> {
  for (;;) {
    const next = call.receive();
    await advance(clock, 1_000);
    const message = await next;
    if (message === undefined) throw new Error("the watch has ended");
    if (fits(message)) return message;
  }
}
