import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { H2Error } from "../../src/errors.js";
import { huffmanLength, maxDecodedLength, readHuffman, writeHuffman } from "../../src/hpack/huffman.js";
import { codeLengths, codes, endOfString } from "../../src/hpack/huffman-codes.js";
import { fromHex, toHex } from "./helpers.js";

const latin1 = fc.array(fc.nat(255), { maxLength: 80 }).map((octets) => String.fromCharCode(...octets));

const code = (text: string): Uint8Array => {
  const target = new Uint8Array(huffmanLength(text));
  expect(writeHuffman(text, target, 0)).toBe(target.length);
  return target;
};
const decode = (bytes: Uint8Array): string => {
  const target = new Uint8Array(maxDecodedLength(bytes.length));
  return portableAscii.decode(target, 0, readHuffman(bytes, 0, bytes.length, target));
};
const bitsOf = (symbol: number): string =>
  (codes[symbol] as number).toString(2).padStart(codeLengths[symbol] as number, "0");

/** The obvious way: bit strings. */
const naivelyCoded = (text: string): string => {
  const bits = Array.from(text, (character) => bitsOf(character.charCodeAt(0))).join("");
  return bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
};
const symbolByCode = new Map(Array.from(codes.keys(), (symbol) => [bitsOf(symbol), symbol]));
const naivelyDecoded = (bytes: Uint8Array): string | undefined => {
  let text = "";
  let pending = "";
  for (const bit of Array.from(bytes, (octet) => octet.toString(2).padStart(8, "0")).join("")) {
    pending += bit;
    const symbol = symbolByCode.get(pending);
    if (symbol === undefined) continue;
    if (symbol === endOfString) return undefined;
    text += String.fromCharCode(symbol);
    pending = "";
  }
  return pending.length < 8 && !pending.includes("0") ? text : undefined;
};

describe("the Huffman code", () => {
  it("is complete, free of prefixes, and gives the end of string thirty ones", () => {
    expect(codeLengths.reduce((sum, bits) => sum + 2 ** -bits, 0)).toBe(1);
    expect(symbolByCode.size).toBe(257);
    expect(bitsOf(endOfString)).toBe("1".repeat(30));
  });

  it.each([
    ["0", "00000"],
    ["t", "01001"],
    [" ", "010100"],
    ["z", "1111011"],
    ["&", "11111000"],
    ["!", "1111111000"],
    ["\\", "1111111111111110000"],
    ["\x80", "11111111111111100110"],
    ["\x09", "111111111111111111101010"],
    ["\xff", "11111111111111111111101110"],
    ["\x0a", "111111111111111111111111111100"],
  ])("gives %j the bits of RFC 7541 Appendix B", (symbol, bits) => {
    expect(bitsOf(symbol.charCodeAt(0))).toBe(bits);
  });

  it.each([
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
    ["", ""],
  ])("makes of %j what the RFC makes of it", (text, hex) => {
    expect(toHex(code(text))).toBe(hex);
    expect(decode(fromHex(hex))).toBe(text);
  });

  it("codes every octet and back, alone and all together", () => {
    const all = String.fromCharCode(...Array(256).keys());
    for (const text of [...all, all, all + all]) expect(decode(code(text))).toBe(text);
  });

  it("codes as bit strings do", () => {
    fc.assert(
      fc.property(latin1, (text) => {
        expect(Array.from(code(text), (octet) => octet.toString(2).padStart(8, "0")).join("")).toBe(naivelyCoded(text));
      }),
    );
  });

  it("decodes, or refuses, any octets as bit strings do", () => {
    const mostlyOnes = fc.oneof(fc.constant(0xff), fc.nat(255));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.array(mostlyOnes, { maxLength: 12 }).map((octets) => Uint8Array.from(octets)),
    );
    fc.assert(
      fc.property(bytes, (octets) => {
        const expected = naivelyDecoded(octets);
        if (expected === undefined) expect(() => decode(octets)).toThrow(H2Error);
        else expect(decode(octets)).toBe(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["the end-of-string symbol, alone", "fffffffc", "Huffman string contains the end-of-string symbol"],
    [
      "the end-of-string symbol before other symbols",
      "1fffffffe0000000",
      "Huffman string contains the end-of-string symbol",
    ],
    ["a whole octet of padding", "ff", "Huffman string does not end in fewer than 8 bits of padding, all ones"],
    ["an octet of padding too many", "1fff", "Huffman string does not end in fewer than 8 bits of padding, all ones"],
    ["padding with a zero in it", "1e", "Huffman string does not end in fewer than 8 bits of padding, all ones"],
    ["a code that is cut off", "fffe", "Huffman string does not end in fewer than 8 bits of padding, all ones"],
  ])("refuses %s", (_, hex, message) => {
    expect(() => decode(fromHex(hex))).toThrow(message);
  });
});
