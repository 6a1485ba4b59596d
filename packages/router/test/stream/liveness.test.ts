/**
 * The PINGs of idle streams: who is gone behind a router that lives is noticed, and who is only slow never is. Times
 * are virtual.
 */
import type { ClientCall } from "@trunkline/grpc";
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { type Frame, ownFeatures, RouterFrameType, RouterStream, type RouterStreamOptions } from "../../src/index.js";
import { decodePing, encodePing } from "../../src/stream/payloads.js";
import { advance, bytes, rejection, settle, testRouter, text, until } from "../support/router.js";

const { DATA, PING } = RouterFrameType;
const peerFeatures = new Set(ownFeatures);

/** A stream, and what its other side receives; the other side answers PINGs for as long as it is told to. */
async function world(options: RouterStreamOptions = {}) {
  const clock = new VirtualClock();
  const test = testRouter({ clock });
  const peer: ClientCall<Frame, Frame> = test.plainCall("s", {}, test.connect());
  await peer.start();
  const stream = new RouterStream(test.plainCall("s", {}, test.connect()), { peerFeatures, ...options });
  const state = { answers: true, reads: true, pings: 0, broken: undefined as Error | undefined };
  void (async () => {
    for (let frame = await peer.receive(); frame !== undefined; frame = await peer.receive()) {
      if (frame.frameType === PING) state.pings += 1;
      const ping = frame.frameType === PING && state.answers ? decodePing(frame.payload) : undefined;
      if (ping !== undefined) await peer.send({ frameType: PING, payload: encodePing({ id: ping.id, answer: true }) });
    }
  })().catch(() => {});
  const received = stream.receive();
  received.catch((error: Error) => {
    state.broken = error;
  });
  await until(() => test.router.stats.livePairs === 1, "the pair");
  await settle();
  return { clock, peer, stream, received, state, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

describe("an idle stream", () => {
  it("asks by PING after pingIntervalMs of silence, and lives on while it gets answers", async () => {
    await using w = await world();
    await advance(w.clock, 59_000);
    expect(w.state.pings).toBe(0);
    await advance(w.clock, 1_000);
    expect(w.state.pings).toBe(1);
    await advance(w.clock, 3_600_000, 5_000);
    expect(w.state.pings).toBeGreaterThan(10);
    expect(w.state.broken).toBeUndefined();
    await w.peer.send({ frameType: DATA, payload: bytes("still here") });
    expect(text(await w.received)).toBe("still here");
  });

  it("breaks with UNAVAILABLE pingTimeoutMs after a PING that a known reader did not answer", async () => {
    await using w = await world({ pingIntervalMs: 10_000, pingTimeoutMs: 5_000 });
    await advance(w.clock, 11_000);
    expect(w.state.pings).toBe(1);
    w.state.answers = false;
    // Silence is counted from a look at which something had come: at 20 s; the next PING goes at 30 s.
    while (w.state.pings < 2) await advance(w.clock, 1_000);
    await advance(w.clock, 5_400, 100);
    expect(w.state.broken).toBeUndefined();
    await advance(w.clock, 100, 100);
    expect(w.state.broken).toMatchObject({ status: Status.UNAVAILABLE });
    expect(w.state.broken?.message).toBe(
      "the other side of the stream has not answered a PING within pingTimeoutMs (5000)",
    );
    expect(await rejection(w.stream.send(bytes("x")))).toBe(w.state.broken);
  });

  it("is not judged by a peer that has never answered: it may not have come yet, or may not be read", async () => {
    await using w = await world({ pingIntervalMs: 10_000, pingTimeoutMs: 5_000 });
    w.state.answers = false;
    await advance(w.clock, 600_000, 5_000);
    expect(w.state.pings).toBe(1);
    expect(w.state.broken).toBeUndefined();
  });

  it("is not judged while data lies before the PING: its reader may be slow", async () => {
    await using w = await world({ pingIntervalMs: 10_000, pingTimeoutMs: 5_000 });
    await advance(w.clock, 11_000);
    expect(w.state.pings).toBe(1);
    await w.stream.send(bytes("data that is not taken"));
    w.state.answers = false;
    await advance(w.clock, 600_000, 5_000);
    expect(w.state.pings).toBe(2);
    expect(w.state.broken).toBeUndefined();
  });

  it("does not ask while something comes", async () => {
    await using w = await world({ pingIntervalMs: 10_000 });
    let waiting: Promise<unknown> = w.received;
    for (let second = 0; second < 60; second += 5) {
      await w.peer.send({ frameType: DATA, payload: bytes("one") });
      await waiting;
      waiting = w.stream.receive();
      waiting.catch(() => {});
      await advance(w.clock, 5_000);
    }
    expect(w.state.pings).toBe(0);
  });

  it("does not ask where pingIntervalMs is Infinity, or where the other side does not know PING", async () => {
    for (const options of [{ pingIntervalMs: Number.POSITIVE_INFINITY }, { peerFeatures: new Set(["end"]) }]) {
      await using w = await world(options);
      await advance(w.clock, 600_000, 10_000);
      expect(w.state.pings).toBe(0);
      expect(w.state.broken).toBeUndefined();
    }
  });

  it("does not ask while this side reads nothing: what waits for it may be the sign of life", async () => {
    await using w = await world({ pingIntervalMs: 10_000 });
    await w.peer.send({ frameType: DATA, payload: bytes("one") });
    expect(text(await w.received)).toBe("one");
    await advance(w.clock, 600_000, 10_000);
    expect(w.state.pings).toBe(0);
  });
});

describe("between two router streams", () => {
  it("a PING is answered also while nobody reads, and a reader that pauses for an hour is never given up", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const [asking, paused] = ["1", "2"].map(
      () =>
        new RouterStream(test.plainCall("s", {}, test.connect()), {
          peerFeatures,
          pingIntervalMs: 10_000,
          pingTimeoutMs: 5_000,
        }),
    ) as [RouterStream, RouterStream];
    let broken: Error | undefined;
    const receiving = asking.receive();
    receiving.catch((error: Error) => {
      broken = error;
    });
    await asking.send(bytes("one"));
    expect(text(await paused.receive())).toBe("one");
    // A read that its signal has ended, so that nobody reads, but the frame after the last one is still awaited.
    const enough = new AbortController();
    const ended = rejection(paused.receive({ signal: enough.signal }));
    enough.abort(new Error("enough"));
    await ended;
    await advance(clock, 3_600_000, 2_500);
    expect(broken).toBeUndefined();
    // Nor when data comes that it does not read.
    await asking.send(bytes("two"));
    await asking.send(bytes("three"));
    await advance(clock, 3_600_000, 2_500);
    expect(broken).toBeUndefined();
    for (const expected of ["two", "three"]) expect(text(await paused.receive())).toBe(expected);
    await paused.send(bytes("answer"));
    expect(text(await receiving)).toBe("answer");
  });

  it("nothing is left behind once both have ended", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    const [one, other] = ["1", "2"].map(() => new RouterStream(test.plainCall("s"), { peerFeatures })) as [
      RouterStream,
      RouterStream,
    ];
    const receiving = [one.receive(), other.receive()];
    await until(() => test.router.stats.livePairs === 1, "the pair");
    const during = clock.pending;
    await Promise.all([one.sendEof(), other.sendEof()]);
    expect(await Promise.all(receiving)).toEqual([undefined, undefined]);
    expect(clock.pending).toBeLessThan(during);
  });
});
