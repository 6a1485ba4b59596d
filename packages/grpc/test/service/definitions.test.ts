/** Definitions that were made for other libraries, at clients and servers of ours and against grpc-js. */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { type AnyService, Channel, createClient, type GrpcJsServiceDefinition, Server } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { collect, rejection } from "../support.js";
import { GreeterDefinition } from "./gen/ts-proto/generic-definitions.js";
import { GreeterService, type HelloReply, type HelloRequest } from "./gen/ts-proto/grpc-js.js";

// Both by `require`, as such code is used: an import would make message classes of its own.
const require = createRequire(import.meta.url);
const { GreeterService: ToolsService } =
  require("./gen/grpc-tools/greeter_grpc_pb.cjs") as typeof import("./gen/grpc-tools/greeter_grpc_pb.cjs");
const { HelloReply: ToolsReply, HelloRequest: ToolsRequest } =
  require("./gen/grpc-tools/greeter_pb.cjs") as typeof import("./gen/grpc-tools/greeter_pb.cjs");
type ToolsReply = InstanceType<typeof ToolsReply>;
type ToolsRequest = InstanceType<typeof ToolsRequest>;

const proto = fileURLToPath(new URL("greeter.proto", import.meta.url));
const loaded = loadSync(proto, { defaults: true })["greeter.v1.Greeter"] as GrpcJsServiceDefinition;

interface Hello {
  name: string;
  repeat: number;
}

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

/** A server of ours for messages that are plain objects, whatever description they go by. */
const handlers = {
  sayHello: ({ name, repeat }: Hello) => ({
    text: `hello ${name}`.repeat(Math.max(1, repeat)),
    payload: Buffer.alloc(0),
  }),
  async *listHellos({ name, repeat }: Hello) {
    for (let index = 0; index < repeat; index++) yield { text: `${index} ${name}`, payload: Buffer.alloc(0) };
  },
  async joinNames(requests: AsyncIterable<Hello>) {
    const names: string[] = [];
    for await (const { name } of requests) names.push(name);
    return { text: names.join("+"), payload: Buffer.alloc(0) };
  },
  async *chat(requests: AsyncIterable<Hello>) {
    for await (const { name } of requests) yield { text: `you said ${name}`, payload: Buffer.alloc(0) };
  },
};

interface PlainClient {
  sayHello(request: Hello & { payload: Buffer }): Promise<{ text: string }>;
  listHellos(request: Hello & { payload: Buffer }): AsyncIterable<{ text: string }>;
  joinNames(requests: (Hello & { payload: Buffer })[]): Promise<{ text: string }>;
  chat(requests: (Hello & { payload: Buffer })[]): AsyncIterable<{ text: string }>;
}

const hello = (name: string, repeat = 1): Hello & { payload: Buffer } => ({ name, repeat, payload: Buffer.alloc(0) });

async function useAll(client: PlainClient): Promise<void> {
  expect((await client.sayHello(hello("Ada", 2))).text).toBe("hello Adahello Ada");
  expect((await collect(client.listHellos(hello("Ada", 3)))).map(({ text }) => text)).toEqual([
    "0 Ada",
    "1 Ada",
    "2 Ada",
  ]);
  expect((await client.joinNames([hello("Ada"), hello("Bob")])).text).toBe("Ada+Bob");
  expect((await collect(client.chat([hello("Ada"), hello("Bob")]))).map(({ text }) => text)).toEqual([
    "you said Ada",
    "you said Bob",
  ]);
}

const shapes: [string, AnyService][] = [
  ["ts-proto for grpc-js", GreeterService],
  ["ts-proto's generic definitions", GreeterDefinition],
  ["@grpc/proto-loader", loaded],
];

describe.each(shapes)("a definition of %s", (_name, definition) => {
  it.each(shapes)("serves a client by a definition of %s", async (_other, clientDefinition) => {
    await using served = channelFor([[definition, handlers as never]]);
    await useAll(createClient(clientDefinition, served.channel) as unknown as PlainClient);
  });

  it("serves a client of grpc-js", async () => {
    const server = new Server();
    open.push(server);
    const address = await server.add(definition, handlers as never).listen("127.0.0.1:0");
    const GreeterClient = grpc.makeGenericClientConstructor(GreeterService, "Greeter");
    const client = new GreeterClient(address, grpc.credentials.createInsecure());
    const reply = await new Promise((resolve, reject) => {
      client["sayHello"]?.(hello("Ada"), (error: unknown, value: unknown) =>
        error ? reject(error as Error) : resolve(value),
      );
    });
    expect(reply).toMatchObject({ text: "hello Ada" });
    client.close();
  });

  it("calls a server of grpc-js", async () => {
    const server = new grpc.Server();
    server.addService(GreeterService as never, {
      sayHello: ((call: { request: Hello }, callback: (error: null, reply: object) => void) =>
        callback(null, handlers.sayHello(call.request))) as never,
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const channel = new Channel(`127.0.0.1:${port}`);
    const client = createClient(definition, channel) as unknown as PlainClient;
    expect((await client.sayHello(hello("Ada"))).text).toBe("hello Ada");
    await channel.close();
    server.forceShutdown();
  });
});

describe("a definition of grpc-tools", () => {
  it("works with its message classes, at clients and servers", async () => {
    const reply = (text: string): ToolsReply => new ToolsReply().setText(text);
    await using served = channelFor([
      [
        ToolsService,
        {
          sayHello: (request) => reply(`hello ${request.getName()}`),
          async *listHellos(request) {
            for (let index = 0; index < request.getRepeat(); index++) yield reply(String(index));
          },
          async joinNames(requests) {
            const names: string[] = [];
            for await (const request of requests) names.push(request.getName());
            return reply(names.join("+"));
          },
          chat: {
            async open(call) {
              for await (const request of call) await call.send(reply(request.getName()));
            },
          },
        },
      ],
    ]);
    const client = createClient(ToolsService, served.channel);
    const request = (name: string, repeat = 0): ToolsRequest => new ToolsRequest().setName(name).setRepeat(repeat);
    expect((await client.sayHello(request("Ada"))).getText()).toBe("hello Ada");
    expect((await collect(client.listHellos(request("", 2)))).map((one) => one.getText())).toEqual(["0", "1"]);
    expect((await client.joinNames([request("Ada"), request("Bob")])).getText()).toBe("Ada+Bob");
    const call = client.chat.open();
    await call.send(request("step"));
    expect((await call.receive())?.getText()).toBe("step");
    await call.sendEof();
    await call.receiveTrailingMetadata();
  });

  it("says what its serializers refuse", async () => {
    await using served = channelFor([[ToolsService, { sayHello: () => new ToolsReply() }]]);
    expect(await rejection(createClient(ToolsService, served.channel).sayHello({} as never))).toMatchObject({
      code: "INTERNAL",
      message: "request message could not be encoded: Expected argument of type greeter.v1.HelloRequest",
    });
  });
});

describe("names of methods", () => {
  it("of a loaded definition are those of the proto file, and with a small first letter", async () => {
    await using served = channelFor([
      [loaded, { SayHello: handlers.sayHello, joinNames: handlers.joinNames } as never],
    ]);
    const client = createClient(loaded, served.channel) as unknown as Record<string, PlainClient["sayHello"]> &
      PlainClient;
    expect(Object.keys(client).sort()).toEqual(
      ["Chat", "JoinNames", "ListHellos", "SayHello", "chat", "joinNames", "listHellos", "sayHello"].sort(),
    );
    expect((await client["SayHello"]?.(hello("Ada")))?.text).toBe("hello Ada");
    expect((await client.sayHello(hello("Ada"))).text).toBe("hello Ada");
    expect((await client.joinNames([hello("Ada")])).text).toBe("Ada");
  });

  it("may be those that are names of parts of other descriptions", async () => {
    const { sayHello } = GreeterService;
    const odd = {
      methods: sayHello,
      method: { ...sayHello, path: "/odd.Service/Method" },
      typeName: { ...sayHello, path: "/odd.Service/Name" },
    };
    await using served = channelFor([
      [odd, { methods: handlers.sayHello as never, typeName: handlers.sayHello as never }],
    ]);
    const client = createClient(odd, served.channel);
    expect((await client.methods(hello("Ada"))).text).toBe("hello Ada");
    expect((await client.typeName(hello("Ada"))).text).toBe("hello Ada");
    expect((await rejection(client.method(hello("Ada")))).code).toBe("UNIMPLEMENTED");
  });
});

describe("types", () => {
  it("follow from definitions of ts-proto and grpc-tools", () => {
    const client = createClient(GreeterService, new Channel("127.0.0.1:1"));
    expectTypeOf(client.sayHello).parameter(0).toEqualTypeOf<HelloRequest>();
    expectTypeOf(client.sayHello).returns.toEqualTypeOf<Promise<HelloReply>>();
    expectTypeOf(client.chat).returns.toEqualTypeOf<AsyncIterable<HelloReply>>();
    const generic = createClient(GreeterDefinition, new Channel("127.0.0.1:1"));
    expectTypeOf(generic.sayHello).toBeCallableWith({ name: "in part" });
    expectTypeOf(generic.listHellos).returns.toExtend<AsyncIterable<{ text: string }>>();
    const tools = createClient(ToolsService, new Channel("127.0.0.1:1"));
    expectTypeOf(tools.joinNames).returns.toEqualTypeOf<Promise<ToolsReply>>();
  });

  it("of a loaded definition leave open what comes back", async () => {
    await using served = channelFor([[loaded, handlers as never]]);
    const { sayHello, listHellos } = createClient(loaded, served.channel);
    const reply = await sayHello?.(hello("Ada") as never);
    expect(reply).toMatchObject({ text: "hello Ada" });
    if (listHellos === undefined) throw new Error("no such method");
    expect((await collect(listHellos(hello("Ada", 2) as never))).length).toBe(2);
  });
});

describe("bytes fields", () => {
  it("are Buffers where the definition makes them so, and keep no more in memory than themselves", async () => {
    const payloads: unknown[] = [];
    await using served = channelFor([
      [
        GreeterService,
        {
          sayHello(request) {
            payloads.push(request.payload);
            return { text: "", payload: request.payload };
          },
        },
      ],
    ]);
    const reply = await createClient(GreeterService, served.channel).sayHello({
      name: "",
      repeat: 0,
      payload: Buffer.from("abc"),
    });
    expect(Buffer.isBuffer(payloads[0])).toBe(true);
    expect(reply.payload.toString()).toBe("abc");
    expect(reply.payload.buffer.byteLength).toBeLessThan(16_384);
  });
});

describe("what is no definition", () => {
  it.each([
    [null],
    [undefined],
    [7],
    ["greeter"],
    [{}],
    [{ typeName: "a.B" }],
    [{ sayHello: {} }],
    [{ fullName: "a.B" }],
  ])("is refused: %j", (wrong) => {
    expect(() => createClient(wrong as never, new Channel("127.0.0.1:1"))).toThrow(
      /^a service is a descriptor of protobuf-es, a definition as of/,
    );
    expect(() => new Server().add(wrong as never, {})).toThrow(
      /^a service is a descriptor of protobuf-es, a definition as of/,
    );
  });

  it("is refused for a path that is none", () => {
    const wrong = { sayHello: { ...GreeterService.sayHello, path: "SayHello" } };
    expect(() => createClient(wrong, new Channel("127.0.0.1:1"))).toThrow(
      'the path of method sayHello must be "/package.Service/Method", not "SayHello"',
    );
  });
});
