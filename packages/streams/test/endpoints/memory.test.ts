import { Metadata } from "@trunkline/metadata";
import { describe, expect, test } from "vitest";
import { BrokenStreamError, BusyStreamError, ClosedStreamError, memoryPair } from "../../src/index.js";
import { ManualSignal, VirtualClock } from "../../src/testing/index.js";
import { small, suite } from "../support/suite.js";
import { settle } from "../support/turns.js";

describe("compliance of memory pairs", () => {
  suite({
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return { first, second };
    },
  });
});

describe("compliance of memory pairs without a clock and with room for one item", () => {
  suite({
    ...small,
    keepsTime: false,
    connect() {
      const [first, second] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
      return { first, second };
    },
  });
});

describe("memoryPair", () => {
  test("the ends may send different things", async () => {
    const [client, server] = memoryPair<string, number>();
    await client.send("one");
    await server.send(1);
    expect(await server.receive()).toBe("one");
    expect(await client.receive()).toBe(1);
  });

  test("maxBufferedItems items are taken without a reader, one more waits for room", async () => {
    const [from, to] = memoryPair<number>({ maxBufferedItems: 2 });
    let resolved = 0;
    for (let item = 0; item < 4; item++) void from.send(item).then(() => resolved++);
    await settle();
    expect(resolved).toBe(2);
    expect(await to.receive()).toBe(0);
    await settle();
    expect(resolved).toBe(3);
  });

  test("by default 32 items are taken", async () => {
    const [from] = memoryPair<number>();
    let resolved = 0;
    for (let item = 0; item < 40; item++) void from.send(item).then(() => resolved++);
    await settle();
    expect(resolved).toBe(32);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    "maxBufferedItems %s is refused",
    (maxBufferedItems) => {
      expect(() => memoryPair({ maxBufferedItems })).toThrow(
        `maxBufferedItems must be a whole number from 1 on, not ${maxBufferedItems}`,
      );
    },
  );

  test("the 65th send that waits is refused and names the limit", async () => {
    const [from] = memoryPair<number>({ maxBufferedItems: 1 });
    const sends = Array.from({ length: 66 }, (_, item) => from.send(item).then(String, (error: unknown) => error));
    const refused = await sends[65];
    expect(refused).toBeInstanceOf(BusyStreamError);
    expect((refused as Error).message).toBe("65 sends would wait, more than maxPendingSends (64)");
  });

  test("an abort reaches the other end with its cause, ahead of unread items, in both directions at once", async () => {
    const [mine, theirs] = memoryPair<number>({ maxBufferedItems: 1 });
    const cause = new Error("cable pulled");
    await mine.send(1);
    await theirs.send(2);
    const blocked = theirs.send(3);
    mine.abort(cause);
    for (const broken of [blocked, theirs.receive(), theirs.send(4), theirs.sendEof()]) {
      const error: unknown = await broken.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(BrokenStreamError);
      expect(error).toMatchObject({ code: "ABORTED", message: "the other end was aborted: cable pulled" });
      expect((error as Error).cause).toBe(cause);
    }
    await expect(mine.receive()).rejects.toThrow("this end was aborted: cable pulled");
    await expect(mine.receive()).rejects.toBeInstanceOf(ClosedStreamError);
  });

  test("an abort without a reason is an error without a cause worth telling", async () => {
    const [mine, theirs] = memoryPair();
    mine.abort();
    await expect(theirs.receive()).rejects.toThrow("the other end was aborted");
  });

  test("an end that was read stays an end when the other side aborts", async () => {
    const [mine, theirs] = memoryPair<number>();
    await mine.sendEof();
    expect(await theirs.receive()).toBeUndefined();
    mine.abort(new Error("gone"));
    expect(await theirs.receive()).toBeUndefined();
    await expect(theirs.send(1)).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("frozen metadata arrives as the same object", async () => {
    const [from, to] = memoryPair<string>();
    const metadata = new Metadata({ tag: "x" }).freeze();
    await from.send("data", { metadata });
    expect((await to.receiveWithMetadata())?.metadata).toBe(metadata);
  });

  test("metadata may be given in any form that metadata is made from", async () => {
    const [from, to] = memoryPair<string>();
    await from.send("data", { metadata: { tag: ["x", "y"] } });
    expect((await to.receiveWithMetadata())?.metadata.getAll("tag")).toEqual(["x", "y"]);
    await expect(from.send("data", { metadata: { "grpc-x": "y" } })).rejects.toThrow("reserved");
  });

  test("closing without a clock waits as long as it takes, and a time limit without a clock is refused", async () => {
    const [mine, theirs] = memoryPair<number>();
    await expect(memoryPair()[0].close({ closeTimeoutMs: 10 })).rejects.toThrow(
      "closeTimeoutMs (10) needs a clock, and no layer of this stream has one (attribute streamClock)",
    );
    await expect(mine.close({ closeTimeoutMs: Number.NaN })).rejects.toThrow(
      "closeTimeoutMs must not be below zero, but is NaN",
    );
    await expect(mine.close({ closeTimeoutMs: 10 })).rejects.toBeInstanceOf(TypeError);
    let closed = false;
    const closing = mine.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    await theirs.sendEof();
    await closing;
  });

  test("a close that gives up while its end is stuck says so, and the other end sees the same cause", async () => {
    const clock = new VirtualClock();
    const [mine, theirs] = memoryPair<number>({ clock, maxBufferedItems: 1 });
    await mine.send(1);
    const stuck = mine.send(2).catch((error: unknown) => error);
    const closing = mine.close({ closeTimeoutMs: 100 }).catch((error: unknown) => error);
    clock.advance(100);
    const error = await closing;
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error).toMatchObject({ code: "CLOSE_TIMEOUT", message: "closing took longer than closeTimeoutMs (100)" });
    expect(await stuck).toBeInstanceOf(ClosedStreamError);
    expect(await theirs.receive().catch((broken: Error) => broken.cause)).toBe(error);
    expect(clock.pending).toBe(0);
  });

  test("a close whose end cannot be sent, since the other side is gone, rejects", async () => {
    const [mine, theirs] = memoryPair<number>();
    theirs.abort(new Error("gone"));
    await expect(mine.close()).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("the second of two closes at once resolves with the first, unless its own signal ends the wait", async () => {
    const [mine, theirs] = memoryPair<number>();
    const signal = new ManualSignal();
    const first = mine.close();
    const second = mine.close({ signal });
    signal.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    await theirs.sendEof();
    await first;
    await mine.close();
  });

  test("await using without sendEof aborts, and with it closes", async () => {
    const [mine, theirs] = memoryPair<number>();
    const producing = async (): Promise<void> => {
      await using stream = mine;
      await stream.send(1);
      throw new Error("the producer failed");
    };
    await expect(producing()).rejects.toThrow("the producer failed");
    await expect(theirs.receive()).rejects.toMatchObject({
      code: "ABORTED",
      cause: { message: "the stream was disposed of before its end was sent" },
    });
  });
});
