import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { H2Error } from "../../src/errors.js";
import { HpackDecoder } from "../../src/hpack/decoder.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../src/hpack/huffman.js";
import { readInteger, writeInteger } from "../../src/hpack/integer.js";
import { nodeAscii } from "../../src/node/ascii.js";
import { fields, fromHex, lines, roundTrip } from "./helpers.js";

const latin1 = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 }).map((octets) => String.fromCharCode(...octets));
const name = fc.oneof(fc.constantFrom(":path", ":method", "cookie", "authorization", "x-a", "x-b", "grpc-timeout", "content-type"), latin1);
const field = fc.record({
  name,
  value: fc.oneof(fc.constantFrom("", "POST", "a", "b", "application/grpc"), latin1),
  neverIndexed: fc.boolean(),
});

describe("HPACK", () => {
  it("reads back every integer it writes, behind every prefix", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 8 }), (value, prefixBits) => {
        const target = new Uint8Array(10);
        const end = writeInteger(target, 2, value, prefixBits, 0);
        const cursor = { bytes: target, offset: 2, end };
        expect(readInteger(cursor, prefixBits)).toBe(value);
        expect(cursor.offset).toBe(end);
      }),
    );
  });

  it("reads back every string it codes", () => {
    fc.assert(
      fc.property(latin1, (text) => {
        const coded = new Uint8Array(huffmanLength(text));
        huffmanEncode(text, coded, 0);
        const decoded = new Uint8Array(text.length + 8);
        expect(portableAscii.decode(decoded, 0, huffmanDecode(coded, 0, coded.length, decoded))).toBe(text);
      }),
    );
  });

  it("keeps encoder and decoder in step over many blocks while the table's size changes", () => {
    const step = fc.oneof(fc.array(field, { maxLength: 12 }), fc.integer({ min: 0, max: 6_000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const encoder = new HpackEncoder({ ascii: portableAscii });
        const decoder = new HpackDecoder({ ascii: nodeAscii, maxTableSize: 4_096 });
        for (const next of steps) {
          if (typeof next === "number") {
            decoder.setMaxTableSize(next);
            encoder.setMaxTableSize(next);
          } else {
            expect(roundTrip(encoder, decoder, next)).toEqual(next.map(({ name, value }) => ({ name, value })));
          }
        }
      }),
    );
  });

  it("never indexes short secrets and cookies, nor a field that says so", () => {
    const encoder = new HpackEncoder({ ascii: portableAscii });
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    const list = [
      { name: "cookie", value: "a long enough cookie, but a cookie" },
      { name: "authorization", value: "Basic c2hvcnQ=" },
      { name: "authorization", value: `Bearer ${"t".repeat(200)}` },
      { name: "x-secret", value: "s", neverIndexed: true },
    ];
    const target = new Uint8Array(encoder.maxEncodedLength(list));
    const decoded = decoder.decode(target, 0, encoder.encode(list, target, 0), 10_000);
    expect(decoded.map(({ neverIndexed }) => neverIndexed)).toEqual([true, true, false, true]);
  });

  it("does the same with either ASCII codec, which do the same as Buffer", () => {
    fc.assert(
      fc.property(latin1, (text) => {
        const bytes = Uint8Array.from(Buffer.from(text, "latin1"));
        for (const codec of [portableAscii, nodeAscii]) {
          const target = new Uint8Array(text.length + 2);
          codec.encode(text, target, 1);
          expect([...target.subarray(1, text.length + 1)]).toEqual([...bytes]);
          expect(codec.decode(bytes, 0, bytes.length)).toBe(text);
        }
      }),
    );
  });

  it("goes on decoding past the list's limit, keeps nothing, and stays in step", () => {
    const encoder = new HpackEncoder({ ascii: portableAscii });
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    const list = fields(["x-first: 1", "x-second: 2"]);
    const target = new Uint8Array(500);
    expect(decoder.decode(target, 0, encoder.encode(list, target, 0), 60)).toEqual([]);
    expect([decoder.listTooLarge, decoder.listBytes]).toEqual([true, 81]);
    expect(lines(decoder.decode(target, 0, encoder.encode(list, target, 0), 81))).toEqual(["x-first: 1", "x-second: 2"]);
    expect(decoder.listTooLarge).toBe(false);
  });

  it("spends no memory on a bomb of references to one large entry (CVE-2016-6581)", () => {
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    const entry = new Uint8Array([0x40, 0x01, 0x61, 0x7f, 0xa1, 0x1e, ...new Uint8Array(4_000).fill(0x61)]);
    const bomb = new Uint8Array(entry.length + 10_000).fill(0xbe);
    bomb.set(entry);
    expect(decoder.decode(bomb, 0, bomb.length, 16_384)).toEqual([]);
    expect(decoder.listBytes).toBe(10_001 * (1 + 4_000 + 32));
  });

  const malformed: [title: string, hex: string, message: RegExp][] = [
    ["index 0", "80", /index 0 is not in the tables/],
    ["an index past both tables", "be", /index 62 is not in the tables \(61 entries\)/],
    ["an integer that is cut off", "ff", /ends within an integer/],
    ["an integer larger than 31 bits", "ffffffffff7f", /larger than 2147483647/],
    ["an integer written with endless zeros", "ff80808080808000", /larger than 2147483647/],
    ["a string longer than the block", "40054142", /string of 5 bytes in a header block with 2 left/],
    ["a name without its value", "400141", /ends before a string/],
    ["a table size update after a field", "8220", /table size update after a field/],
    ["a table larger than announced", "3fe21f", /table size 4097 is larger than what we announced \(4096\)/],
    ["Huffman padding of zeros", "40016181f0", /wrong padding/],
    ["Huffman padding longer than seven bits", "40016182ffff", /wrong padding/],
    ["EOS within a Huffman string", "40016184ffffffff", /EOS/],
  ];
  for (const [title, hex, message] of malformed) {
    it(`refuses ${title}`, () => {
      const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
      const bytes = fromHex(hex);
      expect(() => decoder.decode(bytes, 0, bytes.length, 1_000)).toThrow(message);
    });
  }

  it("refuses a block that does not follow a lowered table size", () => {
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    decoder.setMaxTableSize(100);
    expect(() => decoder.decode(fromHex("82"), 0, 1, 1_000)).toThrow(/was not lowered/);
    expect(lines(decoder.decode(fromHex("3f4582"), 0, 3, 1_000))).toEqual([":method: GET"]);
  });

  it("lets nothing but H2Error escape, whatever the bytes", () => {
    const valid = fromHex("828684418cf1e3c2e5f23a6ba0ab90f4ff4088f2b24e4f4a4f5f03414243");
    const mutated = fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, octet]) => {
      const bytes = valid.slice();
      bytes[at] = octet;
      return bytes;
    });
    const decoder = new HpackDecoder({ ascii: portableAscii, maxTableSize: 4_096 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mutated), (bytes) => {
        try {
          decoder.decode(bytes, 0, bytes.length, 1_000);
        } catch (error) {
          expect(error).toBeInstanceOf(H2Error);
          expect((error as H2Error).code).toBe("COMPRESSION_ERROR");
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
