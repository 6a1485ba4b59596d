import { describe, expect, test } from "vitest";
import {
  memoryPair,
  type ObjectStream,
  type ProgressOptions,
  type ProgressReport,
  progress,
  streamProgress,
  totalBytes,
} from "../../src/index.js";
import { WrappedStream } from "../../src/kit/index.js";
import { VirtualClock } from "../../src/testing/index.js";

function watched(options: Partial<ProgressOptions> = {}) {
  const clock = new VirtualClock(1_000_000);
  const [inner, other] = memoryPair<Uint8Array>({ clock, maxBufferedItems: 1_000 });
  const reports: ProgressReport[] = [];
  const stream = progress(inner, { onProgress: (report) => reports.push(report), ...options });
  return { clock, other, stream, reports };
}

const bytes = (length: number): Uint8Array => new Uint8Array(length);

describe("progress", () => {
  test("counts what is sent and what is received apart", async () => {
    const { clock, other, stream, reports } = watched();
    await stream.send(bytes(100));
    await stream.send(bytes(50));
    await other.send(bytes(7));
    await stream.receive();
    await other.send(bytes(3));
    await stream.receiveWithMetadata();
    clock.advance(1_000);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      sent: { items: 2, bytes: 150 },
      received: { items: 2, bytes: 10 },
      elapsedMs: 1_000,
      finished: false,
    });
  });

  test("only what was accepted counts", async () => {
    const { stream, reports, clock } = watched();
    await expect(
      stream.send("text" as unknown as Uint8Array, {
        signal: { aborted: true, reason: new Error("no"), addEventListener() {}, removeEventListener() {} },
      }),
    ).rejects.toThrow("no");
    await stream.send(bytes(1));
    clock.advance(1_000);
    expect(reports[0]?.sent).toMatchObject({ items: 1, bytes: 1 });
  });

  test("items that are not bytes count as items", async () => {
    const clock = new VirtualClock();
    const [inner] = memoryPair<string>({ clock });
    const stream = progress(inner, { onProgress() {} });
    await stream.send("text");
    expect(stream.extra(streamProgress)?.().sent).toMatchObject({ items: 1, bytes: 0, bytesPerSecond: 0 });
  });

  test("the rate is the mean over the last ten intervals, and the time left follows from it", async () => {
    const { clock, stream, reports } = watched({ intervalMs: 500, totalSendBytes: 10_000 });
    for (let interval = 0; interval < 5; interval++) {
      await stream.send(bytes(100));
      clock.advance(500);
    }
    expect(reports).toHaveLength(5);
    expect(reports[4]?.sent).toEqual({
      items: 5,
      bytes: 500,
      bytesPerSecond: 200,
      totalBytes: 10_000,
      remainingMs: 47_500,
    });
    for (let interval = 0; interval < 10; interval++) {
      await stream.send(bytes(400));
      clock.advance(500);
    }
    expect(reports[14]?.sent.bytesPerSecond).toBe(800);
  });

  test("the time left is zero at the total and beyond, and unknown without a rate or a total", async () => {
    const { clock, stream, reports } = watched({ totalSendBytes: 100, totalReceiveBytes: 10 });
    await stream.send(bytes(150));
    clock.advance(1_000);
    expect(reports[0]?.sent.remainingMs).toBe(0);
    expect(reports[0]?.received).toMatchObject({ totalBytes: 10, remainingMs: undefined });
    const other = watched();
    await other.stream.send(bytes(1));
    expect(other.stream.extra(streamProgress)?.().sent).toMatchObject({
      totalBytes: undefined,
      remainingMs: undefined,
    });
  });

  test("the total to receive comes from the attribute totalBytes", () => {
    class File extends WrappedStream<Uint8Array> {
      protected override get ownAttributes() {
        return new Map([[totalBytes, 4_096]]);
      }
    }
    const [inner] = memoryPair<Uint8Array>({ clock: new VirtualClock() });
    const stream = progress(new File(inner), { onProgress() {} });
    expect(stream.extra(streamProgress)?.().received.totalBytes).toBe(4_096);
    expect(stream.extra(totalBytes)).toBe(4_096);
  });

  test("reports stop at rest when the rate has sunk to zero, and begin again when something moves", async () => {
    const { clock, stream, reports } = watched();
    await stream.send(bytes(1_000));
    clock.advance(60_000);
    expect(reports).toHaveLength(11);
    expect(reports[10]?.sent.bytesPerSecond).toBe(0);
    expect(clock.pending).toBe(0);
    await stream.send(bytes(1_000));
    clock.advance(1_000);
    expect(reports).toHaveLength(12);
  });

  test("nothing is reported and no timer runs before something moves", () => {
    const { clock, reports } = watched();
    expect(clock.pending).toBe(0);
    clock.advance(10_000);
    expect(reports).toHaveLength(0);
  });

  const endings: [string, (stream: ObjectStream<Uint8Array>, other: ObjectStream<Uint8Array>) => Promise<unknown>][] = [
    [
      "both directions have ended",
      async (stream, other) => {
        await stream.sendEof();
        await other.sendEof();
        await stream.receive();
      },
    ],
    [
      "both have ended in the other order",
      async (stream, other) => {
        await other.sendEof();
        await stream.receiveWithMetadata();
        await stream.sendEof();
      },
    ],
    ["it is aborted", async (stream) => stream.abort(new Error("enough"))],
    [
      "the other side breaks",
      async (stream, other) => {
        other.abort(new Error("gone"));
        await stream.receive().catch(() => {});
      },
    ],
    [
      "it is closed",
      async (stream, other) => {
        await Promise.all([stream.close(), other.close()]);
      },
    ],
  ];
  test.each(endings)("there is one last report when %s", async (_, end) => {
    const { clock, other, stream, reports } = watched();
    await stream.send(bytes(10));
    await end(stream, other);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ finished: true, sent: { bytes: 10 } });
    stream.abort();
    clock.advance(60_000);
    expect(reports).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test("a callback that throws is not called again, and the stream goes on", async () => {
    let calls = 0;
    const { clock, other, stream } = watched({
      onProgress() {
        calls++;
        throw new Error("a broken bar");
      },
    });
    await stream.send(bytes(1));
    clock.advance(1_000);
    await stream.send(bytes(1));
    clock.advance(1_000);
    expect(await other.receive()).toHaveLength(1);
    expect(calls).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("bad options are refused by name", () => {
    const [inner] = memoryPair<Uint8Array>();
    expect(() => progress(inner, { onProgress() {} })).toThrow(
      "progress needs a clock: the stream has none (attribute streamClock) and none was given",
    );
    const clock = new VirtualClock();
    expect(() => progress(inner, { onProgress() {}, clock, intervalMs: 0 })).toThrow(
      "intervalMs must be above zero, not 0",
    );
    expect(() => progress(inner, { onProgress() {}, clock, intervalMs: Number.NaN })).toThrow(
      "intervalMs must be above zero, not NaN",
    );
  });
});
