/** The compiled functions by themselves: protobuf-es must not have to help with what is valid. */
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decoderOf, encodersOf } from "../src/compile/compiler.js";
import { giveUp } from "../src/give-up.js";
import { nodePlatform } from "../src/node/index.js";
import { Reader } from "../src/reader.js";
import { BackwardWriter } from "../src/writer.js";
import { drawFrom, makeTypes, makeValue, type Syntax, seeds } from "./support/descriptors.js";

const writer = new BackwardWriter(nodePlatform);
const reader = new Reader(nodePlatform);

/** Encodes without protobuf-es. It throws where that would have to help. */
function encode(desc: Parameters<typeof encodersOf>[0], message: Message): Uint8Array {
  expect(writer.begin()).toBe(true);
  try {
    encodersOf(desc).message(message, writer);
  } catch (error) {
    writer.abandon();
    throw error;
  }
  return writer.finish(0);
}

/** Decodes without protobuf-es. It throws where that would have to help. */
function decode(desc: Parameters<typeof decoderOf>[0], bytes: Uint8Array): object {
  const decoder = decoderOf(desc);
  const message = new decoder.Message();
  reader.begin(bytes);
  decoder.read(message, reader, bytes.length, 1);
  expect(reader.at).toBe(bytes.length);
  reader.end();
  return message;
}

/** Returns true for a value that only protobuf-es can tell from an invalid one: text with U+FFFD, a key "__proto__". */
function needsHelp(value: unknown): boolean {
  if (typeof value === "string") return value.includes("\ufffd");
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  return Object.entries(value).some(([key, one]) => key.includes("\ufffd") || needsHelp(one));
}

describe.each(["proto2", "proto3", "editions"] as const)("compiled functions for types of %s", (syntax: Syntax) => {
  test("encode and decode every valid message by themselves", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = drawFrom(seed);
        for (const desc of makeTypes(syntax, draw)) {
          const message = makeValue(desc, draw);
          let bytes: Uint8Array;
          try {
            bytes = toBinary(desc, message);
          } catch {
            continue; // A required field is missing deep inside.
          }
          expect(Buffer.compare(encode(desc, message), bytes)).toBe(0);
          if (!needsHelp(message)) expect(decode(desc, bytes)).toStrictEqual(fromBinary(desc, bytes));
        }
      }),
      { numRuns: 25 },
    );
  });

  test("encode plain objects by themselves, also where lists and maps are not given", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = drawFrom(seed);
        for (const desc of makeTypes(syntax, draw)) {
          const entries = Object.entries(makeValue(desc, draw)).filter(
            ([name, value]) => !name.startsWith("$") && !(value instanceof Object && Object.keys(value).length === 0),
          );
          const init = Object.fromEntries(entries);
          let bytes: Uint8Array;
          try {
            bytes = toBinary(desc, create(desc, init));
          } catch {
            continue; // A required field is missing.
          }
          writer.begin();
          encodersOf(desc).init(init, writer);
          expect(Buffer.compare(writer.finish(0), bytes)).toBe(0);
        }
      }),
      { numRuns: 10 },
    );
  });
});

describe("a reader", () => {
  const read = <T>(bytes: readonly number[], from: (reader: Reader) => T): T => {
    reader.begin(Uint8Array.from(bytes));
    return from(reader);
  };

  test.each<[string, readonly number[], (reader: Reader) => unknown, unknown, number]>([
    ["a varint of five bytes", [0xff, 0xff, 0xff, 0xff, 0x0f], (r) => r.varint(), 0xffff_ffff, 5],
    ["a varint of ten bytes", [...Array(9).fill(0xff), 0x01], (r) => r.varint(), 0xffff_ffff, 10],
    ["a tag of five bytes", [0xf8, 0xff, 0xff, 0xff, 0x0f], (r) => r.tag(), 0xffff_fff8, 5],
    ["eight bytes of a double", [0, 0, 0, 0, 0, 0, 0xf8, 0x3f], (r) => r.double(), 1.5, 8],
    ["four bytes of a float", [0, 0, 0x20, 0xc0], (r) => r.float(), -2.5, 4],
    ["four bytes of a fixed32", [1, 0, 0, 0x80], (r) => r.fixed32(), 0x8000_0001, 4],
    ["eight bytes of a fixed64", [1, 0, 0, 0, 0, 0, 0, 0x80], (r) => r.fixed64(), 0x8000_0000_0000_0001n, 8],
    ["an empty string", [0], (r) => r.string(), "", 1],
    ["text of eight bytes", [8, ...Buffer.from("12345678")], (r) => r.string(), "12345678", 9],
    ["text of nine bytes", [9, ...Buffer.from("123456789")], (r) => r.string(), "123456789", 10],
  ])("takes %s, exactly to its end", (_, bytes, from, value, end) => {
    expect(read(bytes, from)).toBe(value);
    expect(reader.at).toBe(end);
    expect(() => read(bytes.slice(0, -1), from)).toThrow();
  });

  test.each<[string, readonly number[], (reader: Reader) => unknown]>([
    ["a varint of eleven bytes", [...Array(10).fill(0xff), 0x01], (r) => r.varint()],
    ["a tag of six bytes", [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], (r) => r.tag()],
    ["a tag past 32 bits", [0xff, 0xff, 0xff, 0xff, 0x1f], (r) => r.tag()],
    ["a 64-bit varint of eleven bytes", [...Array(10).fill(0xff), 0x01], (r) => r.uint64()],
    ["a length past the end", [3, 1, 2], (r) => r.view()],
    ["the end of a group", [0x00], (r) => r.skip(4)],
  ])("gives up at %s", (_, bytes, from) => {
    let thrown: unknown;
    try {
      read(bytes, from);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBe(giveUp);
  });

  test.each([
    [0, [0x96, 0x01]],
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [2, [3, 1, 2, 3]],
    [5, [1, 2, 3, 4]],
  ])("skips an unknown value of wire type %d, and copies it", (wireType, value) => {
    const skipped = read([...value, 9], (r) => r.skip(wireType));
    expect([...skipped]).toEqual(value);
    expect(reader.at).toBe(value.length);
    expect(skipped.buffer).not.toBe(reader.bytes.buffer);
    expect(() => read(value.slice(0, -1), (r) => r.skip(wireType))).toThrow();
  });

  test.each([3, 4, 6, 7])("gives up at an unknown value of wire type %d", (wireType) => {
    expect(() => read([3, 1, 2, 3, 4, 5, 6, 7, 8], (r) => r.skip(wireType))).toThrow();
  });

  test("returns a key that it remembers, and stands behind it", () => {
    const bytes = [3, ...Buffer.from("key"), 7];
    expect(read(bytes, (r) => [r.key(), r.at])).toEqual(["key", 4]);
    expect(read(bytes, (r) => [r.key(), r.at])).toEqual(["key", 4]);
    expect(read([3, ...Buffer.from("kez")], (r) => r.key())).toBe("kez");
  });
});

describe("a writer", () => {
  test("refuses 64-bit numbers just outside of their ranges and takes those just inside", () => {
    const write = (run: (w: BackwardWriter) => void): Uint8Array => {
      writer.begin();
      try {
        run(writer);
        return writer.finish(0);
      } catch (error) {
        writer.abandon();
        throw error;
      }
    };
    expect(write((w) => w.uint64(2n ** 64n - 1n))).toHaveLength(10);
    expect(write((w) => w.fixed64(0n))).toHaveLength(8);
    expect(write((w) => w.int64(-(2n ** 63n)))).toHaveLength(10);
    expect(write((w) => w.sint64(2n ** 63n - 1n))).toHaveLength(10);
    for (const run of [
      (w: BackwardWriter) => w.uint64(2n ** 64n),
      (w: BackwardWriter) => w.uint64(-1n),
      (w: BackwardWriter) => w.int64(2n ** 63n),
      (w: BackwardWriter) => w.sint64(-(2n ** 63n) - 1n),
      (w: BackwardWriter) => w.sfixed64(2n ** 63n),
    ]) {
      expect(() => write(run)).toThrow();
    }
  });

  test("takes 64-bit numbers as bigints, numbers and text, and nothing else", () => {
    const encoded = (value: unknown): number[] => {
      writer.begin();
      writer.int64(value);
      return [...writer.finish(0)];
    };
    expect([encoded(-5), encoded("-5")]).toEqual([encoded(-5n), encoded(-5n)]);
    for (const value of [true, null, undefined, {}]) {
      expect(() => encoded(value)).toThrow();
      writer.abandon();
    }
  });

  test.each<[string, (w: BackwardWriter) => void]>([
    ["a byte", (w) => w.byte(1)],
    ["a varint", (w) => w.varint(300)],
    ["an int64", (w) => w.int64(-1n)],
    ["a fixed32", (w) => w.fixed32(1)],
    ["a float", (w) => w.float(1)],
    ["a double", (w) => w.double(1)],
    ["bytes", (w) => w.raw(Uint8Array.of(1, 2))],
    ["short text", (w) => w.string("short")],
    ["long text", (w) => w.string("long".repeat(20))],
  ])("writes %s into the room that is left in the shared block", (_, write) => {
    const own = new BackwardWriter(nodePlatform);
    const { buffer } = own.bytes;
    for (let round = 0; round < 3; round++) {
      own.begin();
      write(own);
      expect(own.finish(5).buffer).toBe(buffer);
    }
  });

  test("goes back to a shared block after a message that had one of its own, given away or dropped", () => {
    writer.begin();
    writer.raw(new Uint8Array(100_000));
    expect(writer.finish(0)).toHaveLength(100_000);
    expect(writer.bytes).toHaveLength(16_384);
    writer.begin();
    writer.raw(new Uint8Array(100_000));
    writer.abandon();
    expect(writer.bytes).toHaveLength(16_384);
  });

  test("keeps what is written while the block grows", () => {
    writer.begin();
    for (let index = 0; index < 60_000; index++) writer.byte(index & 0xff);
    const bytes = writer.finish(3);
    expect([...bytes.subarray(0, 3)]).toEqual([0, 0, 0]);
    const written = Uint8Array.from({ length: 60_000 }, (_, index) => index & 0xff).reverse();
    expect(Buffer.compare(bytes.subarray(3), written)).toBe(0);
  });
});
