import { type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  ListValueSchema,
  StructSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClient, protobufCodec, Status } from "../../src/index.js";
import { checkFieldCounts, messagePlan } from "../../src/service/field-counts.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo, EchoRequestSchema } from "../gen/echo_pb.js";
import { echo, rejection } from "../support.js";

/** Returns `count` times the same bytes. */
function repeated(count: number, ...bytes: readonly number[]): Uint8Array {
  const all = new Uint8Array(count * bytes.length);
  for (let index = 0; index < all.length; index++) all[index] = bytes[index % bytes.length] as number;
  return all;
}

/** Puts bytes into a length-delimited field. */
function nested(number: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Uint8Array.from([number * 8 + 2, ...length]), bytes]);
}

/** Counts the unknown fields that protobuf-es has kept, in a message and all that are in it. */
function kept(value: unknown): number {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 0;
  const own = (value as Message).$unknown?.length ?? 0;
  return Object.entries(value).reduce((sum, [key, one]) => (key === "$unknown" ? sum : sum + kept(one)), own);
}

function check(schema: DescMessage, bytes: Uint8Array, maxUnknownFields: number, maxNestedMessages = 1e9): () => void {
  return () => checkFieldCounts(messagePlan(schema), bytes, { maxUnknownFields, maxNestedMessages });
}

describe("the limits of a message's parts", () => {
  it("refuse the 10,001st unknown field, and take 10,000", () => {
    const codec = protobufCodec(EchoRequestSchema);
    const unknown = (count: number): Uint8Array => repeated(count, 0x78, 1);
    expect(codec.decode(unknown(10_000)).$unknown?.length).toBe(10_000);
    expect(() => codec.decode(unknown(10_001))).toThrow(
      "message with more unknown fields than maxUnknownFields (10000)",
    );
    expect(() => codec.decode(unknown(11), { maxUnknownFields: 10, maxNestedMessages: 10 })).toThrow("(10)");
  });

  it("refuse unknown fields that hide in nested messages, maps, groups and behind a wrong wire type", () => {
    const unknown = repeated(12, 0x78, 1);
    const schema = FileDescriptorSetSchema;
    expect(check(schema, nested(1, nested(4, unknown)), 11)).toThrow();
    expect(check(schema, nested(1, nested(4, unknown)), 12)).not.toThrow();
    // google.protobuf.Struct: fields = 1 is a map whose values hold a list.
    const inMap = nested(1, nested(2, nested(6, nested(1, unknown))));
    expect(check(StructSchema, inMap, 11)).toThrow();
    // A group is one unknown field, whatever is in it; its end is found.
    expect(
      check(EchoRequestSchema, Buffer.concat([Uint8Array.of(0x7b), unknown, Uint8Array.of(0x7c)]), 1),
    ).not.toThrow();
    // Field 3 of EchoRequest is a number. With a length in its tag, the decoder still reads a number, and then the
    // fields.
    const disguised = Buffer.concat([Uint8Array.of(0x1a, 24), unknown]);
    expect(kept(fromBinary(EchoRequestSchema, disguised))).toBe(12);
    expect(check(EchoRequestSchema, disguised, 11)).toThrow();
  });

  it("refuse too many nested messages and map entries, which take two bytes each", () => {
    expect(check(ListValueSchema, repeated(101, 0x0a, 0), 10, 100)).toThrow(
      "nested messages than maxNestedMessages (100)",
    );
    expect(check(ListValueSchema, repeated(100, 0x0a, 0), 10, 100)).not.toThrow();
    expect(check(StructSchema, repeated(101, 0x0a, 0), 10, 100)).toThrow("nested messages");
  });

  it("count at least as many as protobuf-es and the compiled codec keep, whatever the bytes", () => {
    const octets = fc.uint8Array({ maxLength: 60 });
    const fields = fc.array(
      fc.oneof(
        fc.tuple(fc.nat(20), octets).map(([number, bytes]) => nested(number + 1, bytes)),
        fc
          .tuple(fc.nat(15), fc.nat(5), fc.nat(127))
          .map(([number, wire, value]) => Uint8Array.of(number * 8 + wire, value)),
        octets,
      ),
    );
    const schemas = [FileDescriptorProtoSchema, FileDescriptorSetSchema, StructSchema, EchoRequestSchema];
    let compared = 0;
    fc.assert(
      fc.property(fc.constantFrom<DescMessage>(...schemas), fields, (schema, parts) => {
        const bytes = Buffer.concat(parts);
        const decoders = [fromBinary, (_: DescMessage, encoded: Uint8Array) => protobufCodec(schema).decode(encoded)];
        for (const decode of decoders) {
          let count: number;
          try {
            count = kept(decode(schema, bytes));
          } catch {
            continue;
          }
          compared += 1;
          if (count > 0) expect(check(schema, bytes, count - 1)).toThrow();
        }
      }),
      { numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it("find no unknown field in a message that has none", () => {
    const file = FileDescriptorProtoSchema.file.proto;
    expect(check(FileDescriptorProtoSchema, toBinary(FileDescriptorProtoSchema, file), 0)).not.toThrow();
  });

  it("end a call with RESOURCE_EXHAUSTED before anything is built, and at once", async () => {
    await using served = channelFor([[Echo, echo]]);
    const raw = protobufCodec(EchoRequestSchema);
    const service = {
      typeName: Echo.typeName,
      methods: {
        say: {
          path: `/${Echo.typeName}/Say`,
          kind: "unary",
          request: { encode: (bytes: Uint8Array) => bytes, decode: (bytes: Uint8Array) => bytes },
          response: raw,
        },
      },
    } as const;
    const began = performance.now();
    const error = await rejection(createClient(service, served.channel).say(repeated(2_000_000, 0x78, 1)));
    expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect((error as Error).message).toContain("maxUnknownFields (10000)");
    // Building the fields takes 1.4 s on a fast machine; the scan ends at the first one too many.
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
