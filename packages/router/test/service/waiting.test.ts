/** The waits of first peers: how long each lasts, and how many there may be. Times are virtual. */
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { peerKey, RouterFrameType } from "../../src/index.js";
import type { Role } from "../../src/rendezvous.js";
import { KeyRing } from "../../src/token/key-ring.js";
import { TokenMinter } from "../../src/token/minter.js";
import { epochMs, jwt, rejection, secret, settle, streamClaims, testRouter, until } from "../support/router.js";

describe("a first peer", () => {
  it("waits for maxWaitMs, and then hears DEADLINE_EXCEEDED", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxWaitMs: 5_000 });
    const call = test.plainCall("s");
    const ended = rejection(call.receive());
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    clock.advance(4_999);
    await settle();
    expect(test.router.stats).toMatchObject({ waitingPeers: 1, expiredWaits: 0 });
    clock.advance(1);
    expect(await ended).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    expect(test.router.stats).toMatchObject({ waitingPeers: 0, expiredWaits: 1 });
    expect(test.events.at(-1)).toMatchObject({ kind: "expired", stream: "s", reason: "timed-out" });
    // A peer that comes now is a first one.
    const late = test.plainCall("s");
    await late.start();
    await until(() => test.router.stats.waitingPeers === 1, "the peer that came late");
    late.cancel();
  });

  it("never waits longer than its token is good", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxWaitMs: 60_000 });
    const token = jwt({ ...streamClaims("s", epochMs), exp: epochMs / 1_000 + 3 });
    const call = test.plainCall("s", { authorization: `Bearer ${token}` });
    const ended = rejection(call.receive());
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    clock.advance(2_999);
    await settle();
    expect(test.router.stats.waitingPeers).toBe(1);
    clock.advance(1);
    expect(await ended).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
  });

  it("each expire in their own time, by one timer", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxWaitMs: 1_000 });
    const ended: string[] = [];
    for (const stream of ["a", "b"]) {
      void rejection(test.plainCall(stream).receive()).then(() => ended.push(stream));
      await until(() => test.events.at(-1)?.kind === "waiting", "the first peer");
      clock.advance(400);
      await settle();
      test.events.length = 0;
    }
    clock.advance(200);
    await until(() => ended.length === 1, "the first expiry");
    expect(ended).toEqual(["a"]);
    clock.advance(400);
    await until(() => ended.length === 2, "the second expiry");
    expect(ended).toEqual(["a", "b"]);
  });

  it("is one of maxWaitingPeers; one more is refused with RESOURCE_EXHAUSTED that names the limit", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxWaitingPeers: 2 });
    const waiting = ["a", "b"].map((stream) => test.plainCall(stream));
    for (const call of waiting) await call.start();
    await until(() => test.router.stats.waitingPeers === 2, "two first peers");
    const refused = await rejection(test.plainCall("c").receive());
    expect(refused).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(refused.message).toContain("maxWaitingPeers");
    // The second peer of a stream does not wait, so it is let in.
    const second = test.plainCall("a");
    await second.start();
    await until(() => test.router.stats.livePairs === 1, "the pair");
    expect(test.router.stats.waitingPeers).toBe(1);
    for (const call of [...waiting, second]) call.cancel();
  });

  it("that leaves frees its place, and what it has sent is not delivered to anybody", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxWaitingPeers: 1 });
    const first = test.plainCall("a");
    await first.send({ payload: new Uint8Array([1]), frameType: RouterFrameType.DATA });
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    first.cancel();
    await until(() => test.router.stats.waitingPeers === 0, "the end of the wait");
    expect(test.events.at(-1)).toMatchObject({ kind: "expired", reason: "left" });
    const [second, third] = [test.plainCall("a"), test.plainCall("a")];
    await second.send({ payload: new Uint8Array([2]), frameType: RouterFrameType.DATA });
    expect((await third.receive())?.payload).toEqual(new Uint8Array([2]));
    second.cancel();
    third.cancel();
  });

  it("of the exchange that leaves still meets the other side, which gets what it sent", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const minter = new TokenMinter(new KeyRing([{ secret }]), () => epochMs + clock.nowMs());
    const as = async (role: Role) => {
      const token = minter.forStream("s", role, 60_000);
      return test.plainCall("s", { authorization: `Bearer ${token}` }, test.connect());
    };
    const first = await as("listen");
    await first.send({ payload: new Uint8Array([1]), frameType: RouterFrameType.DATA });
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    await settle();
    first.cancel();
    await settle(60);
    expect(test.router.stats.waitingPeers).toBe(1);
    const second = await as("dial");
    expect((await second.receive())?.payload).toEqual(new Uint8Array([1]));
    expect(await rejection(second.receive())).toMatchObject({ status: Status.UNAVAILABLE });
    expect(clock.nowMs()).toBe(0);
  });

  it("that calls again takes the place of its earlier call, by the first 64 characters of its id", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const id = "p".repeat(64);
    const earlier = rejection(test.plainCall("s", { [peerKey]: `${id}1` }).receive());
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    const later = test.plainCall("s", { [peerKey]: `${id}2` });
    await later.start();
    expect(await earlier).toMatchObject({ status: Status.ABORTED });
    expect(test.router.stats).toMatchObject({ waitingPeers: 1, pairs: 0 });
    const other = test.plainCall("s", { [peerKey]: "another" });
    await other.start();
    await until(() => test.router.stats.livePairs === 1, "the pair");
    later.cancel();
    other.cancel();
  });

  it("hears UNAVAILABLE when the router closes", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const ended = rejection(test.plainCall("a").receive());
    await until(() => test.router.stats.waitingPeers === 1, "the first peer");
    void test.router.close();
    expect(await ended).toMatchObject({ status: Status.UNAVAILABLE });
  });
});
