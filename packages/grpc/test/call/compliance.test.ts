/** A call of either side is a stream like every other. */
import { enveloped, type ObjectStream } from "@trunkline/streams";
import { complianceTests, type StreamPair, type VirtualClock } from "@trunkline/streams/testing";
import { describe, it } from "vitest";
import { bytesCodec, createClient, type ServerCall, type ServiceDefinition } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { settle } from "../support.js";

const Pipe = {
  typeName: "test.Pipe",
  methods: { open: { path: "/test.Pipe/Open", kind: "bidi_streaming", request: bytesCodec, response: bytesCodec } },
} as const satisfies ServiceDefinition;

/** The two sides of one call. */
async function connect(clock: VirtualClock): Promise<StreamPair> {
  let served = (_: ServerCall<Uint8Array, Uint8Array>): void => {};
  const serverCall = new Promise<ServerCall<Uint8Array, Uint8Array>>((resolve) => {
    served = resolve;
  });
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { channel, close } = channelFor(
    [
      [
        Pipe,
        {
          open: {
            async open(call) {
              served(call);
              await finished;
            },
          },
        },
      ],
    ],
    { channel: { clock, maxReceiveMessageBytes: 2 ** 24 }, server: { clock, maxReceiveMessageBytes: 2 ** 24 } },
  );
  const call = createClient(Pipe, channel).open.open();
  await call.start();
  return {
    first: call,
    second: await serverCall,
    async release() {
      finish();
      await close();
    },
  };
}

describe("a gRPC call is a stream", () => {
  for (const { title, run } of complianceTests({
    connect,
    halfClose: "first",
    disposal: "abort",
    settle: () => settle(30),
    maxUnreadBytes: 4 * 1024 * 1024,
  }))
    it(title, run);
});

describe("the inline envelope over calls whose messages are bytes carries metadata with each message", () => {
  const wrap = (stream: ObjectStream<{}>): ObjectStream<Uint8Array> => enveloped(stream as ObjectStream<Uint8Array>);
  const tests = complianceTests({
    async connect(clock) {
      const { first, second, release } = await connect(clock);
      return { first: wrap(first), second: wrap(second), ...(release === undefined ? {} : { release }) };
    },
    halfClose: "first",
    maxItemBytes: 256 * 1024,
    settle: () => settle(30),
    maxUnreadBytes: 4 * 1024 * 1024,
  });
  for (const { title, run } of tests) it(title, run);
});
