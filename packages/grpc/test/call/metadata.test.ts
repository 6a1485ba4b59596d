import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient, GrpcError, type Implementation, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, rejection } from "../support.js";

let served: ChannelForServices | undefined;

function clientOf(implementation: Implementation<typeof Echo>): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]]);
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** Everything awkward: order across keys, duplicates, commas, empty values, bytes of all kinds. */
const awkward: [string, string | Uint8Array][] = [
  ["zz", "first"],
  ["list", "a,b"],
  ["list", "c, d"],
  ["empty", ""],
  ["aa", "between"],
  ["list", "a,b"],
  ["some-bin", new Uint8Array([0, 1, 2, 253, 254, 255])],
  ["some-bin", new Uint8Array(0)],
  ["some-bin", new Uint8Array([44])],
  ["7", "a key like an index"],
  ["x_y.z-9", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
];

const pairs = (metadata: Metadata | undefined): [string, string | Uint8Array][] => [...(metadata ?? [])];

describe("metadata", () => {
  it("arrives exactly as it was sent, in all three places, of both forms", async () => {
    const seen: [string, string | Uint8Array][][] = [];
    const client = clientOf({
      async say(_request, call) {
        seen.push(pairs(call.metadata));
        await call.sendInitialMetadata(awkward);
        for (const [key, value] of awkward) call.trailingMetadata.append(key, value);
        return {};
      },
      chat: {
        async open(call) {
          seen.push(pairs(call.metadata));
          await call.sendInitialMetadata(awkward);
          await call.sendTrailingMetadata(awkward);
        },
      },
    });
    await client.say(
      {},
      {
        metadata: awkward,
        onInitialMetadata: (metadata) => seen.push(pairs(metadata)),
        onTrailingMetadata: (metadata) => seen.push(pairs(metadata)),
      },
    );
    const call = client.chat.open({ metadata: awkward });
    await call.receiveTrailingMetadata();
    seen.push(pairs(call.initialMetadata), pairs(call.trailingMetadata));
    expect(seen.length).toBe(6);
    for (const one of seen) expect(one).toEqual(awkward);
  });

  it("that was received is frozen, and holds nothing of gRPC's own", async () => {
    let received: Metadata | undefined;
    const client = clientOf({
      say(_request, call) {
        received = call.metadata;
        expect(call.metadata).toBe(received);
        return {};
      },
    });
    let trailing: Metadata | undefined;
    await client.say({}, { metadata: { mine: "1" }, onTrailingMetadata: (metadata) => (trailing = metadata) });
    expect(pairs(received)).toEqual([["mine", "1"]]);
    expect(received?.frozen).toBe(true);
    expect(() => received?.set("mine", "2")).toThrow(/frozen/);
    expect(trailing?.size).toBe(0);
  });

  it("that was received may be sent on as it is, octets beyond ASCII included", async () => {
    const odd = Metadata.fromWire([
      { name: "latin", value: "caf\u00e9\t!" },
      { name: "b-bin", value: "AQI,AwQ=" },
    ]);
    const client = clientOf({
      async say(_request, call) {
        await call.sendInitialMetadata(call.metadata);
        await Promise.resolve();
        return {};
      },
      chat: { open: (call) => call.sendTrailingMetadata(call.metadata) },
    });
    let initial: Metadata | undefined;
    await client.say({}, { metadata: odd, onInitialMetadata: (metadata) => (initial = metadata) });
    expect(pairs(initial)).toEqual(pairs(odd));
    expect(pairs(initial)).toEqual([
      ["latin", "caf\u00e9\t!"],
      ["b-bin", new Uint8Array([1, 2])],
      ["b-bin", new Uint8Array([3, 4])],
    ]);
    const call = client.chat.open({ metadata: odd });
    expect(pairs(await call.receiveTrailingMetadata())).toEqual(pairs(odd));
  });

  it.each<[MetadataInit, string]>([
    [
      { "grpc-timeout": "1S" },
      'metadata key "grpc-timeout" is reserved: keys that start with "grpc-" belong to gRPC itself',
    ],
    [{ ":path": "/x" }, 'metadata key ":path" is not allowed: pseudo-header fields belong to HTTP/2 (RFC 9113 §8.3)'],
    [{ "Content-Type": "x" }, 'metadata key "content-type" is reserved: gRPC sets it itself'],
    [{ "user-agent": "x" }, 'metadata key "user-agent" is reserved: it is an option of the channel'],
    [{ te: "trailers" }, 'metadata key "te" is reserved: gRPC sets it itself'],
  ])("with a reserved key is refused: %j", async (metadata, message) => {
    const client = clientOf({ say: () => ({}) });
    const error = await rejection(client.say({}, { metadata }));
    expect(error.message).toBe(message);
    expect(error.code).toBe("METADATA_KEY");
  });

  it("as it was when the call was made is sent, whatever is done to it afterwards", async () => {
    const client = clientOf({ chat: { open: (call) => call.sendTrailingMetadata(call.metadata) } });
    const metadata = new Metadata({ a: "before" });
    const call = client.chat.open({ metadata });
    metadata.set("a", "after");
    expect((await call.receiveTrailingMetadata()).get("a")).toBe("before");
  });

  it("goes with errors: what a handler threw, and what it had set before", async () => {
    const client = clientOf({
      say(_request, call) {
        call.trailingMetadata.set("seen", "yes").set("why", "not yet known");
        throw new GrpcError(Status.FAILED_PRECONDITION, "nein: schön & 100%", {
          metadata: { why: "not ready", "proof-bin": new Uint8Array([9]) },
        });
      },
    });
    let trailing: Metadata | undefined;
    const error = await rejection(client.say({}, { onTrailingMetadata: (metadata) => (trailing = metadata) }));
    expect(error).toMatchObject({
      status: Status.FAILED_PRECONDITION,
      code: "FAILED_PRECONDITION",
      message: "nein: schön & 100%",
    });
    const expected = [
      ["seen", "yes"],
      ["why", "not ready"],
      ["proof-bin", new Uint8Array([9])],
    ];
    expect(pairs(error.metadata)).toEqual(expected);
    expect(pairs(trailing)).toEqual(expected);
    const call = client.say.open();
    await call.send({});
    expect(await rejection(call.receiveInitialMetadata())).toMatchObject({ status: Status.FAILED_PRECONDITION });
    expect(await rejection(call.receiveTrailingMetadata())).toMatchObject({ status: Status.FAILED_PRECONDITION });
    expect(call.trailingMetadata?.get("seen")).toBe("yes");
    expect(call.initialMetadata).toBeUndefined();
  });

  it("listeners that throw fail the call with what they threw", async () => {
    const client = clientOf({
      async say(_request, call) {
        await call.sendInitialMetadata({ a: "b" });
        return {};
      },
      async *expand() {
        yield {};
      },
    });
    const failure = new Error("not what I expected");
    const fail = (): never => {
      throw failure;
    };
    expect(await rejection(client.say({}, { onInitialMetadata: fail }))).toBe(failure);
    expect(await rejection(client.say({}, { onTrailingMetadata: fail }))).toBe(failure);
    expect(await rejection(collect(client.expand({}, { onInitialMetadata: fail })))).toBe(failure);
  });
});

describe("metadata larger than the peer takes", () => {
  const much = Array.from({ length: 200 }, (_, index): [string, string] => [`key-${index}`, "x".repeat(400)]);

  it("fails its call alone, before it is sent, and the connection lives", async () => {
    const client = clientOf({ say: () => ({ text: "fine" }) });
    await client.say({});
    const error = await rejection(client.say({}, { metadata: much }));
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toMatch(/^request headers of \d+ bytes are larger than the peer takes \(16384\)$/);
    expect((await client.say({})).text).toBe("fine");
  });

  it("from the server is refused there, and the call ends with RESOURCE_EXHAUSTED", async () => {
    const refused: unknown[] = [];
    const client = clientOf({
      async say(_request, call) {
        refused.push((await rejection(call.sendInitialMetadata(much))).code);
        await call.sendInitialMetadata({ small: "enough" });
        return { text: "fine" };
      },
      chat: { open: (call) => call.sendTrailingMetadata(much) },
    });
    expect((await client.say({})).text).toBe("fine");
    expect(refused).toEqual(["RESOURCE_EXHAUSTED"]);
    const error = await rejection(collect(client.chat([])));
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toMatch(/^trailers of \d+ bytes are larger than the peer takes \(65536\)$/);
  });
});
