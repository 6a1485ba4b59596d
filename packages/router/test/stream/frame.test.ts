import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeFrame, encodeFrame, FrameError, forwardedFrameCodec } from "../../src/stream/frame.js";
import { StreamRequestSchema } from "../gen/jumpstarter/v1/router_pb.js";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const frame = fc.record({
  payload: fc.uint8Array({ maxLength: 300 }),
  frameType: fc.oneof(fc.constantFrom(0, 1, 3, 7, 99, -1, 2 ** 31 - 1), int32),
});

describe("a frame", () => {
  it("is written as protobuf-es reads it, and read as protobuf-es writes it", () => {
    fc.assert(
      fc.property(frame, ({ payload, frameType }) => {
        const theirs = fromBinary(StreamRequestSchema, encodeFrame({ payload, frameType }));
        expect([theirs.frameType, new Uint8Array(theirs.payload)]).toEqual([frameType, payload]);
        expect(decodeFrame(toBinary(StreamRequestSchema, theirs))).toEqual({ payload, frameType });
      }),
    );
  });

  it("of a negative type is written octet for octet as protobuf-es writes it", () => {
    for (const frameType of [-1, -2, -(2 ** 27), -(2 ** 31)]) {
      const payload = Uint8Array.of(1, 2, 3);
      const theirs = fromBinary(StreamRequestSchema, encodeFrame({ payload, frameType }));
      expect(new Uint8Array(encodeFrame({ payload, frameType }))).toEqual(toBinary(StreamRequestSchema, theirs));
    }
  });

  it("goes through a router as the very bytes that came, whatever its type", () => {
    fc.assert(
      fc.property(frame, (given) => {
        const bytes = encodeFrame(given);
        expect(forwardedFrameCodec.encode(forwardedFrameCodec.decode(bytes))).toEqual(bytes);
      }),
    );
  });

  it("with a field number past 2^29-1 is refused, not read as another one", () => {
    const tag = [0x82, 0x80, 0x80, 0x80, 0x10]; // 2^32 + 2, whose low 32 bits would be wire type 2
    expect(() => decodeFrame(Uint8Array.from([...tag, 1, 0x2a]))).toThrow("the tag at byte 0 is longer than 32 bits");
    const payload = [0x8a, 0x80, 0x00, 1, 0x2a]; // the tag of `payload`, in three octets
    expect([...decodeFrame(Uint8Array.from(payload)).payload]).toEqual([0x2a]);
  });

  it("that is not protobuf is a FrameError and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          decodeFrame(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
