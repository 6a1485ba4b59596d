import { Buffer } from "node:buffer";
import { runInNewContext } from "node:vm";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { bytesCodec, protobufCodec } from "../../src/index.js";
import { EchoRequestSchema } from "../gen/echo_pb.js";

it("writes messages with large bytes fields that protobuf-es reads as the same, and does not change them", () => {
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

it("takes bytes of another realm, as those of Jest and jsdom are (connect-es#658)", () => {
  const foreign = (length: number): Uint8Array => runInNewContext(`new Uint8Array(${length}).fill(7)`) as Uint8Array;
  expect(foreign(1)).not.toBeInstanceOf(Uint8Array);
  const codec = protobufCodec(EchoRequestSchema);
  for (const length of [3, 70_000]) {
    const own = new Uint8Array(length).fill(7);
    // Some by protobuf-es, and the later ones by the compiled functions.
    for (let round = 0; round < 25; round++) {
      for (const given of [{ payload: foreign(length) }, create(EchoRequestSchema, { payload: foreign(length) })])
        expect(Buffer.compare(codec.encode(given), codec.encode({ payload: own }))).toBe(0);
    }
    expect(bytesCodec.encode(foreign(length)).length).toBe(length);
    expect(codec.decode(Uint8Array.from(foreign(0))).payload.length).toBe(0);
  }
});

it.each(["text", 5, null, {}])("takes no %j for bytes", (given) => {
  expect(() => bytesCodec.encode(given as never)).toThrow("bytesCodec takes a Uint8Array, not");
});

it.each([0, 1, 100, 300, 70_000])("encodes a message with %i bytes behind room for its prefix", (length) => {
  const codec = protobufCodec(EchoRequestSchema);
  const payload = new Uint8Array(length).fill(9);
  // Once by protobuf-es, and then by the compiled function.
  for (let round = 0; round < 25; round++) {
    const whole = codec.encodeBehind?.(5, { text: "hello", payload }) as Uint8Array;
    expect(whole.length).toBe(5 + codec.encode({ text: "hello", payload }).length);
    expect(Buffer.compare(whole.subarray(5), codec.encode({ text: "hello", payload }))).toBe(0);
  }
});
