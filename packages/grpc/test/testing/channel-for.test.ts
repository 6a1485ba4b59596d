import { describe, expect, it } from "vitest";
import { bytesCodec, createClient, type ServiceDefinition } from "../../src/index.js";
import { channelFor, duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, until } from "../support.js";

const Other = {
  typeName: "test.Other",
  methods: { twice: { path: "/test.Other/Twice", kind: "unary", request: bytesCodec, response: bytesCodec } },
} as const satisfies ServiceDefinition;

describe("channelFor", () => {
  it("runs several services in memory, and closes everything at the end of its scope", async () => {
    const served = channelFor([
      [Echo, echo],
      [Other, { twice: (bytes) => Buffer.concat([bytes, bytes]) }],
    ]);
    {
      await using scope = served;
      expect((await createClient(Echo, scope.channel).say({ text: "you" })).text).toBe("you");
      expect((await createClient(Other, scope.channel).twice(Uint8Array.of(1, 2))).length).toBe(4);
    }
    expect(served.channel.state).toBe("SHUTDOWN");
  });

  it("takes options of both sides", async () => {
    await using served = channelFor([[Echo, echo]], {
      channel: { userAgent: "test/1" },
      server: { maxReceiveMessageBytes: 10 },
    });
    const client = createClient(Echo, served.channel);
    await expect(client.say({ text: "longer than ten bytes" })).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  });
});

describe("a pair of duplex streams", () => {
  it("carries bytes both ways, and half-closes", async () => {
    const [first, second] = duplexPair();
    const received: string[] = [];
    second.on("data", (chunk: Buffer) => received.push(chunk.toString()));
    first.write("one");
    first.end("two");
    await new Promise((resolve) => second.once("end", resolve));
    expect(received).toEqual(["one", "two"]);
    first.on("data", (chunk: Buffer) => received.push(chunk.toString()));
    second.end("three");
    await new Promise((resolve) => first.once("end", resolve));
    expect(received[2]).toBe("three");
    await until(() => first.destroyed && second.destroyed, "both ends to be over");
    expect(second.errored).toBeNull();
  });

  it("holds a writer back until it is read", async () => {
    const [first, second] = duplexPair();
    let written = 0;
    for (let index = 0; index < 10; index++) first.write(Buffer.alloc(16_384), () => (written += 1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(10);
    second.resume();
    await until(() => written === 10, "the writes");
  });

  it("breaks at both ends, with an error at the other", async () => {
    const [first, second] = duplexPair();
    second.resume();
    first.destroy();
    await until(() => second.destroyed, "the other end");
    expect(second.errored?.message).toBe("the other end is gone");
    const [third, fourth] = duplexPair();
    fourth.destroy();
    third.write("too late");
    await until(() => third.destroyed, "the loss");
  });
});
