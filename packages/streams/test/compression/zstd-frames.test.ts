import { describe, expect, test } from "vitest";
import { ZstdFrames } from "../../src/compression/zstd-frames.js";

const frames: readonly [string, string][] = [
  ["a raw block", "28b52ffd200529000068656c6c6f"],
  ["runs, compressed blocks and a checksum", "28b52ffda4e09304005400001000000100fbff39c00202001000039f04002d28de26"],
  ["no data", "28b52ffd2000010000"],
  ["two blocks of unknown length and a checksum", "28b52ffd045830000068656c6c6f20290000776f726c6468691eb2"],
  ["a skippable frame", "502a4d1803000000aabbcc"],
  ["an empty skippable frame", "5f2a4d1800000000"],
];

describe("ZstdFrames", () => {
  test.each(frames)("is at a border after %s and at no byte before, whole or one by one", (_, hex) => {
    const bytes = Buffer.from(hex, "hex");
    for (let length = 1; length <= bytes.length; length++) {
      const whole = new ZstdFrames();
      whole.push(bytes.subarray(0, length));
      const single = new ZstdFrames();
      for (const byte of bytes.subarray(0, length)) single.push(Buffer.of(byte));
      expect([whole.atBorder, single.atBorder], `${length} bytes`).toEqual([
        length === bytes.length,
        length === bytes.length,
      ]);
    }
  });

  test("follows frames one after the other", () => {
    const all = Buffer.from(frames.map(([, hex]) => hex).join(""), "hex");
    const tracker = new ZstdFrames();
    tracker.push(all);
    expect(tracker.atBorder).toBe(true);
    tracker.push(all.subarray(0, 2));
    expect(tracker.atBorder).toBe(false);
  });

  test("leaves to the decoder what is no frame", () => {
    const tracker = new ZstdFrames();
    tracker.push(Buffer.from("garbage"));
    expect(tracker.atBorder).toBe(true);
  });
});
