import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { type Attributes, memoryPair, totalBytes } from "../../src/index.js";
import { WrappedStream } from "../../src/kit/index.js";
import { describeProgress, progressBar } from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";

const megabyte = new Uint8Array(1_000_000);

/** A stream that knows how much will come. */
class Sized extends WrappedStream<Uint8Array> {
  protected override get ownAttributes(): Attributes {
    return new Map([[totalBytes, 4 * megabyte.length]]);
  }
}

function log(): { readonly lines: string[]; write(text: string): void } {
  const lines: string[] = [];
  return { lines, write: (text) => lines.push(...text.split("\n").filter((line) => line !== "")) };
}

describe("progressBar", () => {
  test("writes a line every 2 s where there is no terminal: total, rate, time left, and a last one", async () => {
    const clock = new VirtualClock();
    const [from, inner] = memoryPair<Uint8Array>({ clock });
    const output = log();
    const to = progressBar(new Sized(inner), { output, label: "board-7.img" });
    await from.send(megabyte);
    await to.receive();
    clock.advance(1_999);
    expect(output.lines).toEqual([]);
    clock.advance(1);
    expect(output.lines).toEqual(["board-7.img: received 1 MB of 4 MB (25 %), 500 kB/s, 6 s left"]);
    await from.send(megabyte);
    await to.receive();
    await to.send(megabyte.subarray(0, 1_000));
    clock.advance(2_000);
    expect(output.lines[1]).toBe("board-7.img: received 2 MB of 4 MB (50 %), 500 kB/s, 4 s left; sent 1 kB, 250 B/s");
    await from.sendEof();
    expect(await to.receive()).toBeUndefined();
    await to.sendEof();
    expect(output.lines[2]).toBe("board-7.img: received 2 MB of 4 MB (50 %); sent 1 kB, in 4 s");
  });

  test("draws a bar on a terminal, and leaves a line behind", async () => {
    const clock = new VirtualClock();
    const [from, inner] = memoryPair<Uint8Array>({ clock });
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
    let drawn = "";
    terminal.setEncoding("utf8").on("data", (text: string) => {
      drawn += text;
    });
    const to = progressBar(new Sized(inner), { output: terminal });
    await from.send(megabyte);
    await to.receive();
    clock.advance(200);
    to.abort(new Error("enough"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(drawn).toContain("██████░░░░░░░░░░░░░░░░░░ received 1 MB of 4 MB (25 %), 5 MB/s");
    expect(drawn.endsWith("received 1 MB of 4 MB (25 %), in 1 s\n")).toBe(true);
  });

  test("shows no bar where the total is not known", async () => {
    const clock = new VirtualClock();
    const [from, inner] = memoryPair<Uint8Array>({ clock });
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
    const to = progressBar(inner, { output: terminal });
    await from.send(megabyte);
    await to.receive();
    clock.advance(200);
    to.abort(new Error("enough"));
    const drawn = String(terminal.read());
    expect(drawn).toContain("received 1 MB");
    expect(drawn).not.toContain("░");
  });

  test("an output that fails stops the showing, not the stream", async () => {
    const clock = new VirtualClock();
    const [from, inner] = memoryPair<Uint8Array>({ clock });
    const output = {
      write() {
        throw new Error("the disk is full");
      },
    };
    const to = progressBar(inner, { output });
    await from.send(megabyte);
    await to.receive();
    clock.advance(2_000);
    await from.send(megabyte);
    expect(await to.receive()).toBe(megabyte);
  });
});

describe("describeProgress", () => {
  const nothing = { items: 0, bytes: 0, bytesPerSecond: 0, totalBytes: undefined, remainingMs: undefined };

  test("says when nothing moved", () => {
    expect(describeProgress({ sent: nothing, received: nothing, elapsedMs: 61_000, finished: true })).toBe(
      "nothing moved, in 1 min 1 s",
    );
  });

  test("tells hours and large sizes shortly", () => {
    const sent = { items: 1, bytes: 3e12, bytesPerSecond: 1e9, totalBytes: 20e12, remainingMs: 17_400_000 };
    expect(describeProgress({ sent, received: nothing, elapsedMs: 0, finished: false })).toBe(
      "sent 3 TB of 20 TB (15 %), 1 GB/s, 4 h 50 min left",
    );
  });
});
