import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AnySchema,
  DurationSchema,
  FileDescriptorProtoSchema,
  StructSchema,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { sized } from "../../base/test/support/sizes.js";
import { mayCompile } from "../src/compile/compiler.js";
import { BinaryCodecs, webPlatform } from "../src/index.js";
import { nodePlatform } from "../src/node/index.js";
import { drawFrom, makeTypes, makeValue, occurrences, type Syntax, seeds } from "./support/descriptors.js";

const codecs = new BinaryCodecs(nodePlatform, { compileAfter: 0 });
/** The number of random files of types a property tries; `npm run fuzz -- --target codec` tries far more. */
const numRuns = sized(16, 25);
/** The seed of the random types: it is fixed, so that the features that occur are known. */
const seed = 7;
const syntaxes: readonly Syntax[] = ["proto2", "proto3", "editions"];

interface Outcome<T> {
  readonly value?: T;
  readonly error?: string;
}

function outcome<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Makes a codec that has compiled its functions already. */
function warm(desc: Parameters<typeof codecs.codec>[0]) {
  const codec = codecs.codec(desc);
  outcome(() => codec.encode(create(desc)));
  outcome(() => codec.decode(new Uint8Array(0)));
  return codec;
}

afterAll(() => {
  expect([...occurrences].filter(([, times]) => times < 5)).toEqual([]);
});

describe.each(syntaxes)("messages of random types of %s", (syntax) => {
  test("have the bytes that protobuf-es writes, and come back as it reads them", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = drawFrom(seed);
        for (const desc of makeTypes(syntax, draw)) {
          const codec = warm(desc);
          for (let round = 0; round < 3; round++) {
            const message = makeValue(desc, draw) as ReturnType<typeof codec.decode>;
            const theirs = outcome(() => toBinary(desc, message));
            const ours = outcome(() => codec.encode(message));
            expect(ours.error).toBe(theirs.error);
            if (theirs.value === undefined) continue;
            expect(Buffer.compare(ours.value as Uint8Array, theirs.value)).toBe(0);
            expect(codec.decode(theirs.value)).toStrictEqual(fromBinary(desc, theirs.value));
            const init = initOf(message, draw) as typeof message;
            const ofInit = outcome(() => toBinary(desc, create(desc, init)));
            expect(outcome(() => Buffer.from(codec.encode(init)))).toEqual(
              ofInit.value === undefined ? ofInit : { value: Buffer.from(ofInit.value) },
            );
          }
        }
      }),
      { numRuns, seed },
    );
  });

  test("are refused or read alike when bytes are changed, cut, doubled or put together", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = drawFrom(seed);
        const below = (limit: number): number => Math.floor(draw() * limit);
        for (const desc of makeTypes(syntax, draw)) {
          const codec = warm(desc);
          const whole = outcome(() => toBinary(desc, makeValue(desc, draw))).value ?? new Uint8Array([8, 1]);
          for (let round = 0; round < 8; round++) {
            let bytes = whole.slice();
            const how = below(4);
            if (how === 0) for (let n = 1 + below(3); n > 0; n--) bytes[below(bytes.length)] = below(256);
            else if (how === 1) bytes = bytes.subarray(0, below(bytes.length + 1));
            else if (how === 2) bytes = Uint8Array.from([...bytes, ...bytes.subarray(0, below(bytes.length + 1))]);
            else bytes = Uint8Array.from([...bytes.subarray(0, below(bytes.length)), below(256), ...bytes]);
            const theirs = outcome(() => fromBinary(desc, bytes));
            expect(outcome(() => codec.decode(bytes))).toStrictEqual(theirs);
          }
        }
      }),
      { numRuns, seed },
    );
  });
});

describe("a message codec", () => {
  test("writes the headroom that is asked for in front of the message", () => {
    const codec = warm(DurationSchema);
    const message = create(DurationSchema, { seconds: 5n });
    expect([...codec.encode(message, 5)]).toEqual([0, 0, 0, 0, 0, ...toBinary(DurationSchema, message)]);
  });

  test("leaves as many messages as it is told to protobuf-es, and compiles with the next one", () => {
    const codec = new BinaryCodecs(nodePlatform, { compileAfter: 2 }).codec(AnySchema);
    const message = create(AnySchema, { typeUrl: "x", value: Uint8Array.of(1, 2, 3) });
    const bytes = toBinary(AnySchema, message);
    // The compiled functions write into a shared block, and give views of what they read.
    const encoded = [0, 5, 0, 5].map((headroom) => codec.encode(message, headroom));
    expect(encoded.map(({ buffer }) => buffer.byteLength === 16_384)).toEqual([false, false, false, true]);
    for (const [index, each] of encoded.entries())
      expect([...each]).toEqual([...(index % 2 === 1 ? [0, 0, 0, 0, 0] : []), ...bytes]);
    const decoded = [1, 2, 3, 4].map(() => codec.decode(bytes));
    expect(decoded.map(({ value }) => value.buffer === bytes.buffer)).toEqual([false, false, false, true]);
    for (const each of decoded) expect(each).toStrictEqual(message);
  });

  test("never changes bytes that it gave away, however many messages follow", () => {
    const codec = warm(DurationSchema);
    const given = Array.from({ length: 5_000 }, (_, index) =>
      codec.encode(create(DurationSchema, { seconds: BigInt(index), nanos: index }), index % 7),
    );
    for (const [index, bytes] of given.entries()) {
      expect(fromBinary(DurationSchema, bytes.subarray(index % 7)).nanos).toBe(index);
    }
  });

  test("encodes a message of some megabytes in a piece of memory of its own", () => {
    const codec = warm(AnySchema);
    const message = create(AnySchema, { typeUrl: "x", value: new Uint8Array(5_000_000).fill(9) });
    const bytes = codec.encode(message);
    expect(Buffer.compare(bytes, toBinary(AnySchema, message))).toBe(0);
    expect(bytes.buffer.byteLength).toBeLessThan(2.2 * bytes.length);
  });

  test("encodes a message within a getter of another one", () => {
    const codec = warm(AnySchema);
    const inner = codec.encode(create(AnySchema, { typeUrl: "inner" }));
    const message = create(AnySchema, { typeUrl: "outer" });
    Object.defineProperty(message, "value", { get: () => codec.encode(create(AnySchema, { typeUrl: "inner" })) });
    expect(codec.decode(codec.encode(message))).toStrictEqual(create(AnySchema, { typeUrl: "outer", value: inner }));
  });

  test("goes on after a message that cannot be encoded", () => {
    const codec = warm(DurationSchema);
    const bad = create(DurationSchema, { seconds: 2n ** 70n });
    expect(() => codec.encode(bad)).toThrow(outcome(() => toBinary(DurationSchema, bad)).error?.replace("Error: ", ""));
    const good = create(DurationSchema, { seconds: 7n });
    expect(codec.encode(good).buffer.byteLength).toBe(16_384); // by the compiled function again
    expect(codec.decode(codec.encode(good))).toStrictEqual(good);
  });

  test.each([StructSchema, FileDescriptorProtoSchema])("handles $typeName as protobuf-es does", (desc) => {
    const codec = warm(desc);
    const message =
      desc === FileDescriptorProtoSchema
        ? FileDescriptorProtoSchema.file.proto
        : fromBinary(desc, new Uint8Array([0x0a, 0x09, 0x0a, 0x01, 0x61, 0x12, 0x04, 0x1a, 0x02, 0x68, 0x69]));
    const bytes = toBinary(desc, message as never);
    expect(Buffer.compare(codec.encode(message as never), bytes)).toBe(0);
    expect(codec.decode(bytes)).toStrictEqual(fromBinary(desc, bytes));
  });

  test("refuses messages nested more deeply than protobuf-es takes", () => {
    const codec = warm(ValueSchema);
    let bytes: Uint8Array = new Uint8Array(0);
    let refused = 0;
    for (let depth = 0; depth < 120; depth++) {
      const list = [0x0a, ...varint(bytes.length), ...bytes];
      bytes = Uint8Array.from([0x32, ...varint(list.length), ...list]);
      const ours = outcome(() => codec.decode(bytes));
      expect(ours).toStrictEqual(outcome(() => fromBinary(ValueSchema, bytes)));
      if (ours.error !== undefined) refused++;
    }
    expect(refused).toBeGreaterThan(0);
  });

  test("works with the Encoding API of the web, too", () => {
    const codec = new BinaryCodecs(webPlatform(), { compileAfter: 0 }).codec(AnySchema);
    for (const typeUrl of ["", "plain", "ünï", "日本語".repeat(20), "z".repeat(100)]) {
      const message = create(AnySchema, { typeUrl });
      for (let round = 0; round < 3; round++) {
        expect(Buffer.compare(codec.encode(message), toBinary(AnySchema, message))).toBe(0);
        expect(codec.decode(toBinary(AnySchema, message))).toStrictEqual(message);
      }
    }
  });
});

/** Makes a plain object from which `create` makes the message again; some messages within it stay messages. */
function initOf(value: unknown, draw: () => number, top = true): unknown {
  if (Array.isArray(value)) return value.map((item) => initOf(item, draw, false));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (!top && "$typeName" in value && draw() < 0.2) return value;
  const entries = Object.entries(value).filter(([name]) => name !== "$typeName" && name !== "$unknown");
  const init = Object.fromEntries(entries.map(([name, one]) => [name, initOf(one, draw, false)]));
  if (draw() < 0.2) init["notAField"] = 1;
  return init;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

test("a platform that makes no code of strings is found out", () => {
  const given = globalThis.Function;
  globalThis.Function = class {
    constructor() {
      throw new EvalError("Code generation from strings disallowed for this context");
    }
  } as never;
  let allowed: boolean;
  try {
    allowed = mayCompile();
  } finally {
    globalThis.Function = given;
  }
  expect(allowed).toBe(false);
  expect(mayCompile()).toBe(true);
});

describe("the memory of large messages", () => {
  const wrapped = (size: number, octet: number) =>
    create(AnySchema, { typeUrl: "type.example/Bulk", value: new Uint8Array(size).fill(octet) });

  test("is used again once it was given back, and messages that were not given back keep theirs", () => {
    const codec = warm(AnySchema);
    const kept = codec.encode(wrapped(65_536, 1));
    const given = codec.encode(wrapped(65_536, 2));
    codec.reuse(given);
    const small = codec.encode(wrapped(10, 3));
    const next = codec.encode(wrapped(65_536, 4));
    expect(next.buffer).toBe(given.buffer);
    const other = codec.encode(wrapped(65_536, 5));
    expect(other.buffer).not.toBe(given.buffer);
    for (const [bytes, size, octet] of [
      [kept, 65_536, 1],
      [small, 10, 3],
      [next, 65_536, 4],
      [other, 65_536, 5],
    ] as const)
      expect(Buffer.compare(bytes, toBinary(AnySchema, wrapped(size, octet)))).toBe(0);
  });

  test("leaves the block that small messages share where it was", () => {
    const codec = warm(AnySchema);
    const [first, , second] = [10, 65_536, 11].map((size) => codec.encode(wrapped(size, size & 0xff)));
    expect(second?.buffer).toBe(first?.buffer);
    codec.reuse(first as Uint8Array);
    expect(codec.encode(wrapped(12, 12)).buffer).toBe(first?.buffer);
    expect(Buffer.compare(first as Uint8Array, toBinary(AnySchema, wrapped(10, 10)))).toBe(0);
  });
});

test("an option that does not exist is refused by name, and a number of messages that cannot be", () => {
  expect(() => new BinaryCodecs(nodePlatform, { compileafter: 1 } as never)).toThrow(
    'BinaryCodecs has no option "compileafter": it knows compileAfter',
  );
  for (const compileAfter of [-1, 0.5, Number.NaN, "1"])
    expect(() => new BinaryCodecs(nodePlatform, { compileAfter: compileAfter as number })).toThrow(
      "compileAfter must be a whole number from 0 on",
    );
});
