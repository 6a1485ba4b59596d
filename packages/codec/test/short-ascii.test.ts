import { expect, test } from "vitest";
import { longestShortAscii, shortAscii } from "../src/short-ascii.js";

test("short text is read as far as its length says, from where it stands", () => {
  const bytes = Buffer.from("<12345678>");
  for (let length = 0; length <= longestShortAscii; length++) {
    expect(shortAscii(bytes, 1, length)).toBe("12345678".slice(0, length));
  }
});

test("longer text, and text with a byte that is not ASCII, is left to the platform", () => {
  expect(shortAscii(Buffer.from("123456789"), 0, 9)).toBeUndefined();
  expect(shortAscii(Uint8Array.of(0x41, 0x80, 0x41), 0, 3)).toBeUndefined();
  expect(shortAscii(Uint8Array.of(0x80, 0x7f, 0x80), 1, 1)).toBe("\x7f");
});
