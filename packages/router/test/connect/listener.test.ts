/** A listener over the life of its connection. Times are virtual. */
import type { AppointmentKind } from "@trunkline/base";
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { type ListenerState, listen, peerIdentity, type RouterStream } from "../../src/index.js";
import { advance, advanceUntil, bytes, rejection, settle, testRouter, text, until } from "../support/router.js";

/** A virtual clock that remembers which appointments keep a process alive. */
class RecordingClock extends VirtualClock {
  readonly work: number[] = [];

  override at(atMs: number, callback: () => void, kind: AppointmentKind): () => void {
    if (kind === "work") this.work.push(atMs);
    return super.at(atMs, callback, kind);
  }
}

describe("a listener", () => {
  it.each([true, false])(
    "is told by the exchange who has dialled, and the dialler nothing (resume: %s)",
    async (resume) => {
      await using test = testRouter();
      const listener = await (await test.client("board")).listen("web", { resume });
      const dialled = await (await test.client("lab-3")).dial("web");
      expect((await listener.accept())?.extra(peerIdentity)).toBe("lab-3");
      expect(dialled.extra(peerIdentity)).toBeUndefined();
    },
  );

  it("goes on where onState is an async function that rejects", async () => {
    await using test = testRouter();
    const listener = await (await test.client("board")).listen("web", {
      onState: () => Promise.reject(new Error("no")) as never,
    });
    await (await test.client("lab")).dial("web");
    expect(await listener.accept()).toBeDefined();
  });

  it("brings no MaxListenersExceededWarning with many others that share its signal (connect-es#476)", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    await using test = testRouter();
    const client = await test.client("board");
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = await Promise.all(
      Array.from({ length: 15 }, (_, index) => client.listen(`web-${index}`, { signal })),
    );
    await settle();
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    controller.abort();
    for (const listener of listeners) expect(await listener.accept()).toBeUndefined();
  });

  it("comes back by a new connection after three heartbeats that did not come", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, heartbeatMs: 1_000 });
    const client = await test.client("me", { keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    const states: ListenerState[] = [];
    const listener = await client.listen("web", { onState: (state) => states.push(state) });
    await advance(clock, 10_000);
    expect(states.map(({ kind }) => kind)).toEqual(["listening"]);
    test.links[0]?.silence();
    await advance(clock, 2_900, 100);
    expect(states).toHaveLength(1);
    await advance(clock, 1_100, 100);
    expect(states[1]).toMatchObject({
      kind: "reconnecting",
      cause: { status: Status.UNAVAILABLE, message: "nothing came from the exchange for 3000 ms" },
    });
    const lost = states[1];
    await advance(clock, lost?.kind === "reconnecting" ? lost.retryInMs : 0);
    await until(() => states.length === 3, "the new session");
    expect(states[2]).toEqual({ kind: "listening" });
    expect(test.links).toHaveLength(2);
    const dialled = await (await test.client("other")).dial("web");
    await dialled.send(bytes("hello"));
    expect(text(await (await listener.accept())?.receive())).toBe("hello");
    dialled.abort();
  });

  it("comes back by a new connection when another request finds that the old one is dead", async () => {
    const clock = new VirtualClock();
    const never = { keepaliveIntervalMs: Number.POSITIVE_INFINITY };
    await using test = testRouter({ clock, heartbeatMs: 0, ...never });
    const client = await test.client("me", never);
    const states: ListenerState[] = [];
    await client.listen("web", { onState: (state) => states.push(state) });
    test.links[0]?.silence();
    const listed = client.list();
    await advanceUntil(clock, listed);
    await advance(clock, 1_000);
    expect(states).toMatchObject([
      { kind: "listening" },
      { kind: "reconnecting", cause: { message: "the connection to the exchange has not answered a request" } },
      { kind: "listening" },
    ]);
    expect(test.links).toHaveLength(2);
  });

  it("whose name is not confirmed in time leaves the connection for a new one", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const client = await test.client("me", { keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    await client.list();
    test.links[0]?.silence();
    const listening = rejection(client.listen("web"));
    await settle();
    await advance(clock, 19_999);
    expect(test.links).toHaveLength(1);
    await advance(clock, 1);
    expect((await listening).message).toBe("the exchange did not confirm the name within 20000 ms");
    expect(await client.list()).toEqual([]); // at once
    expect(test.links).toHaveLength(2);
  });

  it("waits longer after each loss, and not after a session of ten seconds", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const client = await test.client("me", { backoff: { initialMs: 100, multiplier: 10, maxMs: 60_000, jitter: 0 } });
    const states: ListenerState[] = [];
    await client.listen("web", { onState: (state) => states.push(state) });
    const waits: number[] = [];
    for (const sessionMs of [0, 9_000, 10_000]) {
      await advance(clock, sessionMs);
      test.links.at(-1)?.cut();
      await until(() => states.at(-1)?.kind === "reconnecting", "the loss");
      const lost = states.at(-1);
      if (lost?.kind === "reconnecting") waits.push(lost.retryInMs);
      await advance(clock, waits.at(-1) ?? 0, 100);
      await until(() => states.at(-1)?.kind === "listening", "the new session");
    }
    expect(waits).toEqual([100, 1_000, 100]);
  });

  it("keeps its process alive while it waits to reconnect (chisel#374)", async () => {
    const clock = new RecordingClock();
    await using test = testRouter({ clock });
    const client = await test.client();
    const states: ListenerState[] = [];
    await client.listen("web", { onState: (state) => states.push(state) });
    expect(clock.work).toEqual([]);
    test.links[0]?.cut();
    await until(() => states.length === 2, "the loss");
    const state = states[1];
    expect(state?.kind === "reconnecting" && clock.work).toEqual([
      clock.nowMs() + (state?.kind === "reconnecting" ? state.retryInMs : 0),
    ]);
  });

  it("lets maxWaitingStreams wait for accept, and refuses one more with RESOURCE_EXHAUSTED", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const client = await test.client();
    const states: ListenerState[] = [];
    const listener = await client.listen("web", { maxWaitingStreams: 2, onState: (state) => states.push(state) });
    const dialled: RouterStream[] = [];
    for (let index = 0; index < 2; index++) dialled.push(await client.dial("web"));
    await until(() => test.router.stats.pairs === 2, "two pairs");
    await settle();
    expect(states.map(({ kind }) => kind)).toEqual(["listening"]);
    const third = await client.dial("web");
    const refused = rejection(third.receive());
    await until(() => states.length === 2, "the state");
    await advanceUntil(clock, refused);
    expect(await refused).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(states[1]).toMatchObject({
      kind: "missed",
      cause: { message: "the listener has as many streams waiting as maxWaitingStreams (2) allows" },
    });
    for (const [index, stream] of dialled.entries()) {
      await stream.send(bytes(`${index}`));
      expect(text(await (await listener.accept())?.receive())).toBe(`${index}`);
      stream.abort();
    }
  });

  it("takes a stream for an accept that waits, even where maxWaitingStreams is 0", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const client = await test.client();
    const listener = await client.listen("web", { maxWaitingStreams: 0 });
    const accepted = listener.accept();
    const dialled = await client.dial("web");
    await dialled.send(bytes("hello"));
    expect(text(await (await accepted)?.receive())).toBe("hello");
    dialled.abort();
  });

  it("ends with ABORTED where another listener of its identity takes the name, and does not come back", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const states: ListenerState[] = [];
    const first = await (await test.client()).listen("web", { onState: (state) => states.push(state) });
    await (await test.client()).listen("web");
    expect(await rejection(first.accept())).toMatchObject({ status: Status.ABORTED });
    expect(states.at(-1)).toMatchObject({ kind: "closed", cause: { status: Status.ABORTED } });
  });

  it("that its user closes gives undefined, aborts the streams that wait, and lets accepted ones go on", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const client = await test.client();
    const listener = await client.listen("web");
    const first = await client.dial("web");
    const accepted = await listener.accept();
    const waiting = await client.dial("web");
    await until(() => test.router.stats.pairs === 2, "two pairs");
    await settle();
    await listener.close();
    expect(await listener.accept()).toBeUndefined();
    expect(await rejection(waiting.receive())).toMatchObject({ status: Status.UNAVAILABLE });
    await accepted?.send(bytes("still here"));
    expect(text(await first.receive())).toBe("still here");
    first.abort();
  });
});

describe("listen", () => {
  it("forwards the states of its listener to onState", async () => {
    await using test = testRouter();
    const endpoint = await test.router.listen("127.0.0.1:0");
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    const states: string[] = [];
    const listener = await listen("web", { endpoint, token, onState: ({ kind }) => states.push(kind) });
    expect(states).toEqual(["listening"]);
    await listener.close();
    expect(states).toEqual(["listening", "closed"]);
  });

  it("ends its connection once the listener is closed and the last of its streams has ended", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 60_000 });
    const listener = await listen("web", { endpoint: test.target, token, clock: new VirtualClock() });
    const own = test.links[0];
    const dialled = await (await test.client()).dial("web");
    const accepted = await listener.accept();
    await dialled.send(bytes("hello"));
    expect(text(await accepted?.receive())).toBe("hello");
    await listener.close();
    await settle(60);
    expect(own?.destroyed).toBe(false);
    await Promise.all([dialled.sendEof(), accepted?.sendEof()]);
    expect(await Promise.all([dialled.receive(), accepted?.receive()])).toEqual([undefined, undefined]);
    await until(() => own?.destroyed === true, "the end of the connection");
  });

  it("survives an onState that throws", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const client = await test.client();
    const listener = await client.listen("web", {
      onState() {
        throw new Error("a log that fails");
      },
    });
    await listener.close();
  });
});
