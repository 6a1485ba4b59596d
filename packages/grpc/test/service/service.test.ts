import { create } from "@bufbuild/protobuf";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type Client,
  type ClientCall,
  createClient,
  type Implementation,
  type MessageCodec,
  protobufCodec,
  Server,
  type ServerCall,
  type ServiceDefinition,
} from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply, EchoReplySchema, type EchoRequest, EchoRequestSchema } from "../gen/echo_pb.js";
import { collect } from "../support.js";

/** Numbers as eight bytes. */
const numbers: MessageCodec<number> = {
  encode(number) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, number);
    return bytes;
  },
  decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0),
};

const texts: MessageCodec<string> = {
  encode: (text) => Buffer.from(text),
  decode: (bytes) => Buffer.from(bytes).toString(),
};

const Calculator = {
  typeName: "test.Calculator",
  methods: {
    describe: { path: "/test.Calculator/Describe", kind: "unary", request: numbers, response: texts },
    countDown: { path: "/test.Calculator/CountDown", kind: "server_streaming", request: numbers, response: numbers },
    add: { path: "/test.Calculator/Add", kind: "client_streaming", request: numbers, response: numbers },
    sums: { path: "/test.Calculator/Sums", kind: "bidi_streaming", request: numbers, response: texts },
  },
} as const satisfies ServiceDefinition;

describe("a service described by hand", () => {
  it("works with codecs of its own, in all kinds and both forms", async () => {
    await using served = channelFor([
      [
        Calculator,
        {
          describe: (number) => `it is ${number}`,
          async *countDown(from) {
            for (let number = from; number > 0; number--) yield number;
          },
          async add(all) {
            let sum = 0;
            for await (const number of all) sum += number;
            return sum;
          },
          sums: {
            async open(call) {
              let sum = 0;
              for await (const number of call) {
                sum += number;
                await call.send(String(sum));
              }
            },
          },
        },
      ],
    ]);
    const client = createClient(Calculator, served.channel);
    expect(await client.describe(4.5)).toBe("it is 4.5");
    expect(await collect(client.countDown(3))).toEqual([3, 2, 1]);
    expect(await client.add([1, 2, 3.5])).toBe(6.5);
    expect(await collect(client.sums([1, 2]))).toEqual(["1", "3"]);
    await using call = client.sums.open();
    await call.send(7);
    expect(await call.receive()).toBe("7");
  });

  it("gives its methods the types of its codecs", () => {
    type Calc = Client<typeof Calculator>;
    expectTypeOf<Calc["describe"]>().parameter(0).toEqualTypeOf<number>();
    expectTypeOf<Calc["describe"]>().returns.toEqualTypeOf<Promise<string>>();
    expectTypeOf<Calc["countDown"]>().returns.toEqualTypeOf<AsyncIterable<number>>();
    expectTypeOf<ReturnType<Calc["sums"]["open"]>>().toEqualTypeOf<ClientCall<number, string>>();
  });

  it.each<[unknown, string]>([
    [
      { path: "no-slash", kind: "unary" },
      'the path of method test.Odd.odd must be "/package.Service/Method", not "no-slash"',
    ],
    [
      { path: "/test.Odd/Odd", kind: "sometimes" },
      "the kind of method /test.Odd/Odd must be one of unary, server_streaming, client_streaming, " +
        'bidi_streaming, not "sometimes"',
    ],
  ])("is refused when it makes no sense: %j", (method, message) => {
    const odd = { typeName: "test.Odd", methods: { odd: method } } as never;
    expect(() => new Server().add(odd, { odd: () => {} } as never)).toThrow(message);
  });
});

describe("a service of protobuf-es", () => {
  it("takes messages and plain objects to make them of", async () => {
    await using served = channelFor([[Echo, { say: (request) => create(EchoReplySchema, { text: request.text }) }]]);
    const client = createClient(Echo, served.channel);
    expect((await client.say(create(EchoRequestSchema, { text: "message" }))).text).toBe("message");
    const reply = await client.say({ text: "object" });
    expect(reply.text).toBe("object");
    expect(reply.$typeName).toBe("trunkline.test.v1.EchoReply");
  });

  it("gives clients and implementations the types of its messages", () => {
    type EchoClient = Client<typeof Echo>;
    expectTypeOf<EchoClient["say"]>().returns.toEqualTypeOf<Promise<EchoReply>>();
    expectTypeOf<EchoClient["expand"]>().returns.toEqualTypeOf<AsyncIterable<EchoReply>>();
    expectTypeOf<EchoClient["collect"]>().returns.toEqualTypeOf<Promise<EchoReply>>();
    expectTypeOf<EchoClient["chat"]>().returns.toEqualTypeOf<AsyncIterable<EchoReply>>();
    expectTypeOf<EchoRequest>().toExtend<Parameters<EchoClient["say"]>[0]>();
    expectTypeOf<{ text: string }>().toExtend<Parameters<EchoClient["say"]>[0]>();
    expectTypeOf<{ text: number }>().not.toExtend<Parameters<EchoClient["say"]>[0]>();
    const implementation: Implementation<typeof Echo> = {
      say(request, call) {
        expectTypeOf(request).toEqualTypeOf<EchoRequest>();
        expectTypeOf(call).toExtend<ServerCall<EchoRequest, never>>();
        expectTypeOf(call.metadata.get("some-bin")).toEqualTypeOf<Uint8Array | undefined>();
        return { text: "typed" };
      },
      // @ts-expect-error a reply has no such field
      collect: async () => ({ txt: 5 }),
    };
    expect(Object.keys(implementation)).toEqual(["say", "collect"]);
  });
});

describe("codecs", () => {
  it("of protobuf refuse a message of another type, and what is none", () => {
    const codec = protobufCodec(EchoRequestSchema);
    expect(() => codec.encode(create(EchoReplySchema) as never)).toThrow(
      "a message trunkline.test.v1.EchoReply was given where trunkline.test.v1.EchoRequest is expected",
    );
    expect(codec.decode(codec.encode({ text: "a" }))).toMatchObject({ text: "a" });
    for (const nothing of [undefined, null, "text", 5]) {
      expect(() => codec.encode(nothing as never)).toThrow(
        new TypeError(`${nothing} was given where a message trunkline.test.v1.EchoRequest is expected`),
      );
    }
  });
});
