/**
 * A peer whose other side is lost gets everything that was accepted, however slowly it reads, as long as its connection
 * lives. Times are virtual.
 */
import { type ClientCall, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { type Frame, RouterFrameType, type RouterOptions } from "../../src/index.js";
import { advance, rejection, settle, type TestRouter, testRouter, until } from "../support/router.js";

const frameBytes = 16_384;
const frames = 20; // 320 KiB: more than the windows hold, less than what waits at the router

/** A pair whose first side has sent more than the other reads, and is then lost. */
async function brokenPair(test: TestRouter, stream: string): Promise<ClientCall<Frame, Frame>> {
  const sender = test.plainCall(stream, {}, test.connect());
  const survivor = test.plainCall(stream, {}, test.connect());
  await survivor.start();
  const sending = (async () => {
    for (let index = 0; index < frames; index++) {
      await sender.send({ payload: new Uint8Array(frameBytes).fill(index), frameType: RouterFrameType.DATA });
    }
  })();
  sending.catch(() => {});
  await until(() => test.events.some((event) => event.kind === "paired" && event.stream === stream), "the pair");
  await settle(60);
  const lingering = test.router.stats.lingeringPeers;
  sender.cancel();
  await until(() => test.router.stats.lingeringPeers !== lingering || test.router.stats.livePairs === 0, "the loss");
  return survivor;
}

/** Reads to the end, from frame number `from` on. */
async function readAll(
  call: ClientCall<Frame, Frame>,
  from = 0,
): Promise<{ readonly frames: number; readonly error: Error }> {
  let count = from;
  try {
    for (let frame = await call.receive(); frame !== undefined; frame = await call.receive()) {
      expect(frame.payload[0]).toBe(count);
      count += 1;
    }
  } catch (error) {
    return { frames: count, error: error as Error };
  }
  throw new Error("the stream ended as if it were complete");
}

async function world(options: Partial<RouterOptions> = {}) {
  const clock = new VirtualClock();
  return { clock, test: testRouter({ clock, ...options }) };
}

describe("a survivor", () => {
  it("that pauses for ten minutes loses nothing of what was accepted, and then hears UNAVAILABLE", async () => {
    const { clock, test } = await world();
    await using _ = test;
    const survivor = await brokenPair(test, "s");
    expect(test.router.stats).toMatchObject({ livePairs: 0, lingeringPeers: 1, brokenPairs: 1 });
    await advance(clock, 600_000, 5_000);
    expect(test.router.stats.lingeringPeers).toBe(1);
    const read = await readAll(survivor);
    expect(read.frames).toBe(test.router.stats.frames);
    expect(read.frames).toBeGreaterThan(65_536 / frameBytes); // more than the survivor's window held
    expect(read.error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(read.error.message).toContain("the other side of the stream is gone");
    await until(() => test.router.stats.lingeringPeers === 0, "the end of the survivor");
  });

  it("whose connection is dead is given up within a minute", async () => {
    const { clock, test } = await world();
    await using _ = test;
    await brokenPair(test, "s");
    test.links[0]?.silence(); // the survivor's, which called first
    await advance(clock, 60_000);
    expect(test.router.stats.lingeringPeers).toBe(0);
  });

  it("that takes nothing for lingerMs is cut off where that is given, and not before", async () => {
    const { clock, test } = await world({ lingerMs: 30_000 });
    await using _ = test;
    const survivor = await brokenPair(test, "s");
    await advance(clock, 29_000);
    expect(test.router.stats.lingeringPeers).toBe(1);
    await advance(clock, 1_000);
    expect(test.router.stats.lingeringPeers).toBe(0);
    expect((await readAll(survivor)).error).toMatchObject({ status: Status.CANCELLED }); // a reset: a status would wait
  });

  it("that takes something within each lingerMs is not cut off", async () => {
    const { clock, test } = await world({ lingerMs: 30_000 });
    await using _ = test;
    const survivor = await brokenPair(test, "s");
    for (let read = 0; read < 6; read++) {
      expect((await survivor.receive())?.payload[0]).toBe(read);
      if (read % 3 === 2) await advance(clock, 25_000, 5_000);
    }
    await advance(clock, 4_000);
    expect((await readAll(survivor, 6)).error).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("is one of maxLingeringPeers; one more cuts off the one that lingers the longest", async () => {
    const { test } = await world({ maxLingeringPeers: 2 });
    await using _ = test;
    const survivors: ClientCall<Frame, Frame>[] = [];
    for (const stream of ["a", "b", "c"]) survivors.push(await brokenPair(test, stream));
    await settle();
    expect(test.router.stats.lingeringPeers).toBe(2);
    const [first, second, third] = await Promise.all(survivors.map((survivor) => readAll(survivor)));
    expect(first?.error).toMatchObject({ status: Status.CANCELLED });
    expect(third?.error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(second?.frames).toBe(third?.frames);
    expect(first?.frames).toBeLessThan(third?.frames ?? 0);
  });

  it("of a side that had ended in order hears at once that it is alone", async () => {
    const { test } = await world();
    await using _ = test;
    const [gone, survivor] = [test.plainCall("s"), test.plainCall("s")];
    await survivor.start();
    await gone.start();
    await gone.sendEof();
    await until(() => test.router.stats.livePairs === 1, "the pair");
    await settle();
    gone.cancel();
    expect(await rejection(survivor.receive())).toMatchObject({ status: Status.UNAVAILABLE });
  });
});

describe("two peers that are joined", () => {
  it("hear within a minute that the other one's connection is dead, idle as they are", async () => {
    const { clock, test } = await world();
    await using _ = test;
    const [dead, healthy] = [test.plainCall("s", {}, test.connect()), test.plainCall("s", {}, test.connect())];
    await dead.start();
    await healthy.start();
    const ended = rejection(healthy.receive());
    await until(() => test.router.stats.livePairs === 1, "the pair");
    test.links[0]?.silence();
    await advance(clock, 60_000);
    expect(test.router.stats.livePairs).toBe(0);
    expect(await ended).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("live on through half a minute in which the network stalls", async () => {
    const { clock, test } = await world();
    await using _ = test;
    const [one, other] = [test.plainCall("s", {}, test.connect()), test.plainCall("s", {}, test.connect())];
    await one.start();
    await other.start();
    await until(() => test.router.stats.livePairs === 1, "the pair");
    await advance(clock, 3_600_000, 5_000);
    await one.send({ payload: new Uint8Array([7]), frameType: RouterFrameType.DATA });
    expect((await other.receive())?.payload).toEqual(new Uint8Array([7]));
  });
});
