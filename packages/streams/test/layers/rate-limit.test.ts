import { describe, expect, test } from "vitest";
import { BrokenStreamError, lengthPrefixed, memoryPair, rateLimited } from "../../src/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { settle } from "../support/turns.js";

describe("rateLimited", () => {
  test("sends no faster than it may, after a burst", async () => {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<Uint8Array>({ clock, maxBufferedItems: 1_000 });
    const stream = rateLimited(inner, { sendBytesPerSecond: 1_000, burstBytes: 200 });
    const arrived: number[] = [];
    const reading = (async () => {
      while ((await other.receive()) !== undefined) arrived.push(clock.nowMs());
    })();
    const sending = (async () => {
      for (let count = 0; count < 10; count++) await stream.send(new Uint8Array(100));
      await stream.sendEof();
    })();
    for (let ms = 0; ms < 1_000; ms++) {
      await settle();
      clock.advance(1);
    }
    await Promise.all([sending, reading]);
    const start = (arrived[0] as number) - 0;
    const relative = arrived.map((at) => at - start);
    expect(relative.slice(0, 2)).toEqual([0, 0]);
    for (const [index, at] of relative.entries()) {
      expect(at).toBeGreaterThanOrEqual((index - 2) * 100); // 200 bytes at once, then 100 each 100 ms
      expect(at).toBeLessThanOrEqual(index * 100);
    }
    expect(clock.pending).toBe(0);
  });

  test("takes no faster than it may, so that the sender has to wait", async () => {
    const clock = new VirtualClock();
    const [other, inner] = memoryPair<Uint8Array>({ clock, maxBufferedItems: 1 });
    const stream = rateLimited(inner, { receiveBytesPerSecond: 1_000, burstBytes: 1 });
    let sent = 0;
    const sending = (async () => {
      for (; sent < 100; sent++) await other.send(new Uint8Array(500));
    })();
    sending.catch(() => {});
    let received = 0;
    const reading = (async () => {
      while ((await stream.receive()) !== undefined) received++;
    })();
    reading.catch(() => {});
    for (let ms = 0; ms < 2_600; ms += 10) {
      await settle();
      clock.advance(10);
    }
    await settle();
    expect(received).toBe(6);
    expect(sent).toBeLessThanOrEqual(8);
    stream.abort(new Error("over"));
    expect(clock.pending).toBe(0);
  });

  test("an item larger than the burst goes as a whole, and what follows waits for it", async () => {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<Uint8Array>({ clock });
    const stream = rateLimited(inner, { sendBytesPerSecond: 100, burstBytes: 10 });
    await stream.send(new Uint8Array(1_000));
    const second = stream.send(new Uint8Array(1));
    const third = stream.send(new Uint8Array(1));
    expect((await other.receive())?.length).toBe(1_000);
    let isThere = false;
    const receiving = other.receive().then(() => {
      isThere = true;
    });
    clock.advance(9_800);
    await settle();
    expect(isThere).toBe(false);
    clock.advance(200);
    await settle();
    expect(isThere).toBe(true);
    stream.abort(new Error("over"));
    await receiving;
    await second;
    await third.catch(() => {});
  });

  test("a send that the stream below refuses rejects by itself, and the following ones go on", async () => {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<Uint8Array>({ clock });
    const stream = rateLimited(lengthPrefixed(inner, { maxMessageBytes: 10 }), { sendBytesPerSecond: 100 });
    const refused = stream.send(new Uint8Array(11));
    const next = stream.send(new Uint8Array(1));
    await expect(refused).rejects.toThrow("message of 11 bytes is larger than maxMessageBytes (10)");
    await next;
    expect((await other.receive())?.length).toBe(5);
    await stream.sendEof();
    expect(await other.receive()).toBeUndefined();
  });

  test("a send that is cancelled while it waits for the rate never began", async () => {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<Uint8Array>({ clock });
    const stream = rateLimited(inner, { sendBytesPerSecond: 100 });
    await stream.send(new Uint8Array(100));
    const controller = new AbortController();
    const cancelled = stream.send(new Uint8Array(1), { signal: controller.signal });
    const next = stream.send(new Uint8Array(2));
    controller.abort(new Error("changed my mind"));
    await expect(cancelled).rejects.toThrow("changed my mind");
    await settle();
    clock.advance(1_000);
    await next;
    expect([(await other.receive())?.length, (await other.receive())?.length]).toEqual([100, 2]);
  });

  test("an abort does not wait, and everything that does rejects", async () => {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<Uint8Array>({ clock });
    const stream = rateLimited(inner, { sendBytesPerSecond: 1 });
    await stream.send(new Uint8Array(1_000));
    stream.send(new Uint8Array(1_000)).catch(() => {});
    const waiting = stream.send(new Uint8Array(1));
    const ending = stream.sendEof();
    waiting.catch(() => {});
    ending.catch(() => {});
    stream.abort(new Error("no more"));
    await expect(waiting).rejects.toThrow("no more");
    await expect(ending).rejects.toThrow("no more");
    await expect(other.receive()).rejects.toThrow(BrokenStreamError);
    expect(clock.pending).toBe(0);
  });

  test("needs a clock and sensible numbers", () => {
    const clock = new VirtualClock();
    const [stream] = memoryPair<Uint8Array>();
    expect(() => rateLimited(stream, { sendBytesPerSecond: 1 })).toThrow("a rate limit needs a clock");
    expect(() => rateLimited(stream, { sendBytesPerSecond: 0, clock })).toThrow(
      "sendBytesPerSecond must be above zero, not 0",
    );
    expect(() => rateLimited(stream, { burstBytes: -1, clock })).toThrow(RangeError);
  });
});
