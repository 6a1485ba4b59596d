import { create } from "@bufbuild/protobuf";
import { AnySchema, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, it } from "vitest";
import { StatusSchema } from "../../src/gen/google/rpc/status_pb.js";
import { bytesCodec, Channel, createClient, type ServiceDefinition } from "../../src/index.js";
import { jsonCodec } from "../../src/service/json.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, EchoReplySchema, EchoRequestSchema } from "../gen/echo_pb.js";
import { collect, echo, framed, RawClient, RawServer, rejection, until } from "../support.js";
import { GreeterService } from "./gen/ts-proto/grpc-js.js";

let served: ChannelForServices | undefined;

afterEach(async () => {
  await served?.close();
  served = undefined;
});

describe("messages in their JSON form", () => {
  it("go both ways, in all kinds", async () => {
    served = channelFor([[Echo, echo]]);
    const client = createClient(Echo, served.channel, { codec: "json" });
    const payload = Uint8Array.of(0, 255);
    const reply = await client.say({ text: "süß", payload, count: 3 });
    expect(reply).toEqual(create(EchoReplySchema, { text: "süß", payload, count: 3 }));
    expect((await client.say(create(EchoRequestSchema, { text: "a message" }))).text).toBe("a message");
    expect((await collect(client.expand({ text: "x", count: 2 }))).length).toBe(2);
    expect((await client.collect([{ text: "a" }, { text: "b" }])).text).toBe("a,b");
    expect((await collect(client.chat([{ text: "a" }]))).length).toBe(1);
    expect((await createClient(Echo, served.channel, { codec: "proto" }).say({ text: "binary" })).text).toBe("binary");
  });

  it("may hold messages of any type that their file or its imports define", () => {
    const codec = jsonCodec(StatusSchema);
    const inner = create(StatusSchema, { code: 5, message: "inner" });
    const bytes = codec.encode({
      code: 3,
      details: [anyPack(StatusSchema, inner), anyPack(AnySchema, anyPack(StatusSchema, inner))],
    });
    expect(JSON.parse(Buffer.from(bytes).toString()).details[0]).toEqual({
      "@type": "type.googleapis.com/google.rpc.Status",
      code: 5,
      message: "inner",
    });
    const [first, second] = codec.decode(bytes).details;
    expect(first && anyUnpack(first, StatusSchema)).toEqual(inner);
    expect(second?.typeUrl).toBe("type.googleapis.com/google.protobuf.Any");
    const unknown = { typeUrl: "type.googleapis.com/example.Unknown", value: new Uint8Array(1) };
    expect(() => codec.encode({ details: [create(AnySchema, unknown)] })).toThrow(/example\.Unknown/);
  });

  it("are JSON on the wire, and say so", async () => {
    const server = new RawServer();
    server.onWhole = ({ stream }) => {
      stream.sendHeaders(
        [
          { name: ":status", value: "200" },
          { name: "content-type", value: "application/grpc+json" },
        ],
        { endStream: false },
      );
      stream.sendData([framed(Buffer.from('{"text":"raw","somethingNew":[1]}'))], { endStream: false });
      stream.sendHeaders([{ name: "grpc-status", value: "0" }], { endStream: true });
    };
    expect((await createClient(Echo, server.channel, { codec: "json" }).say({ text: "hi" })).text).toBe("raw");
    const [request] = server.requests;
    expect(request?.fields.find(({ name }) => name === "content-type")?.value).toBe("application/grpc+json");
    expect(JSON.parse(Buffer.concat(request?.data ?? []).toString("utf8", 5))).toEqual({ text: "hi" });
    // Who did not ask for JSON does not take it.
    expect((await rejection(createClient(Echo, server.channel).say({}))).message).toContain("application/grpc+json");
    await server.close();
  });

  it.each([
    ["no JSON", Buffer.from("{")],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["of another type", Buffer.from('{"text":7}')],
    ["nested too deeply", Buffer.from(`${"[".repeat(100_000)}`)],
  ])("that are %s end the call", async (_what, body) => {
    served = channelFor([[Echo, echo]]);
    const raw = new RawClient();
    void served.server.serve(raw.serverSide);
    const answer = raw.request("/trunkline.test.v1.Echo/Say", { "content-type": "application/grpc+json" });
    answer.stream.sendData([framed(body)], { endStream: true });
    await until(() => answer.ended, "the answer");
    const told = { ...answer.headers, ...answer.trailers };
    expect(told).toMatchObject({ "content-type": "application/grpc+json", "grpc-status": "13" });
    raw.driver.destroy();
  });

  it("are not had of definitions that know no JSON", async () => {
    const Other = {
      typeName: "test.Other",
      methods: { twice: { path: "/test.Other/Twice", kind: "unary", request: bytesCodec, response: bytesCodec } },
    } as const satisfies ServiceDefinition;
    const channel = new Channel("127.0.0.1:1");
    expect(() => createClient(Other, channel, { codec: "json" })).toThrow(
      "the messages of /test.Other/Twice have no JSON form: only services of protobuf-es do",
    );
    expect(() => createClient(GreeterService, channel, { codec: "json" })).toThrow(/have no JSON form/);
    expect(() => createClient(Echo, channel, { codec: "xml" as never })).toThrow(
      'codec must be "proto" or "json", not "xml"',
    );
    served = channelFor([[Other, { twice: (bytes) => bytes }]]);
    const raw = new RawClient();
    void served.server.serve(raw.serverSide);
    const answer = raw.request("/test.Other/Twice", { "content-type": "application/grpc+json" }, true);
    const unknown = raw.request("/test.Other/Thrice", { "content-type": "application/grpc+json" }, true);
    await until(() => answer.ended && unknown.ended, "the answers");
    expect(answer.headers[":status"]).toBe("415");
    expect(unknown.headers).toMatchObject({ "content-type": "application/grpc+json", "grpc-status": "12" });
    raw.driver.destroy();
  });

  it("refuse a message of another type", async () => {
    served = channelFor([[Echo, echo]]);
    const client = createClient(Echo, served.channel, { codec: "json" });
    expect((await rejection(client.say(create(EchoReplySchema) as never))).message).toBe(
      "request message could not be encoded: a message trunkline.test.v1.EchoReply was given " +
        "where trunkline.test.v1.EchoRequest is expected",
    );
  });
});
