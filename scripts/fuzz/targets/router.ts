/**
 * Fuzzes what the router reads from peers: frames, compared with protobuf-es, and the payloads of frames other than
 * DATA.
 *
 * An input is an octet that chooses between the two, and protobuf.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { BrokenStreamError } from "@trunkline/streams";
import {
  decodeFrame,
  encodeFrame,
  FrameError,
  forwardedFrameCodec,
} from "../../../packages/router/src/stream/frame.js";
import { decodeAbort, decodeEnd, decodeFields, decodePing } from "../../../packages/router/src/stream/payloads.js";
import { StreamRequestSchema } from "../../../packages/router/test/gen/jumpstarter/v1/router_pb.js";
import { kindOf, must, mustEqual, type Target } from "../target.js";

export const routerTarget: Target = {
  name: "router",
  generate(random) {
    const octets: number[] = [random.below(2)];
    for (let fields = random.below(6); fields > 0; fields--) {
      const field = random.chance(0.8) ? 1 + random.below(2) : random.below(30);
      const wireType = random.chance(0.8) ? (field === 1 ? 2 : 0) : random.below(8);
      octets.push((field << 3) | wireType);
      const payload = random.bytes(random.below(random.chance(0.1) ? 200 : 20));
      if (wireType === 2)
        octets.push(...varint(random.chance(0.95) ? payload.length : random.below(2 ** 31)), ...payload);
      else if (wireType === 0)
        octets.push(
          ...(random.chance(0.8)
            ? varint(random.below(2 ** 31))
            : [...random.bytes(9).map((octet) => octet | 0x80), 1]),
        );
      else octets.push(...payload);
    }
    return Uint8Array.from(octets);
  },
  *run(input) {
    const bytes = input.subarray(1);
    if ((input[0] ?? 0) % 2 === 0) yield* frame(bytes);
    else yield* payloads(bytes);
  },
};

function* frame(bytes: Uint8Array): Generator<string> {
  let theirs: { payload: Uint8Array; frameType: number } | undefined;
  try {
    theirs = fromBinary(StreamRequestSchema, bytes);
  } catch (error) {
    // A tag written in more than five octets is one to protobuf in Go, and to us, if its value is.
    if (String(error).includes("varint overflows uint32")) return;
  }
  try {
    const ours = decodeFrame(bytes);
    must(theirs !== undefined || hasOtherWireType(bytes), "taken, but protobuf-es refuses it");
    if (!hasOtherWireType(bytes))
      mustEqual([ours.frameType, [...ours.payload]], [theirs?.frameType, [...(theirs?.payload ?? [])]], "frame");
    const forwarded = forwardedFrameCodec.encode(forwardedFrameCodec.decode(bytes));
    const { frameType, payload } = decodeFrame(forwarded);
    mustEqual([frameType, [...payload]], [ours.frameType, [...ours.payload]], "forwarded frame");
    mustEqual([...encodeFrame(decodeFrame(encodeFrame(ours)))], [...encodeFrame(ours)], "encoded frame");
    const same = forwarded.length === bytes.length;
    yield `frame ${Math.sign(ours.frameType)} ${Math.min(3, ours.payload.length)} ${same}`;
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    // Such a number is no protobuf, but protobuf-es skips it in fields that it does not know.
    const tooLong = error.message.includes("longer than 10 bytes");
    must(
      theirs === undefined || tooLong || hasOtherWireType(bytes),
      `refused (${error.message}), but protobuf-es takes it`,
    );
    yield kindOf(error);
  }
}

/**
 * Whether a known field comes in another wire type than its own: an unknown field to us, as to protobuf in Go and C++;
 * protobuf-es reads on in the known one.
 */
function hasOtherWireType(bytes: Uint8Array): boolean {
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if ((field === 1 && wireType !== WireType.LengthDelimited) || (field === 2 && wireType !== WireType.Varint))
        return true;
      reader.skip(wireType, field);
    }
  } catch {
    return false;
  }
  return false;
}

function* payloads(bytes: Uint8Array): Generator<string> {
  yield `end ${decodeEnd(bytes) !== undefined}`;
  yield `ping ${decodePing(bytes) !== undefined}`;
  const abort = decodeAbort(bytes);
  must(abort instanceof BrokenStreamError, `not a BrokenStreamError: ${String(abort)}`);
  yield `abort ${(abort as { readonly code?: string }).code}`;
  try {
    const fields = decodeFields(bytes);
    for (const { name, value } of fields.toWire())
      must(/^[0-9a-z_.-]+$/.test(name) && !/[\r\n\0]/.test(value), `field ${name}`);
    yield `fields ${Math.min(4, fields.size)}`;
  } catch (error) {
    must(
      error instanceof Error && !(error instanceof TypeError && !("code" in error)),
      `not a chosen error: ${String(error)}`,
    );
    yield kindOf(error);
  }
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
