import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AsciiCodec, portableAscii } from "../../src/bytes/ascii.js";
import { nodeAscii } from "../../src/node/ascii.js";

const codecs: [name: string, codec: AsciiCodec][] = [
  ["portable", portableAscii],
  ["Node's", nodeAscii],
];

describe.each(codecs)("the %s codec", (_, codec) => {
  it("decodes any part of any octets as Buffer does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, first, second) => {
        const start = Math.min(first, second, bytes.length);
        const end = Math.min(Math.max(first, second), bytes.length);
        expect(codec.decode(bytes, start, end)).toBe(Buffer.from(bytes).toString("latin1", start, end));
      }),
    );
  });

  it("encodes any Latin-1 text as Buffer does, and touches nothing else", () => {
    const text = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
    fc.assert(
      fc.property(text, fc.nat(5), (characters, offset) => {
        const target = new Uint8Array(offset + characters.length + 3).fill(0xee);
        codec.encode(characters, target, offset);
        const expected = [...Array(offset).fill(0xee), ...Buffer.from(characters, "latin1"), 0xee, 0xee, 0xee];
        expect([...target]).toEqual(expected);
      }),
    );
  });

  it("takes a long text at once", () => {
    const text = "0123456789abcdef!".repeat(10_000);
    const bytes = new Uint8Array(text.length);
    codec.encode(text, bytes, 0);
    expect(codec.decode(bytes, 0, bytes.length)).toBe(text);
  });

  it("keeps the low octet of what is not Latin-1", () => {
    const target = new Uint8Array(1);
    codec.encode("\u0141", target, 0);
    expect(target[0]).toBe(0x41);
  });
});
