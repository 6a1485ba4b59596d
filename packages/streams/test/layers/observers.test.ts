import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  Crc32,
  counted,
  lengthPrefixed,
  memoryPair,
  progress,
  rateLimited,
  tap,
  withTimeouts,
} from "../../src/index.js";
import { VirtualClock } from "../../src/testing/index.js";

const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe("tap", () => {
  test("sees everything that happens, in order, with metadata", async () => {
    const seen: string[] = [];
    const [inner, other] = memoryPair<string>();
    const stream = tap(inner, {
      onSend: (item, metadata) => seen.push(`send ${item} ${metadata.get("n") ?? ""}`),
      onReceive: (item, metadata) => seen.push(`receive ${item} ${metadata.get("n") ?? ""}`),
      onSendEof: () => seen.push("send eof"),
      onReceiveEof: () => seen.push("receive eof"),
      onError: (error) => seen.push(`error ${(error as Error).name}`),
      onClose: () => seen.push("close"),
      onAbort: (reason) => seen.push(`abort ${(reason as Error).message}`),
    });
    await stream.send("a", { metadata: { n: "1" } });
    await other.send("b", { metadata: { n: "2" } });
    await stream.receive();
    await stream.sendEof();
    await expect(stream.send("late")).rejects.toThrow();
    await other.sendEof();
    await stream.receive();
    await stream.close();
    stream.abort(new Error("over"));
    expect(seen).toEqual([
      "send a 1",
      "receive b 2",
      "send eof",
      "error ClosedStreamError",
      "receive eof",
      "close",
      "abort over",
    ]);
  });

  test("an observer that throws is not asked again, and changes nothing", async () => {
    let calls = 0;
    const [inner, other] = memoryPair<string>();
    const stream = tap(inner, {
      onSend() {
        calls++;
        throw new Error("the log is full");
      },
    });
    await stream.send("a");
    await stream.send("b");
    expect([await other.receive(), await other.receive()]).toEqual(["a", "b"]);
    expect(calls).toBe(1);
  });
});

describe("observers that are async functions", () => {
  test("an observer that rejects is not called again, and is no unhandled rejection", async () => {
    let calls = 0;
    const [inner, other] = memoryPair<string>();
    const stream = tap(inner, {
      async onSend() {
        calls++;
        throw new Error("the log is full");
      },
    });
    await stream.send("a");
    await settle();
    await stream.send("b");
    await settle();
    expect([await other.receive(), await other.receive()]).toEqual(["a", "b"]);
    expect(calls).toBe(1);
  });

  test("progress stops its reports after one that rejects, and the stream goes on", async () => {
    let calls = 0;
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<string>({ clock });
    const stream = progress(inner, {
      async onProgress() {
        calls++;
        throw new Error("the log is full");
      },
    });
    for (let count = 0; count < 3; count++) {
      await stream.send("a");
      clock.advance(1_000);
      await settle();
      expect(await other.receive()).toBe("a");
    }
    expect(calls).toBe(1);
  });
});

describe("counted", () => {
  test("a checksum that throws loses no item, is given nothing more, and its error is told", async () => {
    const [inner, other] = memoryPair<Uint8Array>();
    const finished = createHash("sha256");
    finished.digest();
    const stream = counted(inner, { received: finished, sent: finished });
    await other.send(bytes("abc"));
    expect(await stream.receive()).toEqual(bytes("abc"));
    await stream.send(bytes("12"));
    expect(await other.receive()).toEqual(bytes("12"));
    expect(stream.received).toMatchObject({ items: 1, bytes: 3, hasherError: { code: "ERR_CRYPTO_HASH_FINALIZED" } });
    expect(stream.sent).toMatchObject({ items: 1, bytes: 2, hasherError: { code: "ERR_CRYPTO_HASH_FINALIZED" } });
  });

  test("counts each direction apart, and lets checksums see the bytes", async () => {
    const [inner, other] = memoryPair<Uint8Array>();
    const sent = new Crc32();
    const received = createHash("sha256");
    const stream = counted(inner, { sent, received });
    await stream.send(bytes("12345"));
    await stream.send(bytes("6789"));
    await other.send(bytes("abc"));
    await stream.receive();
    expect(stream.sent).toEqual({ items: 2, bytes: 9 });
    expect(stream.received).toEqual({ items: 1, bytes: 3 });
    expect(sent.value).toBe(0xcbf4_3926); // the check value of CRC-32
    expect(received.digest("hex")).toBe(createHash("sha256").update("abc").digest("hex"));
  });

  test("does not count what was refused", async () => {
    const [inner] = memoryPair<Uint8Array>();
    const stream = counted(inner);
    await stream.sendEof();
    await expect(stream.send(bytes("late"))).rejects.toThrow();
    expect(stream.sent).toEqual({ items: 0, bytes: 0 });
  });

  test("Crc32 is that of zlib, however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const crc = new Crc32();
        for (const part of parts) crc.update(part);
        expect(crc.value).toBe(crc32(Buffer.concat(parts)));
      }),
    );
  });
});

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

describe("withTimeouts", () => {
  function pair(options: { idleTimeoutMs?: number; totalTimeoutMs?: number }) {
    const clock = new VirtualClock();
    const [inner, other] = memoryPair<string>({ clock });
    return { clock, other, stream: withTimeouts(inner, options) };
  }

  test("breaks a stream on which nothing moves, for both sides", async () => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000 });
    const waiting = stream.receive();
    waiting.catch(() => {});
    clock.advance(999);
    await stream.send("still here");
    clock.advance(999);
    await other.send("me too");
    expect(await waiting).toBe("me too");
    const last = stream.receive();
    last.catch(() => {});
    await settle();
    clock.advance(1_000);
    const idle = {
      name: "BrokenStreamError",
      code: "IDLE_TIMEOUT",
      message: "nothing was sent or received for idleTimeoutMs (1000)",
    };
    await expect(last).rejects.toMatchObject(idle);
    await expect(stream.send("late")).rejects.toMatchObject(idle);
    await expect(stream.receive()).rejects.toMatchObject(idle);
    await expect(stream.sendEof()).rejects.toMatchObject(idle);
    await expect(other.receive()).rejects.toMatchObject({ code: "ABORTED" });
    await stream.close();
  });

  test("breaks a stream that lasts too long, however busy", async () => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000, totalTimeoutMs: 3_000 });
    for (let at = 0; at < 3_000; at += 500) {
      await stream.send("busy");
      expect(await other.receive()).toBe("busy");
      clock.advance(500);
    }
    await expect(stream.send("late")).rejects.toMatchObject({
      code: "TOTAL_TIMEOUT",
      message: "the stream lasted longer than totalTimeoutMs (3000)",
    });
  });

  test.each(["the ends", "close", "abort", "a break"])("leaves no appointment behind after %s", async (how) => {
    const { clock, other, stream } = pair({ idleTimeoutMs: 1_000, totalTimeoutMs: 2_000 });
    expect(clock.pending).toBe(2);
    if (how === "the ends") {
      await other.sendEof();
      await stream.sendEof();
      expect(await stream.receive()).toBeUndefined();
    } else if (how === "close") {
      await other.sendEof();
      await stream.close();
    } else if (how === "abort") {
      stream.abort(new Error("over"));
    } else {
      other.abort(new Error("over"));
      await expect(stream.receive()).rejects.toMatchObject({ code: "ABORTED" });
    }
    expect(clock.pending).toBe(0);
  });

  test("needs a clock and times above zero", () => {
    const [stream] = memoryPair<string>();
    expect(() => withTimeouts(stream, { idleTimeoutMs: 1 })).toThrow("timeouts need a clock");
    expect(() => withTimeouts(stream, { idleTimeoutMs: 0, clock: new VirtualClock() })).toThrow(
      "idleTimeoutMs must be above zero, not 0",
    );
  });
});
