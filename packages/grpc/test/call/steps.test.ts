/** The steps of calls, one by one, at both sides. */
import { afterEach, describe, expect, it } from "vitest";
import {
  CallUsageError,
  type Client,
  type ClientCall,
  createClient,
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
  ])("%s starts a call that has not been started, and reaches the handler once", async (_, step) => {
    let calls = 0;
    const client = clientOf({
      chat: {
        async open(call) {
          calls += 1;
          await call.sendInitialMetadata();
        },
      },
    });
    const call = client.chat.open();
    await step(call);
    await until(() => calls > 0, "the handler");
    expect(calls).toBe(1);
    expect(call.peer).toEqual({ address: "transport", secure: false });
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
      "initial metadata of /trunkline.test.v1.Echo/Say can be sent once, before the first message, " +
        "and not after the end",
      "/trunkline.test.v1.Echo/Say has one response message, and it was not sent before the status OK",
      "/trunkline.test.v1.Echo/Say has one response message, and it was not sent before the status OK",
      "a status is a whole number from 0 to 16, not 99",
      expect.stringMatching(/^metadata key "grpc-status" is reserved/),
      "/trunkline.test.v1.Echo/Say has one response message, and it was sent already",
      "the status of /trunkline.test.v1.Echo/Say was sent already",
      "initial metadata of /trunkline.test.v1.Echo/Say can be sent once, before the first message, " +
        "and not after the end",
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
