import { afterEach, describe, expect, it } from "vitest";
import { CallUsageError, type Client, createClient, GrpcError, type Implementation, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle, until } from "../support.js";

let served: ChannelForServices | undefined;

function clientOf(implementation: Implementation<typeof Echo>, onError?: (error: Error) => void): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]], { server: { onError } });
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** The echo service with handlers that do every step. */
const stepwise: Implementation<typeof Echo> = {
  say: {
    async open(call) {
      const request = await call.receive();
      expect(await call.receive()).toBeUndefined();
      await call.send({ text: request?.text ?? "" });
    },
  },
  expand: {
    async open(call) {
      const request = await call.receive();
      for (let count = 0; count < (request?.count ?? 0); count++) await call.send({ text: request?.text ?? "", count });
    },
  },
  collect: {
    async open(call) {
      const texts: string[] = [];
      for await (const request of call) texts.push(request.text);
      await call.send({ text: texts.join(",") });
    },
  },
  chat: {
    async open(call) {
      for await (const request of call) await call.send({ text: request.text });
    },
  },
};

describe.each([
  ["short handlers", echo],
  ["handlers that open", stepwise],
])("the four kinds of call, with %s", (_, implementation) => {
  it("unary: one message there, one back", async () => {
    const client = clientOf(implementation);
    expect((await client.say({ text: "you" })).text).toBe("you");
    await using call = client.say.open();
    await call.send({ text: "you" });
    expect((await call.receive())?.text).toBe("you");
    expect(await call.receive()).toBeUndefined();
    await call.receiveTrailingMetadata();
  });

  it("server streaming: one there, many back", async () => {
    const client = clientOf(implementation);
    expect((await collect(client.expand({ text: "x", count: 3 }))).map(({ count }) => count)).toEqual([0, 1, 2]);
    expect(await collect(client.expand({ count: 0 }))).toEqual([]);
    await using call = client.expand.open();
    await call.send({ count: 2 });
    expect((await collect(call)).length).toBe(2);
  });

  it("client streaming: many there, one back", async () => {
    const client = clientOf(implementation);
    expect((await client.collect([{ text: "a" }, { text: "b" }])).text).toBe("a,b");
    expect((await client.collect([])).text).toBe("");
    async function* requests(): AsyncGenerator<{ text: string }> {
      yield { text: "c" };
      yield { text: "d" };
    }
    expect((await client.collect(requests())).text).toBe("c,d");
    await using call = client.collect.open();
    await call.send({ text: "e" });
    await call.sendEof();
    expect((await call.receive())?.text).toBe("e");
  });

  it("bidi streaming: many both ways, in step", async () => {
    const client = clientOf(implementation);
    expect((await collect(client.chat([{ text: "a" }, { text: "b" }]))).map(({ text }) => text)).toEqual(["a", "b"]);
    await using call = client.chat.open();
    for (const text of ["one", "two", "three"]) {
      await call.send({ text });
      expect((await call.receive())?.text).toBe(text);
    }
    await call.sendEof();
    expect(await call.receive()).toBeUndefined();
  });
});

describe("short forms of the client", () => {
  it("start a stream of responses when it is iterated over, once", async () => {
    let calls = 0;
    const client = clientOf({
      // biome-ignore lint/correctness/useYield: it only counts
      async *expand() {
        calls += 1;
      },
    });
    const responses = client.expand({ count: 1 });
    await settle();
    expect(calls).toBe(0);
    await collect(responses);
    expect(calls).toBe(1);
    expect((await rejection(collect(responses))).message).toBe("the responses of a call can be iterated over once");
  });

  it("cancel a call whose responses are left early", async () => {
    let reason: unknown;
    const client = clientOf({
      async *expand(_request, call) {
        call.signal.addEventListener("abort", () => {
          reason = call.signal.reason;
        });
        for (;;) yield { text: "more" };
      },
    });
    for await (const response of client.expand({})) {
      expect(response.text).toBe("more");
      break;
    }
    await until(() => reason !== undefined, "the handler's signal");
    expect(reason).toMatchObject({ status: Status.CANCELLED });
  });

  it("reject with what the requests threw, and cancel the call", async () => {
    let seen: unknown;
    const client = clientOf({
      async collect(requests) {
        try {
          for await (const _ of requests);
        } catch (error) {
          seen = error;
        }
        return {};
      },
    });
    const failure = new Error("no more requests");
    function* requests(): Generator<{ text: string }> {
      yield { text: "a" };
      throw failure;
    }
    expect(await rejection(client.collect(requests()))).toBe(failure);
    await until(() => seen !== undefined, "the handler's error");
    expect(seen).toMatchObject({ status: Status.CANCELLED });
    expect(await rejection(collect(client.chat(requests())))).toBe(failure);
  });

  it("give the server's early answer, and leave the requests", async () => {
    let left = false;
    const client = clientOf({ collect: async () => ({ text: "enough" }) });
    async function* requests(): AsyncGenerator<{ payload: Uint8Array }> {
      try {
        for (;;) yield { payload: new Uint8Array(10_000) };
      } finally {
        left = true;
      }
    }
    expect((await client.collect(requests())).text).toBe("enough");
    await until(() => left, "the requests to be left");
  });

  it("leave requests that wait for something else when the call ends", async () => {
    const client = clientOf({
      async collect() {
        throw new GrpcError(Status.ABORTED, "not today");
      },
    });
    let left = false;
    const requests: AsyncIterable<{}> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          left = true;
          return { done: true, value: undefined };
        },
      }),
    };
    expect(await rejection(client.collect(requests))).toMatchObject({ status: Status.ABORTED, message: "not today" });
    await until(() => left, "return() of the requests");
  });

  it("reject for options that cannot be", async () => {
    const client = clientOf(echo);
    expect((await rejection(client.say({}, { metadata: { "grpc-x": "1" } }))).message).toMatch(
      /metadata key "grpc-x" is reserved/,
    );
    expect((await rejection(client.say({}, { maxReceiveMessageBytes: -1 }))).message).toBe(
      "maxReceiveMessageBytes must be a whole number from 0 to 4294967295, not -1",
    );
    expect((await rejection(collect(client.expand({}, { metadata: { te: "x" } })))).message).toMatch(
      /metadata key "te" is reserved/,
    );
    expect((await rejection(client.collect([], { metadata: { a: "\u0000" } }))).message).toMatch(
      /value of metadata key "a" has U\+0000/,
    );
    expect(() => client.chat.open({ metadata: { "a b": "x" } })).toThrow(/metadata key "a b" is not allowed/);
  });

  it("fail with INTERNAL for a message that cannot be encoded", async () => {
    const client = clientOf(echo);
    const error = await rejection(client.say({ count: 1.5 }));
    expect(error).toMatchObject({ status: Status.INTERNAL });
    expect(error.message).toMatch(/^request message could not be encoded: /);
    expect(await rejection(collect(client.expand({ count: 2 ** 40 })))).toMatchObject({ status: Status.INTERNAL });
    expect(await rejection(client.collect([{ count: 0.5 }]))).toMatchObject({ status: Status.INTERNAL });
  });
});

describe("short handlers", () => {
  it("are called with the implementation as this, and may be methods of a class", async () => {
    class Greeter {
      readonly #greeting = "hello";
      say(request: { text: string }): { text: string } {
        return { text: `${this.#greeting} ${request.text}` };
      }
    }
    const client = clientOf(new Greeter());
    expect((await client.say({ text: "you" })).text).toBe("hello you");
  });

  it("that return nothing fail the call, and the server's user hears why", async () => {
    const errors: Error[] = [];
    const client = clientOf(
      { say: () => undefined as never, expand: () => 5 as never, collect: async () => null as never },
      (error) => errors.push(error),
    );
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNKNOWN, message: "the handler failed" });
    expect(await rejection(collect(client.expand({})))).toMatchObject({ status: Status.UNKNOWN });
    expect(await rejection(client.collect([]))).toMatchObject({ status: Status.UNKNOWN });
    expect(errors.map(({ message }) => message)).toEqual([
      "the handler of /trunkline.test.v1.Echo/Say returned no response message",
      "the handler of /trunkline.test.v1.Echo/Expand must give an (async) iterable, as a generator does",
      "the handler of /trunkline.test.v1.Echo/Collect returned no response message",
    ]);
  });

  it("that reply with something that cannot be encoded fail with INTERNAL, without its text", async () => {
    const errors: Error[] = [];
    const client = clientOf({ say: () => ({ count: "secret" as never }) }, (error) => errors.push(error));
    const error = await rejection(client.say({}));
    expect(error).toMatchObject({ status: Status.INTERNAL, message: "response message could not be encoded" });
    expect(errors.length).toBe(1);
  });

  it("of open calls that forget the response fail the call", async () => {
    const errors: Error[] = [];
    const client = clientOf({ say: { open: () => {} } }, (error) => errors.push(error));
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNKNOWN });
    expect(errors[0]).toBeInstanceOf(CallUsageError);
    expect(errors[0]?.message).toBe(
      "/trunkline.test.v1.Echo/Say has one response message, and it was not sent before the status OK",
    );
  });
});
