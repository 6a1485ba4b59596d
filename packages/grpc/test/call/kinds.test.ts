import { afterEach, describe, expect, it } from "vitest";
import {
  CallUsageError,
  type Client,
  type ClientCall,
  createClient,
  GrpcError,
  type Implementation,
  Status,
} from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply } from "../gen/echo_pb.js";
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

/** The same service with handlers that do every step. */
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

describe("the steps of a client's call", () => {
  it("start nothing before the first of them", async () => {
    let calls = 0;
    const client = clientOf({
      chat: {
        open: () => {
          calls += 1;
        },
      },
    });
    const call = client.chat.open();
    await settle();
    expect(calls).toBe(0);
    expect(call.peer).toBeUndefined();
    await call.start();
    await call.start();
    expect(call.peer).toEqual({ address: "transport", secure: false });
    await until(() => calls === 1, "the handler");
  });

  it.each<[string, (call: ClientCall<{}, EchoReply>) => Promise<unknown>]>([
    ["start", (call) => call.start()],
    ["send", (call) => call.send({})],
    ["receive", (call) => call.receive()],
    ["sendEof", (call) => call.sendEof()],
    ["receiveInitialMetadata", (call) => call.receiveInitialMetadata()],
    ["receiveTrailingMetadata", (call) => call.receiveTrailingMetadata()],
    ["iteration", (call) => collect(call)],
  ])("%s implies those before it", async (_, step) => {
    const client = clientOf({
      chat: {
        async open(call) {
          await call.sendInitialMetadata();
        },
      },
    });
    await step(client.chat.open());
  });

  it("let initial metadata be read before any message is sent", async () => {
    const client = clientOf({
      chat: {
        async open(call) {
          await call.sendInitialMetadata({ begin: "now" });
          for await (const { text } of call) await call.send({ text });
        },
      },
    });
    await using call = client.chat.open();
    expect(call.initialMetadata).toBeUndefined();
    expect((await call.receiveInitialMetadata()).get("begin")).toBe("now");
    expect(call.initialMetadata?.get("begin")).toBe("now");
    expect((await call.receiveInitialMetadata()).get("begin")).toBe("now");
    await call.send({ text: "now" });
    expect((await call.receive())?.text).toBe("now");
  });

  it("leave messages for receive() when the trailing metadata is waited for first", async () => {
    const client = clientOf({
      chat: {
        async open(call) {
          await call.send({ text: "one" });
          await call.send({ text: "two" });
          await call.sendTrailingMetadata({ end: "here" });
        },
      },
    });
    const call = client.chat.open();
    const trailing = call.receiveTrailingMetadata();
    expect((await trailing).get("end")).toBe("here");
    expect((await collect(call)).map(({ text }) => text)).toEqual(["one", "two"]);
  });

  it("get a response larger than the window even if only the trailing metadata is waited for", async () => {
    const client = clientOf({ say: () => ({ payload: new Uint8Array(1_000_000) }) });
    const call = client.say.open();
    await call.send({});
    await call.receiveTrailingMetadata();
    expect((await call.receive())?.payload.length).toBe(1_000_000);
  });

  it("end the sending with the one request, and a second one is a clear error", async () => {
    const client = clientOf(echo);
    await using call = client.say.open();
    expect((await rejection(call.sendEof())).message).toBe(
      "/trunkline.test.v1.Echo/Say takes one request message, and it was not sent",
    );
    await call.send({ text: "a" });
    await call.sendEof();
    await call.sendEof();
    const error = await rejection(call.send({ text: "b" }));
    expect(error).toBeInstanceOf(CallUsageError);
    expect(error.message).toBe("/trunkline.test.v1.Echo/Say takes one request message, and it was sent already");
    expect((await call.receive())?.text).toBe("a");
    const overlapping = client.say.open();
    const [first, second] = await Promise.allSettled([
      overlapping.send({ text: "a" }),
      overlapping.send({ text: "b" }),
    ]);
    expect([first?.status, second?.status]).toEqual(["fulfilled", "rejected"]);
    expect((await overlapping.receive())?.text).toBe("a");
  });

  it("take the end before there is a connection", async () => {
    const client = clientOf(echo);
    const [text, call] = [client.collect([]), client.chat.open()];
    await call.sendEof();
    expect(await call.receive()).toBeUndefined();
    expect((await text).text).toBe("");
  });

  it("refuse a message after the end of the sending", async () => {
    const client = clientOf(echo);
    await using call = client.chat.open();
    await call.sendEof();
    expect((await rejection(call.send({}))).message).toBe("nothing can be sent after sendEof()");
  });

  it("refuse metadata with a message, which a gRPC call cannot carry", async () => {
    const client = clientOf(echo);
    await using call = client.chat.open();
    expect((await rejection(call.send({}, { metadata: { a: "b" } }))).code).toBe("METADATA_NOT_CARRIED");
    expect(call.carriesMetadata).toBe(false);
  });

  it("reject a waiting send when the server ends the call early", async () => {
    const client = clientOf({ chat: { open: async () => {} } });
    const call = client.chat.open();
    expect(await call.receive()).toBeUndefined();
    const error = await rejection(call.send({}));
    expect(error.message).toBe("the server has ended the call with OK, so nothing more can be sent");
    expect(error.code).toBe("CALL_ENDED");
  });
});

describe("the steps of a server's call", () => {
  it("refuse what the call's kind or state does not allow", async () => {
    const messages: string[] = [];
    const attempt = async (step: Promise<unknown>): Promise<void> => {
      messages.push((await rejection(step)).message);
    };
    const client = clientOf({
      say: {
        async open(call) {
          await call.sendInitialMetadata({ first: "yes" });
          await attempt(call.sendInitialMetadata({ second: "no" }));
          await attempt(call.sendEof());
          await attempt(call.sendTrailingMetadata());
          await attempt(call.sendTrailingMetadata({}, { status: 99 as never }));
          await attempt(call.sendTrailingMetadata({ "grpc-status": "0" }, { status: Status.NOT_FOUND }));
          await call.send({});
          await attempt(call.send({}));
          await call.sendTrailingMetadata();
          await attempt(call.sendTrailingMetadata());
          await attempt(call.sendInitialMetadata());
          await attempt(call.send({}));
        },
      },
    });
    await client.say({});
    expect(messages).toEqual([
      "initial metadata of /trunkline.test.v1.Echo/Say can be sent once, before the first message, and not after the end",
      "/trunkline.test.v1.Echo/Say has one response message, and it was not sent before the status OK",
      "/trunkline.test.v1.Echo/Say has one response message, and it was not sent before the status OK",
      "a status is a whole number from 0 to 16, not 99",
      expect.stringMatching(/^metadata key "grpc-status" is reserved/),
      "/trunkline.test.v1.Echo/Say has one response message, and it was sent already",
      "the status of /trunkline.test.v1.Echo/Say was sent already",
      "initial metadata of /trunkline.test.v1.Echo/Say can be sent once, before the first message, and not after the end",
      "nothing can be sent after sendEof()",
    ]);
  });

  it("show the client's address and user agent, and the path", async () => {
    const seen: unknown[] = [];
    const client = clientOf({
      say(_request, call) {
        seen.push(call.path, call.userAgent, call.peer, call.role, call.deadline);
        return {};
      },
    });
    await client.say({});
    expect(seen).toEqual([
      "/trunkline.test.v1.Echo/Say",
      expect.stringMatching(/^grpc-node-trunkline\/\d+\.\d+\.\d+$/),
      { address: "transport", secure: false },
      "server",
      undefined,
    ]);
  });

  it("let a handler go on after it has ended the call", async () => {
    let finished = false;
    const client = clientOf({
      chat: {
        async open(call) {
          await call.sendTrailingMetadata({}, { status: Status.ABORTED, message: "early" });
          await settle();
          finished = true;
        },
      },
    });
    expect(await rejection(collect(client.chat([])))).toMatchObject({ status: Status.ABORTED, message: "early" });
    await until(() => finished, "the handler");
  });
});
