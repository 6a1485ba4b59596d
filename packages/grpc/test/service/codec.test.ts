import { Buffer } from "node:buffer";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { protobufCodec } from "../../src/index.js";
import { EchoRequestSchema } from "../gen/echo_pb.js";

it("writes messages with large bytes fields so that protobuf-es reads the same message, and leaves them as they were", () => {
  const codec = protobufCodec(EchoRequestSchema);
  fc.assert(
    fc.property(
      fc.string(),
      fc.integer({ min: 0, max: 70_000 }),
      fc.integer({ min: -5, max: 5 }),
      (text, length, count) => {
        const payload = new Uint8Array(length).fill(count + 7);
        const message = create(EchoRequestSchema, { text, payload, count });
        const before = toBinary(EchoRequestSchema, message);
        expect(
          Buffer.compare(toBinary(EchoRequestSchema, fromBinary(EchoRequestSchema, codec.encode(message))), before),
        ).toBe(0);
        expect(
          Buffer.compare(
            toBinary(EchoRequestSchema, fromBinary(EchoRequestSchema, codec.encode({ text, payload, count }))),
            before,
          ),
        ).toBe(0);
        expect(Buffer.compare(toBinary(EchoRequestSchema, message), before)).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});
