/**
 * Bytes of another realm (connect-es#658), as Jest, jsdom and node:vm make them: `instanceof Uint8Array` is false for
 * them.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import vm from "node:vm";
import { describe, expect, test } from "vitest";
import {
  buffered,
  Crc32,
  compressed,
  counted,
  enveloped,
  forward,
  lengthPrefixed,
  lines,
  memoryPair,
  progress,
  rateLimited,
  streamProgress,
} from "../../src/index.js";
import { gzip, streamFromDuplex, streamFromWritable, streamToFile } from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { streamFromWebSocket } from "../../src/web/index.js";
import { turns } from "../support/turns.js";
import { webSocketPair } from "../web/web-sockets.js";

const foreign = (text: string): Uint8Array =>
  vm.runInNewContext("Uint8Array.from(codes)", { codes: Array.from(Buffer.from(text)) }) as Uint8Array;

test("the bytes of these tests are of another realm", () => {
  expect(foreign("a") instanceof Uint8Array).toBe(false);
});

describe("bytes of another realm are counted and limited", () => {
  test("by counted, with its checksum", async () => {
    const [inner, other] = memoryPair<Uint8Array>();
    const crc = new Crc32();
    const stream = counted(inner, { sent: crc });
    await stream.send(foreign("123456789"));
    expect(stream.sent).toEqual({ items: 1, bytes: 9 });
    expect(crc.value).toBe(0xcbf4_3926);
    expect(await other.receive()).toBeDefined();
  });

  test("by progress", async () => {
    const [inner] = memoryPair<Uint8Array>({ clock: new VirtualClock() });
    const stream = progress(inner, { onProgress() {} });
    await stream.send(foreign("abc"));
    expect(stream.extra(streamProgress)?.().sent.bytes).toBe(3);
  });

  test("by forward", async () => {
    const [client, left] = memoryPair<Uint8Array>();
    const [right, server] = memoryPair<Uint8Array>();
    const forwarding = forward(left, right);
    await client.send(foreign("abc"));
    await Promise.all([client.sendEof(), server.sendEof()]);
    expect((await forwarding).aToB).toEqual({ items: 1, bytes: 3 });
  });

  test("by rateLimited", async () => {
    const clock = new VirtualClock();
    const [inner] = memoryPair<Uint8Array>({ clock });
    const stream = rateLimited(inner, { sendBytesPerSecond: 10, burstBytes: 1 });
    await stream.send(foreign("0123456789"));
    let sent = false;
    void stream.send(foreign("a")).then(() => {
      sent = true;
    });
    await turns();
    expect(sent).toBe(false);
    clock.advance(2_000);
    await turns();
    expect(sent).toBe(true);
    stream.abort();
  });
});

describe("bytes of another realm are taken", () => {
  test("by files", async () => {
    const folder = await mkdtemp(join(tmpdir(), "realms-"));
    const file = await streamToFile(join(folder, "file"));
    await file.send(foreign("abc"));
    await file.sendEof();
    expect(await readFile(join(folder, "file"), "utf8")).toBe("abc");
    await rm(folder, { recursive: true });
  });

  test("by Node's writables and duplexes", async () => {
    const through = new PassThrough();
    const writable = streamFromWritable(through);
    await writable.send(foreign("abc"));
    await writable.sendEof();
    expect(through.read()?.toString()).toBe("abc");
    const echo = streamFromDuplex(new PassThrough());
    await echo.send(foreign("abc"));
    expect(Buffer.from((await echo.receive()) as Uint8Array).toString()).toBe("abc");
    echo.abort();
  });

  test.each(["ws", "standard"] as const)("by WebSockets (%s)", async (kind) => {
    const { client, server, release } = await webSocketPair(kind);
    const [first, second] = [streamFromWebSocket(client), streamFromWebSocket(server)];
    await first.send(foreign("abc"));
    expect(Buffer.from((await second.receive()) as Uint8Array).toString()).toBe("abc");
    first.abort();
    second.abort();
    await release();
  });

  test.each([
    ["lengthPrefixed", lengthPrefixed],
    ["lines", lines],
    ["enveloped", enveloped],
    ["buffered", buffered],
    ["compressed", (stream: Parameters<typeof lines>[0]) => compressed(stream, { send: gzip(), receive: gzip() })],
  ])("by %s", async (_, wrap) => {
    const [one, other] = memoryPair<Uint8Array>();
    const [from, to] = [wrap(one), wrap(other)];
    const received = to.receive();
    await from.send(foreign("abc"));
    await from.sendEof();
    expect(Buffer.from((await received) as Uint8Array).toString()).toBe("abc");
  });
});

test("an error of another realm is the cause as it is, and its message is told", async () => {
  const [first, second] = memoryPair<string>();
  const reason = vm.runInNewContext("new Error('from elsewhere')") as Error;
  first.abort(reason);
  await expect(second.receive()).rejects.toMatchObject({
    message: "the other end was aborted: from elsewhere",
    cause: reason,
  });
});
