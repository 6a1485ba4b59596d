import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { H2Error } from "../../src/errors.js";
import { maxInteger, maxIntegerOctets, readInteger, writeInteger } from "../../src/hpack/integer.js";
import { fromHex } from "./helpers.js";

const read = (hex: string, prefixBits: number): number => {
  const bytes = fromHex(hex);
  return readInteger({ bytes, offset: 0, end: bytes.length }, prefixBits);
};

describe("an integer with a prefix", () => {
  it("comes back as it was written, behind any prefix and pattern, in six octets at most", () => {
    const value = fc.oneof(fc.nat(300), fc.nat(maxInteger), fc.constant(maxInteger));
    fc.assert(
      fc.property(value, fc.integer({ min: 1, max: 8 }), fc.nat(255), (written, prefixBits, octet) => {
        const pattern = (octet << prefixBits) & 0xff;
        const target = new Uint8Array(2 + maxIntegerOctets);
        const end = writeInteger(written, prefixBits, pattern, target, 2);
        const cursor = { bytes: target, offset: 2, end };
        expect(readInteger(cursor, prefixBits)).toBe(written);
        expect(cursor.offset).toBe(end);
        expect((target[2] as number) >> prefixBits).toBe(pattern >> prefixBits);
      }),
    );
  });

  it("may be padded with groups of zeros, within six octets", () => {
    expect(read("7f8080808000", 7)).toBe(127);
    expect(read("1f9a8a8000", 5)).toBe(1_337);
  });

  it.each([
    ["that is missing", "", "header block ends where an integer should begin"],
    ["that is cut off after its prefix", "1f", "header block ends inside an integer"],
    ["that is cut off in the middle", "1f9a", "header block ends inside an integer"],
    ["of more than six octets", "1f808080808000", "integer is longer than the limit (6 octets)"],
    ["of 2^31", "1fe1ffffff07", "integer 2147483648 is larger than the limit (2147483647)"],
    ["of 35 bits", "1fffffffff7f", "integer 34359738398 is larger than the limit (2147483647)"],
  ])("%s is refused", (_, hex, message) => {
    expect(() => read(hex, 5)).toThrow(H2Error);
    expect(() => read(hex, 5)).toThrow(message);
  });

  it("is read up to the end of its block and no further, whatever follows in the chunk", () => {
    const bytes = fromHex("1f9a0a");
    expect(() => readInteger({ bytes, offset: 0, end: 2 }, 5)).toThrow("header block ends inside an integer");
  });
});
