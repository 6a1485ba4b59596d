import { describe, expect, test } from "vitest";
import { rememberedKey, rememberKey } from "../src/key-cache.js";

const bytesOf = (text: string): Uint8Array => Buffer.from(`--${text}--`);
const remembered = (text: string) => rememberedKey(bytesOf(text), 2, text.length);
const remember = (text: string) => rememberKey(text, bytesOf(text), 2, text.length);

describe("the keys that are remembered", () => {
  test("are found by their bytes, and no other key is", () => {
    expect(remembered("colour")).toBeUndefined();
    remember("colour");
    expect(remembered("colour")).toBe("colour");
    expect(remembered("colous")).toBeUndefined();
    expect(remembered("dolour")).toBeUndefined();
    expect(remembered("colou")).toBeUndefined();
  });

  test("are many at once", () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    for (const key of keys) remember(key);
    expect(keys.filter((key) => remembered(key) === key).length).toBeGreaterThan(20);
  });

  test("have at most 24 bytes, each of which is a character", () => {
    for (const [text, kept] of [
      ["k".repeat(24), true],
      ["k".repeat(25), false],
    ] as const) {
      remember(text);
      expect(remembered(text)).toBe(kept ? text : undefined);
    }
    const bytes = Buffer.from("ä");
    rememberKey("ä", bytes, 0, bytes.length);
    expect(rememberedKey(bytes, 0, bytes.length)).toBeUndefined();
  });
});
