import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AckSchema, HelloSchema, StartSchema } from "../../src/gen/trunkline/v1/frames_pb.js";
import {
  decodeAck,
  decodeHello,
  decodeStart,
  encodeAck,
  encodeHello,
  encodeStart,
  type Hello,
} from "../../src/session/frames.js";

/** Both sides of each border of a varint, and the largest number that a counter may have. */
const counters = [0, 1, ...[7, 14, 21, 28, 31, 32, 35, 42, 49].flatMap((bits) => [2 ** bits - 1, 2 ** bits])];
counters.push(Number.MAX_SAFE_INTEGER);

const hello: Hello = {
  session: "s1",
  dialler: true,
  attempt: 1,
  received: 0,
  receivedCrc32: 0,
  replayBytes: 8_388_608,
  credit: 131_072,
};

const hellos: Hello[] = [
  hello,
  ...["", "ü€😀", "x".repeat(127), "x".repeat(128)].map((session) => ({ ...hello, session })),
  ...counters.flatMap((count) => [
    { ...hello, received: count },
    { ...hello, replayBytes: count },
    { ...hello, credit: count, dialler: false },
    { ...hello, attempt: count % 2 ** 32, receivedCrc32: count % 2 ** 32 },
  ]),
];

test("a hello is written as generated code writes it, and read as it was", () => {
  for (const each of hellos) {
    const { received, replayBytes, credit, ...rest } = each;
    const message = create(HelloSchema, {
      ...rest,
      received: BigInt(received),
      replayBytes: BigInt(replayBytes),
      credit: BigInt(credit),
    });
    const bytes = encodeHello(each);
    expect(Buffer.from(bytes).toString("hex")).toBe(Buffer.from(toBinary(HelloSchema, message)).toString("hex"));
    expect(decodeHello(bytes)).toEqual(each);
  }
});

test("starts and acknowledgements are written as generated code writes them, and read as they were", () => {
  for (const [index, count] of counters.entries()) {
    const start = encodeStart(count);
    const startMessage = create(StartSchema, { from: BigInt(count) });
    expect([...start]).toEqual([...toBinary(StartSchema, startMessage)]);
    expect(decodeStart(start)).toBe(count);
    const ack = { records: count, credit: counters[counters.length - 1 - index] as number };
    const ackMessage = create(AckSchema, { records: BigInt(ack.records), credit: BigInt(ack.credit) });
    expect([...encodeAck(ack)]).toEqual([...toBinary(AckSchema, ackMessage)]);
    expect(decodeAck(encodeAck(ack))).toEqual(ack);
  }
});
