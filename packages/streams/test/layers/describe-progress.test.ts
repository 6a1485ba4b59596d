import { describe, expect, test } from "vitest";
import { type Attributes, describeProgress, memoryPair, progress, totalBytes } from "../../src/index.js";
import { WrappedStream } from "../../src/kit/index.js";
import { VirtualClock } from "../../src/testing/index.js";

const megabyte = new Uint8Array(1_000_000);

/** A stream whose total is known. */
class Sized extends WrappedStream<Uint8Array> {
  protected override get ownAttributes(): Attributes {
    return new Map([[totalBytes, 4 * megabyte.length]]);
  }
}

describe("describeProgress", () => {
  const nothing = { items: 0, bytes: 0, bytesPerSecond: 0, totalBytes: undefined, remainingMs: undefined };

  test("tells total, rate and time left of each direction, and the time in all at the end", async () => {
    const clock = new VirtualClock();
    const [from, inner] = memoryPair<Uint8Array>({ clock });
    const lines: string[] = [];
    const to = progress(new Sized(inner), {
      intervalMs: 2_000,
      onProgress: (report) => lines.push(describeProgress(report)),
    });
    await from.send(megabyte);
    await to.receive();
    clock.advance(1_999);
    expect(lines).toEqual([]);
    clock.advance(1);
    expect(lines).toEqual(["received 1 MB of 4 MB (25 %), 500 kB/s, 6 s left"]);
    await from.send(megabyte);
    await to.receive();
    await to.send(megabyte.subarray(0, 1_000));
    clock.advance(2_000);
    expect(lines[1]).toBe("received 2 MB of 4 MB (50 %), 500 kB/s, 4 s left; sent 1 kB, 250 B/s");
    await from.sendEof();
    expect(await to.receive()).toBeUndefined();
    await to.sendEof();
    expect(lines[2]).toBe("received 2 MB of 4 MB (50 %); sent 1 kB, in 4 s");
  });

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
