/** Encoder and decoder together, for whatever fields and bytes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { portableAscii } from "../../src/bytes/ascii.js";
import { H2Error } from "../../src/errors.js";
import type { HeaderField } from "../../src/header-field.js";
import type { HpackDecoder } from "../../src/hpack/decoder.js";
import { HpackEncoder } from "../../src/hpack/encoder.js";
import { maxStringLength, readString, writeString } from "../../src/hpack/string.js";
import { nodeAscii } from "../../src/node/ascii.js";
import { encodeBlock, fieldsOf, lines, newDecoder, tableBytes, tableOf } from "./helpers.js";

const latin1 = fc.array(fc.nat(255), { maxLength: 300 }).map((octets) => String.fromCharCode(...octets));
const name = fc.oneof(
  fc.constantFrom(
    ":path",
    ":method",
    ":status",
    "cookie",
    "authorization",
    "grpc-timeout",
    "content-type",
    "a",
    "b",
    "c",
  ),
  latin1,
);
const value = fc.oneof(
  fc.constantFrom("", "GET", "200", "a", "b"),
  fc.nat(40).map(String),
  latin1,
  fc.constant("x".repeat(3_000)),
);
const field: fc.Arbitrary<HeaderField> = fc.record({ name, value, neverIndexed: fc.boolean() });

describe("a string literal", () => {
  it.each([
    ["portable", portableAscii],
    ["Node's", nodeAscii],
  ])("comes back as it was written, by the %s codec, within the room it asked for", (_, ascii) => {
    fc.assert(
      fc.property(latin1, (text) => {
        const target = new Uint8Array(1 + maxStringLength(text));
        const end = writeString(text, ascii, target, 1);
        const cursor = { bytes: target, offset: 1, end };
        expect(readString(cursor, ascii)).toBe(text);
        expect(cursor.offset).toBe(end);
      }),
    );
  });
});

describe("an encoder and a decoder over a long connection", () => {
  it("agree on all fields and on what is never indexed, while the table's size changes", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.array(field, { maxLength: 12 }) },
      { weight: 1, arbitrary: fc.oneof(fc.constantFrom(0, 40, 100), fc.nat(10_000)) },
    );
    const own = fc.constantFrom(undefined, 0, 150, 8_192);
    fc.assert(
      fc.property(own, fc.array(step, { maxLength: 40 }), (maxTableSize, steps) => {
        const encoder = new HpackEncoder({
          ascii: portableAscii,
          ...(maxTableSize === undefined ? {} : { maxTableSize }),
        });
        const decoder = newDecoder();
        let limit = 4_096;
        for (const next of steps) {
          if (typeof next === "number") {
            limit = next;
            encoder.setMaxTableSize(next);
            decoder.setMaxTableSize(next);
            continue;
          }
          const block = encodeBlock(encoder, next);
          const decoded = decoder.decode(block, 0, block.length, 1_000_000);
          expect(lines(decoded)).toEqual(lines(next));
          for (const [index, { neverIndexed }] of next.entries())
            if (neverIndexed) expect(decoded[index]?.neverIndexed).toBe(true);
          expect(decoder.listBytes).toBe(tableBytes(next));
        }
        expect(tableBytes(tableOf(decoder))).toBeLessThanOrEqual(Math.max(limit, maxTableSize ?? 4_096));
      }),
      { numRuns: 150 },
    );
  });
});

describe("whatever bytes come", () => {
  const maxListBytes = 2_000;
  /** Decodes; whatever happens, the decoder stays within its bounds and throws nothing but an H2Error. */
  const survive = (decoder: HpackDecoder, bytes: Uint8Array): boolean => {
    try {
      const fields = decoder.decode(bytes, 0, bytes.length, maxListBytes);
      expect(tableBytes(fields)).toBeLessThanOrEqual(maxListBytes);
      if (!decoder.listTooLarge) expect(decoder.listBytes).toBe(tableBytes(fields));
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(H2Error);
      expect(error).toMatchObject({ code: "COMPRESSION_ERROR", scope: "connection", origin: "remote" });
      return false;
    }
  };

  it("only H2Error escapes, and lists and table keep to their limits", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (blocks) => {
        const decoder = newDecoder();
        for (const block of blocks) survive(decoder, block);
        expect(tableBytes(tableOf(decoder))).toBeLessThanOrEqual(4_096);
      }),
      { numRuns: 500 },
    );
  });

  it("the same holds for real blocks with octets changed, cut out or cut off", () => {
    const request = fieldsOf(
      ":method: POST",
      ":path: /a.b/C",
      "te: trailers",
      "grpc-timeout: 1S",
      "x: some value",
      "cookie: a=b",
    );
    const real = fc.array(field, { maxLength: 8 }).map((fields) => {
      const encoder = new HpackEncoder({ ascii: portableAscii });
      encoder.setMaxTableSize(1_000);
      return encodeBlock(encoder, [...request, ...fields]);
    });
    const change = fc.record({ at: fc.nat(), octet: fc.nat(255), cut: fc.nat(3) });
    let refused = 0;
    fc.assert(
      fc.property(real, fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(), (block, changes, end) => {
        const octets = [...block];
        for (const { at, octet, cut } of changes) octets.splice(at % octets.length, cut, octet);
        const decoder = newDecoder();
        if (!survive(decoder, Uint8Array.from(octets))) refused += 1;
        if (!survive(newDecoder(), block.subarray(0, end % block.length))) refused += 1;
        expect(tableBytes(tableOf(decoder))).toBeLessThanOrEqual(4_096);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
