import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { type CallDefaults, createClient, Deadline, type Implementation } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle } from "../support.js";

const clock = new VirtualClock();

const telling: Implementation<typeof Echo> = {
  ...echo,
  say: (_request, call) => ({ text: JSON.stringify(call.metadata), count: call.deadline?.remainingMs ?? 0 }),
};

describe("defaults", () => {
  it("of a client count before those of its channel, and a call's own before both", async () => {
    await using served = channelFor([[Echo, telling]], {
      channel: { clock, timeoutMs: 3_000, metadata: { a: "channel", b: "channel", c: "channel" } },
      server: { clock },
    });
    const plain = await createClient(Echo, served.channel).say({});
    expect(plain).toMatchObject({ text: '[["a","channel"],["b","channel"],["c","channel"]]', count: 3_000 });
    const client = createClient(Echo, served.channel, {
      timeoutMs: 2_000,
      metadata: { b: "client", c: ["client", "two"] },
    });
    expect(await client.say({})).toMatchObject({
      text: '[["a","channel"],["b","client"],["c","client"],["c","two"]]',
      count: 2_000,
    });
    const deadline = Deadline.after(1_000, clock);
    expect(await client.say({}, { metadata: { c: "call", d: "call" }, deadline })).toMatchObject({
      text: '[["a","channel"],["b","client"],["c","call"],["d","call"]]',
      count: 1_000,
    });
    expect((await client.say({}, { deadline: Deadline.after(Number.POSITIVE_INFINITY, clock) })).count).toBe(0);
  });

  it("count the time from when a call is started", async () => {
    await using served = channelFor([[Echo, telling]], { channel: { clock, timeoutMs: 1_000 }, server: { clock } });
    const call = createClient(Echo, served.channel).say.open();
    expect(call.deadline).toBeUndefined();
    clock.advance(5_000);
    await call.send({});
    expect(call.deadline?.remainingMs).toBe(1_000);
    expect((await call.receive())?.count).toBe(1_000);
    await call.receiveTrailingMetadata();
  });

  it("end a call that takes longer", async () => {
    const implementation: Implementation<typeof Echo> = {
      say: (_request, call) =>
        new Promise((_, reject) => call.signal.addEventListener("abort", () => reject(call.signal.reason))),
    };
    await using served = channelFor([[Echo, implementation]], { channel: { clock }, server: { clock } });
    const failed = rejection(createClient(Echo, served.channel, { timeoutMs: 50 }).say({}));
    await settle();
    clock.advance(50);
    expect((await failed).code).toBe("DEADLINE_EXCEEDED");
  });

  it("limit what is received and sent, on both sides", async () => {
    await using served = channelFor([[Echo, echo]], {
      channel: { maxSendMessageBytes: 100 },
      server: { maxSendMessageBytes: 60 },
    });
    const client = createClient(Echo, served.channel);
    const text = (length: number): { text: string } => ({ text: "x".repeat(length) });
    expect(await rejection(client.say(text(99)))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: "request message of 101 bytes is larger than maxSendMessageBytes (100)",
    });
    expect(await rejection(client.say(text(80)))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: "response message of 82 bytes is larger than maxSendMessageBytes (60)",
    });
    expect((await rejection(client.say(text(99), { maxSendMessageBytes: 200 }))).message).toMatch(/^response message/);
    const narrow = createClient(Echo, served.channel, { maxReceiveMessageBytes: 20, maxSendMessageBytes: 30 });
    expect((await rejection(narrow.say(text(25)))).message).toBe(
      "response message of 27 bytes is larger than maxReceiveMessageBytes (20)",
    );
    expect((await rejection(narrow.say(text(30)))).message).toMatch(/maxSendMessageBytes \(30\)$/);
    expect((await narrow.say(text(25), { maxReceiveMessageBytes: 27 })).text.length).toBe(25);
    await using call = narrow.chat.open();
    await expect(call.send(text(30))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    await call.send(text(10));
    expect((await call.receive())?.text.length).toBe(10);
  });

  it("do not see what is done to the metadata they were made of", async () => {
    const metadata = new Map([["a", "before"]]);
    await using served = channelFor([[Echo, telling]], { channel: { metadata } });
    metadata.set("a", "after");
    expect((await createClient(Echo, served.channel).say({})).text).toBe('[["a","before"]]');
  });

  it.each<[CallDefaults, string]>([
    [{ timeoutMs: 0 }, "timeoutMs must be a number of milliseconds above zero, not 0"],
    [{ timeoutMs: "1" as never }, "timeoutMs must be a number of milliseconds above zero, not 1"],
    [{ maxReceiveMessageBytes: -1 }, "maxReceiveMessageBytes must be a whole number from 0 to 4294967295, not -1"],
    [{ maxSendMessageBytes: 0.5 }, "maxSendMessageBytes must be a whole number from 0 to 4294967295, not 0.5"],
    [{ metadata: { te: "x" } }, 'metadata key "te" is reserved: gRPC sets it itself'],
  ])("that cannot be are refused: %j", async (defaults, message) => {
    expect(() => channelFor([], { channel: defaults })).toThrow(message);
    await using served = channelFor([]);
    expect(() => createClient(Echo, served.channel, defaults)).toThrow(message);
  });
});

describe("a call without a connection", () => {
  it.each([
    ["the channel", { channel: { waitForReady: true }, client: {}, call: {} }],
    ["the client", { channel: {}, client: { waitForReady: true }, call: {} }],
    ["the call", { channel: { waitForReady: false }, client: {}, call: { waitForReady: true } }],
  ])("waits for one where %s says so, and fails at once where not", async (_who, { channel, client, call }) => {
    await using served = channelFor([[Echo, echo]], {});
    const { Channel } = await import("../../src/index.js");
    const { duplexPair } = await import("../../src/testing/index.js");
    let refuse = true;
    const connect = (): ReturnType<typeof duplexPair>[0] => {
      if (refuse) throw new Error("nobody listens");
      const [clientSide, serverSide] = duplexPair();
      void served.server.serve(serverSide);
      return clientSide;
    };
    const time = new VirtualClock();
    await using failing = new Channel({ connect }, { clock: time, ...channel });
    const waiting = createClient(Echo, failing, client).say({ text: "late" }, call);
    const impatient = await rejection(collect(createClient(Echo, failing).expand({}, { waitForReady: false })));
    expect(impatient).toMatchObject({ code: "UNAVAILABLE", message: expect.stringContaining("nobody listens") });
    refuse = false;
    await settle();
    time.advance(60_000);
    expect((await waiting).text).toBe("late");
  });
});
