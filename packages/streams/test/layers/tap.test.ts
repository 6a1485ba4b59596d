import { describe, expect, test } from "vitest";
import { memoryPair, progress, tap } from "../../src/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { settle } from "../support/turns.js";

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
