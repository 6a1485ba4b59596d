/**
 * A message that was received belongs to its receiver: whatever comes later, and however the memory of sockets is used
 * again, what was kept of it stays as it was.
 */
import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { bytesCodec, Channel, createClient, protobufCodec, Server } from "../../src/index.js";
import { EchoRequestSchema } from "../gen/echo_pb.js";

/** The sizes around which something changes: a joined prefix, a block, a frame, a read of a socket, a window. */
const sizes = [0, 1, 63, 64, 65, 250, 257, 4_090, 4_096, 16_384, 16_400, 65_530, 65_536, 131_072, 300_000];

/** Bytes that tell their place among all. */
function marked(length: number, mark: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = mark + index * 7;
  return bytes;
}

const pipe = {
  typeName: "test.Pipe",
  methods: { open: { path: "/test.Pipe/Open", kind: "bidi_streaming", request: bytesCodec, response: bytesCodec } },
} as const;

describe("kept messages", () => {
  it.each([["on a TCP socket", "127.0.0.1:0"]])(
    "of bytes stay as they came %s, at both ends",
    async (_where, where) => {
      const atServer: Uint8Array[] = [];
      await using server = new Server().add(pipe, {
        async *open(messages) {
          for await (const message of messages) {
            atServer.push(message);
            yield message;
          }
        },
      });
      await using channel = new Channel(await server.listen(where));
      const sent = Array.from({ length: 4 }, (_round, round) =>
        sizes.map((size, index) => marked(size, round * 31 + index)),
      );
      const atClient: Uint8Array[] = [];
      for await (const message of createClient(pipe, channel).open(sent.flat())) atClient.push(message);
      for (const [index, message] of sent.flat().entries()) {
        expect(Buffer.compare(message, atServer[index] as Uint8Array)).toBe(0);
        expect(Buffer.compare(message, atClient[index] as Uint8Array)).toBe(0);
      }
      // Who changes or transfers one changes no other.
      for (const [index, message] of atClient.entries()) {
        message.fill(0xee);
        const next = atClient[index + 1];
        if (next !== undefined) expect(Buffer.compare(next, sent.flat()[index + 1] as Uint8Array)).toBe(0);
      }
    },
  );

  it("of bytes stay as they came where the reader lets them pile up", async () => {
    await using server = new Server().add(pipe, {
      open: {
        async open(call) {
          for (const size of sizes.filter((each) => each <= 4_096)) await call.send(marked(size, size));
        },
      },
    });
    await using channel = new Channel(await server.listen("127.0.0.1:0"));
    await using call = createClient(pipe, channel).open.open();
    await call.sendEof();
    await call.receiveTrailingMetadata(); // all is there, and nothing was taken
    const kept: Uint8Array[] = [];
    for await (const message of call) kept.push(message);
    const expected = sizes.filter((each) => each <= 4_096).map((size) => marked(size, size));
    expect(kept.map((each) => [...each])).toEqual(expected.map((each) => [...each]));
  });

  it("of protobuf keep their bytes and unknown fields, also those of a message type without bytes", async () => {
    const request = protobufCodec(EchoRequestSchema);
    // A type without fields knows none of them.
    const reply = protobufCodec(EmptySchema);
    const echo = {
      typeName: "test.Echo",
      methods: { say: { path: "/test.Echo/Say", kind: "bidi_streaming", request, response: request } },
    } as const;
    const unknowing = {
      typeName: "test.Echo",
      methods: { say: { path: "/test.Echo/Say", kind: "bidi_streaming", request, response: reply } },
    } as const;
    await using server = new Server().add(echo, {
      async *say(messages) {
        yield* messages;
      },
    });
    await using channel = new Channel(await server.listen("127.0.0.1:0"));
    const given = Array.from({ length: 200 }, (_each, index) => ({
      text: `message ${index}`,
      payload: marked(sizes[index % 8] as number, index),
      count: index,
    }));
    const whole: unknown[] = [];
    for await (const message of createClient(echo, channel).say(given)) whole.push(message);
    expect(whole).toEqual(given.map((each) => create(EchoRequestSchema, each)));
    const kept: Empty[] = [];
    for await (const message of createClient(unknowing, channel).say(given)) kept.push(message);
    const again = given.map((each) => reply.decode(request.encode(each)));
    expect(kept).toEqual(again);
    expect(kept.some(({ $unknown }) => ($unknown?.length ?? 0) > 0)).toBe(true);
  });
});
