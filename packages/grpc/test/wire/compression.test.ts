/** Messages compressed in both directions, seen from both ends and on the wire. */
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import {
  CallUsageError,
  Channel,
  type ChannelOptions,
  type Compression,
  createClient,
  GrpcError,
  type Implementation,
  Server,
  type ServerOptions,
  Status,
} from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo, EchoReplySchema, EchoRequestSchema } from "../gen/echo_pb.js";
import {
  collect,
  echo,
  framed,
  okTrailers,
  type RawAnswer,
  RawClient,
  RawServer,
  rejection,
  responseHeaders,
  until,
} from "../support.js";

const text = "trunkline ".repeat(500);
const base = "/trunkline.test.v1.Echo/";
const end = { endStream: true };
const more = { endStream: false };

const brotli: Compression = {
  name: "br",
  compress: (message) => brotliCompressSync(message),
  decompress: (bytes, maxBytes) => brotliDecompressSync(bytes, { maxOutputLength: maxBytes }),
};

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function memory(
  implementation: Implementation<typeof Echo> = echo,
  options: { server?: ServerOptions; channel?: ChannelOptions } = {},
) {
  const both = channelFor([[Echo, implementation]], options);
  closing.push(() => both.close());
  return createClient(Echo, both.channel);
}

/** A raw server that answers each request with itself, and what its requests were. */
function rawServer(options: ChannelOptions = {}) {
  const server = new RawServer(options);
  closing.push(() => server.close());
  server.onWhole = (request) => {
    request.stream.sendHeaders(responseHeaders, more);
    request.stream.sendData(framed(toBinary(EchoReplySchema, create(EchoReplySchema, { text: "ok" }))), more);
    request.stream.sendHeaders(okTrailers, end);
    request.stream.release();
  };
  const sent = (
    index = -1,
  ): { encoding: string | undefined; accepted: string | undefined; flags: number | undefined; body: Buffer } => {
    const request = server.requests.at(index);
    const value = (wanted: string): string | undefined => request?.fields.find(({ name }) => name === wanted)?.value;
    const bytes = Buffer.concat(request?.data ?? []);
    return {
      encoding: value("grpc-encoding"),
      accepted: value("grpc-accept-encoding"),
      flags: bytes[0],
      body: bytes.subarray(5),
    };
  };
  return { server, sent, client: createClient(Echo, server.channel) };
}

/** The answer of a server of ours to one raw request. */
async function rawAnswer(
  implementation: Implementation<typeof Echo>,
  options: ServerOptions,
  fields: Record<string, string>,
  body: Uint8Array = framed(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }))),
): Promise<RawAnswer & { readonly body: Buffer }> {
  const server = new Server(options).add(Echo, implementation);
  const client = new RawClient();
  void server.serve(client.serverSide);
  closing.push(async () => {
    client.driver.destroy();
    await server.close();
  });
  const answer = client.request(`${base}Say`, fields);
  answer.stream.sendData(body, end);
  await until(() => answer.ended || answer.reset !== undefined, "the answer");
  return Object.assign(answer, { body: Buffer.concat(answer.data) });
}

const accepting = { "grpc-accept-encoding": "identity, gzip,deflate" };

describe("requests", () => {
  it("say which encodings the client understands, and are not compressed by default", async () => {
    const { client, sent } = rawServer();
    await client.say({ text });
    expect(sent()).toMatchObject({ encoding: undefined, accepted: "identity,gzip,deflate", flags: 0 });
  });

  it("are compressed as the channel, the client or the call says, the closest first", async () => {
    const { server, sent, client } = rawServer({ compression: "gzip" });
    await client.say({ text });
    expect(sent()).toMatchObject({ encoding: "gzip", flags: 1 });
    expect(fromBinary(EchoRequestSchema, gunzipSync(sent().body)).text).toBe(text);
    const deflating = createClient(Echo, server.channel, { compression: "deflate" });
    await deflating.say({ text });
    expect(sent()).toMatchObject({ encoding: "deflate", flags: 1 });
    await deflating.say({ text }, { compression: "identity" });
    expect(sent()).toMatchObject({ encoding: undefined, flags: 0 });
    await deflating.say({ text }, { compression: "gzip", metadata: { "a-key": "value" } });
    expect(sent()).toMatchObject({ encoding: "gzip", flags: 1 });
    const names = server.requests.at(-1)?.fields.map(({ name }) => name);
    expect(names?.slice(-2)).toEqual(["grpc-encoding", "a-key"]);
  });

  it("that would not become smaller, and those with compress: false, are sent as they are", async () => {
    const { client, sent } = rawServer({ compression: "gzip" });
    await client.say({ text: "x" });
    expect(sent()).toMatchObject({ encoding: "gzip", flags: 0 });
    const call = client.collect.open();
    await call.send({ text }, { compress: false });
    await call.send({ text }, { compress: true });
    await call.sendEof();
    await call.receive();
    const plainBytes = 5 + toBinary(EchoRequestSchema, create(EchoRequestSchema, { text })).length;
    const { flags, body } = sent();
    expect(flags).toBe(0);
    expect(body[plainBytes - 5]).toBe(1);
  });

  it("are taken by a server of ours, in every kind of call", async () => {
    const client = memory(echo, { channel: { compression: "gzip" } });
    expect((await client.say({ text })).text).toBe(text);
    expect(await collect(client.expand({ text, count: 2 }))).toHaveLength(2);
    expect((await client.collect([{ text }, { text: "b" }])).text).toBe(`${text},b`);
    expect((await collect(client.chat([{ text }, { text: "b" }]))).map((reply) => reply.text)).toEqual([text, "b"]);
  });

  it("are measured uncompressed by both limits: by maxReceiveMessageBytes and by maxSendMessageBytes", async () => {
    const client = memory(echo, {
      channel: { compression: "gzip", maxSendMessageBytes: 6_000 },
      server: { maxReceiveMessageBytes: 1_000 },
    });
    const received = await rejection(client.say({ text }));
    expect(received.code).toBe("RESOURCE_EXHAUSTED");
    expect(received.message).toBe("request message in encoding gzip is larger than maxReceiveMessageBytes (1000)");
    const sent = await rejection(client.say({ text: text.repeat(2) }));
    expect(sent.message).toMatch(/^request message of \d+ bytes is larger than maxSendMessageBytes \(6000\)$/);
  });
});

describe("responses", () => {
  it("are not compressed by default, whatever the client accepts or does itself", async () => {
    const body = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));
    const answer = await rawAnswer(echo, {}, { ...accepting, "grpc-encoding": "gzip" }, framed(gzipSync(body), 1));
    expect(answer.headers["grpc-encoding"]).toBeUndefined();
    expect(answer.body[0]).toBe(0);
    expect(answer.trailers["grpc-status"]).toBe("0");
  });

  it("are compressed as the server says, for clients that accept it", async () => {
    const answer = await rawAnswer(echo, { compression: "gzip" }, accepting);
    expect(answer.headers["grpc-encoding"]).toBe("gzip");
    expect(answer.body[0]).toBe(1);
    expect(fromBinary(EchoReplySchema, gunzipSync(answer.body.subarray(5))).text).toBe(text);
    for (const fields of [{}, { "grpc-accept-encoding": "identity" }, { "grpc-accept-encoding": "gzipped,x-gzip" }]) {
      const plain = await rawAnswer(echo, { compression: "gzip" }, fields);
      expect(plain.headers["grpc-encoding"]).toBeUndefined();
      expect(plain.body[0]).toBe(0);
    }
  });

  it("may be in the encoding of the request, which the client must know", async () => {
    const body = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));
    const answer = await rawAnswer(
      echo,
      { compression: "deflate" },
      { "grpc-encoding": "deflate" },
      framed(deflateSync(body), 1),
    );
    expect(answer.headers["grpc-encoding"]).toBe("deflate");
    expect(answer.body[0]).toBe(1);
  });

  it("of one call are compressed as sendInitialMetadata says", async () => {
    const say: Implementation<typeof Echo>["say"] = async (request, call) => {
      await call.sendInitialMetadata(
        { "a-key": "value" },
        { compression: request.text === text ? "deflate" : "identity" },
      );
      return { text };
    };
    const answer = await rawAnswer({ say }, {}, accepting);
    expect(answer.headers).toMatchObject({ "grpc-encoding": "deflate", "a-key": "value" });
    expect(answer.body[0]).toBe(1);
    const plain = await rawAnswer({ say }, { compression: "gzip" }, accepting, framed(new Uint8Array(0)));
    expect(plain.headers["grpc-encoding"]).toBeUndefined();
    expect(plain.body[0]).toBe(0);
    const unaccepted = await rawAnswer({ say }, {}, {});
    expect(unaccepted.headers["grpc-encoding"]).toBeUndefined();
  });

  it("with compress: false are sent as they are", async () => {
    const say: Implementation<typeof Echo>["say"] = { open: async (call) => call.send({ text }, { compress: false }) };
    const answer = await rawAnswer({ say }, { compression: "gzip" }, accepting);
    expect(answer.headers["grpc-encoding"]).toBe("gzip");
    expect(answer.body[0]).toBe(0);
  });

  it("are taken by a client of ours, in every kind of call", async () => {
    const client = memory(echo, { server: { compression: "gzip" } });
    expect((await client.say({ text })).text).toBe(text);
    expect((await collect(client.expand({ text, count: 3 }))).map((reply) => reply.text)).toEqual([text, text, text]);
    expect((await client.collect([{ text }])).text).toBe(text);
    expect(await collect(client.chat([{ text }, { text: "b" }, { text }]))).toHaveLength(3);
  });
});

describe("a compression of one's own", () => {
  it("is used by name or as an object, and understood where it was given", async () => {
    const options = { acceptCompressions: [brotli], compression: "br" };
    const client = memory(echo, { channel: options, server: options });
    expect((await client.say({ text })).text).toBe(text);
    const objects = memory(echo, { channel: { compression: brotli }, server: { compression: brotli } });
    expect((await objects.say({ text })).text).toBe(text);
    const { client: raw, sent } = rawServer({ compression: brotli });
    await raw.say({ text });
    expect(sent()).toMatchObject({ encoding: "br", accepted: "identity,gzip,deflate,br", flags: 1 });
  });

  it("that the server does not know is UNIMPLEMENTED, with what it knows", async () => {
    const client = memory();
    const error = await rejection(client.say({ text }, { compression: brotli }));
    expect(error.code).toBe("UNIMPLEMENTED");
    expect(error.message).toBe('grpc-encoding "br" is not known here (identity,gzip,deflate)');
  });

  it("takes the place of one that is built in", async () => {
    let used = 0;
    const fast: Compression = {
      name: "gzip",
      compress(message) {
        used += 1;
        return gzipSync(message, { level: 1 });
      },
      decompress: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
    };
    const client = memory(echo, { channel: { acceptCompressions: [fast], compression: "gzip" } });
    expect((await client.say({ text })).text).toBe(text);
    expect(used).toBe(1);
  });

  it("that fails ends the call with INTERNAL and its reason, on either side", async () => {
    const broken: Compression = {
      name: "broken",
      compress(message) {
        if (message.length > 1_000) throw new Error("no room");
        return message.subarray(0, 1);
      },
      decompress() {
        throw new Error("not mine");
      },
    };
    const client = memory(echo, { server: { acceptCompressions: [broken] } });
    const sending = await rejection(client.say({ text }, { compression: broken }));
    expect(sending.code).toBe("INTERNAL");
    expect(sending.message).toBe("request message could not be compressed with broken: no room");
    const receiving = await rejection(client.say({ text: "hello" }, { compression: broken }));
    expect(receiving.code).toBe("INTERNAL");
    expect(receiving.message).toBe("request message is not in its encoding broken");
  });

  it("that gives more than it may is stopped all the same", async () => {
    const generous: Compression = {
      name: "much",
      compress: (message) => message.subarray(0, 1),
      decompress: () => new Uint8Array(5_000),
    };
    const client = memory(echo, { server: { acceptCompressions: [generous], maxReceiveMessageBytes: 4_999 } });
    const error = await rejection(client.say({ text: "hello" }, { compression: generous }));
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toBe("request message in encoding much is larger than maxReceiveMessageBytes (4999)");
  });
});

describe("misuse", () => {
  it("is told at once: a name that is not known, an object that is no Compression", () => {
    const wrong = [
      ["snappy", 'compression "snappy" is not known here (identity,gzip,deflate): give a Compression object'],
      [
        { name: "Gzip", compress() {}, decompress() {} },
        'the name of a compression must be of a-z, 0-9, "-", "_" and ".", and not "identity": "Gzip"',
      ],
      [{ name: "x", compress() {} }, "compression x must have the functions compress and decompress"],
      [null, 'the name of a compression must be of a-z, 0-9, "-", "_" and ".", and not "identity": undefined'],
    ] as const;
    const { channel } = rawServer().server;
    for (const [compression, message] of wrong) {
      const options = { compression: compression as string };
      expect(() => new Channel("127.0.0.1:1", options)).toThrow(new TypeError(message));
      expect(() => new Server(options)).toThrow(new TypeError(message));
      expect(() => createClient(Echo, channel, options)).toThrow(new TypeError(message));
      expect(() => createClient(Echo, channel).say.open(options)).toThrow(new TypeError(message));
    }
    expect(() => new Server({ acceptCompressions: brotli as unknown as Compression[] })).toThrow(
      new TypeError("acceptCompressions must be a list of Compression objects"),
    );
  });

  it("of sendInitialMetadata rejects, and leaves the call as it was", async () => {
    const errors: unknown[] = [];
    const client = memory({
      say: async (_request, call) => {
        errors.push(await rejection(call.sendInitialMetadata({}, { compression: "snappy" })));
        await call.sendInitialMetadata({}, { compression: "gzip" });
        errors.push(await rejection(call.sendInitialMetadata({}, { compression: "deflate" })));
        return { text };
      },
    });
    expect((await client.say({})).text).toBe(text);
    expect(errors[0]).toBeInstanceOf(TypeError);
    expect(errors[1]).toBeInstanceOf(CallUsageError);
  });
});

describe("a server's answer", () => {
  it("in an encoding that is not known fails only where a message is in it", async () => {
    const { client, server } = rawServer();
    const answerWith = (flags: number): void => {
      server.onWhole = ({ stream }) => {
        stream.sendHeaders([...responseHeaders, { name: "grpc-encoding", value: "snappy" }], more);
        stream.sendData(framed(Uint8Array.of(0x0a, 1, 0x61), flags), more);
        stream.sendHeaders(okTrailers, end);
        stream.release();
      };
    };
    answerWith(0);
    expect((await client.say({})).text).toBe("a");
    answerWith(1);
    const error = await rejection(client.say({}));
    expect(error).toBeInstanceOf(GrpcError);
    expect(error.status).toBe(Status.INTERNAL);
    expect(error.message).toBe('message in grpc-encoding "snappy", which is not known here (identity,gzip,deflate)');
  });

  it("that inflates beyond the limit is refused by it", async () => {
    const { client, server } = rawServer({ maxReceiveMessageBytes: 10_000 });
    const bomb = gzipSync(new Uint8Array(8_000_000));
    server.onWhole = ({ stream }) => {
      stream.sendHeaders([...responseHeaders, { name: "grpc-encoding", value: "gzip" }], more);
      stream.sendData(framed(bomb, 1), more);
      stream.sendHeaders(okTrailers, end);
      stream.release();
    };
    const error = await rejection(client.say({}));
    expect(error.code).toBe("RESOURCE_EXHAUSTED");
    expect(error.message).toBe("response message in encoding gzip is larger than maxReceiveMessageBytes (10000)");
  });

  it("gives a decoder of one's own the limit, too, and never zero", async () => {
    const limits: number[] = [];
    const spy: Compression = {
      name: "spy",
      compress: (message) => message.subarray(0, 1),
      decompress(_bytes, maxBytes) {
        limits.push(maxBytes);
        return new Uint8Array(0);
      },
    };
    for (const maxReceiveMessageBytes of [70_000, 0]) {
      const server = { acceptCompressions: [spy], maxReceiveMessageBytes };
      const client = memory(echo, { server, channel: { compression: spy } });
      await client.say({ text: "longer than one byte" }).catch(() => {});
    }
    expect(limits).toEqual([70_000]);
  });
});

describe("messages that inflate to megabytes", () => {
  /** 4 KB on the wire. */
  const large = { payload: new Uint8Array(4_000_000), count: 1 };
  const options = { channel: { compression: "gzip" } } as const;

  it("let the event loop serve others between them, and keep their order", async () => {
    let turns = 0;
    let immediate = setImmediate(function turn() {
      turns += 1;
      immediate = setImmediate(turn);
    });
    const seen: number[] = [];
    let turnsAtFirst = 0;
    const client = memory(
      {
        async collect(requests) {
          for await (const { count, payload } of requests) {
            if (seen.length === 0) turnsAtFirst = turns;
            expect(payload.length).toBe(4_000_000);
            seen.push(count);
          }
          turns -= turnsAtFirst;
          clearImmediate(immediate);
          return { count: turns };
        },
      },
      options,
    );
    const bytes = toBinary(EchoRequestSchema, create(EchoRequestSchema, large));
    const body = gzipSync(Buffer.concat([bytes]));
    expect(body.length).toBeLessThan(6_000);
    const reply = await client.collect(Array.from({ length: 30 }, (_, count) => ({ ...large, count })));
    expect(seen).toEqual(Array.from({ length: 30 }, (_, count) => count));
    expect(reply.count).toBeGreaterThanOrEqual(25);
  });

  it("reach short handlers and short calls, also where an interceptor makes the request wait", async () => {
    const slow = { onRequest: () => new Promise<void>((resolve) => setImmediate(resolve)) };
    for (const interceptors of [[], [() => slow]]) {
      const client = memory(echo, { ...options, server: { compression: "gzip", interceptors } });
      const reply = await client.say(large);
      expect([reply.payload.length, reply.count]).toEqual([4_000_000, 1]);
      expect((await collect(client.chat([large, { count: 2 }, large]))).map(({ count }) => count)).toEqual([1, 2, 1]);
    }
  });

  it("end their call with INTERNAL if they are malformed, with RESOURCE_EXHAUSTED beyond the limit", async () => {
    const server = new Server({ maxReceiveMessageBytes: 1_000_000 }).add(Echo, echo);
    const raw = new RawClient();
    void server.serve(raw.serverSide);
    const headers = { "grpc-encoding": "gzip" };
    const tooLarge = raw.request(`${base}Say`, headers);
    tooLarge.stream.sendData(framed(gzipSync(new Uint8Array(4_000_000)), 1), end);
    await until(() => tooLarge.ended, "the answer");
    expect(tooLarge.headers).toMatchObject({ "grpc-status": String(Status.RESOURCE_EXHAUSTED) });
    const cut = raw.request(`${base}Say`, headers);
    const noise = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index * 7919) >> 5));
    cut.stream.sendData(framed(gzipSync(noise).subarray(0, 100_000), 1), end);
    await until(() => cut.ended, "the answer");
    expect(cut.headers).toMatchObject({ "grpc-status": String(Status.INTERNAL) });
    raw.driver.close();
    await server.close();
  });

  it("are dropped when their call is cancelled, and the connection lives", async () => {
    const client = memory(echo, { ...options, server: { compression: "gzip" } });
    const call = client.chat.open();
    await call.send(large);
    await call.receiveInitialMetadata();
    const received = rejection(call.receive());
    call.cancel("enough");
    expect((await received).status).toBe(Status.CANCELLED);
    expect((await client.say({ text: "fine" })).text).toBe("fine");
  });
});
