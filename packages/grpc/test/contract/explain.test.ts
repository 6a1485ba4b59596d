/** `explain()`: what calls, channels and servers wait for, and on whom, in virtual time. */
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { explainedBlock } from "../../src/call/explained.js";
import { explanation, longestFirst } from "../../src/contract/explanation.js";
import { printDuration } from "../../src/contract/print-duration.js";
import {
  Channel,
  type ChannelOptions,
  createClient,
  GrpcError,
  type Implementation,
  Server,
  type ServerCall,
  Status,
} from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection, settle, until } from "../support.js";

let clock: VirtualClock;
const open: (Channel | Server)[] = [];

beforeEach(() => {
  clock = new VirtualClock();
});

afterEach(async () => {
  for (const each of open.splice(0)) await each.close({ closeTimeoutMs: 0 });
});

/** A channel to a server in memory with these handlers, and the calls that the server has had. */
function pair(
  implementation: Partial<Implementation<typeof Echo>>,
  options: ChannelOptions = {},
  maxConcurrentStreams = 100,
) {
  const calls: ServerCall<{}, {}>[] = [];
  const seen = (call: unknown): void => void calls.push(call as ServerCall<{}, {}>);
  const server = new Server({ clock, maxConcurrentStreams, onError: () => {} }).add(Echo, {
    say: () => ({}),
    async *expand() {},
    collect: () => ({}),
    async *chat() {},
    ...implementation,
  });
  const connect = () => {
    const [near, far] = duplexPair();
    void server.serve(far);
    return near;
  };
  const channel = new Channel({ connect, authority: "memory" }, { clock, backoff: { jitter: 0 }, ...options });
  open.push(channel, server);
  return { channel, server, client: createClient(Echo, channel), calls, seen };
}

const never = (): Promise<never> => new Promise(() => {});

describe("a call at its client", () => {
  it("that has not begun waits for its program, and one that has ended for nobody", async () => {
    const { client } = pair({});
    const call = client.say.open();
    expect(call.explain()).toEqual({
      path: "/trunkline.test.v1.Echo/Say",
      step: "not-begun",
      waitsOn: "this side",
      peer: undefined,
      waitedMs: undefined,
      text: "/trunkline.test.v1.Echo/Say has not begun: its program has taken no step",
    });
    await call.send({});
    await call.receive();
    await call.receive();
    expect(call.explain()).toMatchObject({ step: "ended", waitsOn: "nobody" });
  });

  it("says that an interceptor, or the time of the next attempt, is waited for", async () => {
    const { client } = pair({}, { interceptors: [() => ({ onRequest: never })] });
    const call = client.say.open();
    call.send({}).catch(() => {});
    expect(call.explain()).toMatchObject({ step: "interceptor", waitsOn: "this side" });

    const retryPolicy = {
      maxAttempts: 2,
      initialBackoff: "10s",
      maxBackoff: "10s",
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE" as const],
    };
    const fail = (): never => {
      throw new GrpcError(Status.UNAVAILABLE, "busy");
    };
    const retried = pair({ say: fail }, { serviceConfig: { methodConfig: [{ name: [{}], retryPolicy }] } });
    const again = retried.client.say.open();
    again.send({}).catch(() => {});
    await until(() => again.explain().step === "next-attempt", "the failure");
    expect(retried.channel.explain().calls).toMatchObject([{ step: "next-attempt" }]);
  });

  it("that waits for a connection says the state, the last failure and the time", async () => {
    const connect = (): never => {
      throw new Error("no route");
    };
    const channel = new Channel({ connect, authority: "far" }, { clock, backoff: { jitter: 0 } });
    open.push(channel);
    const call = createClient(Echo, channel).say.open({ waitForReady: true });
    call.send({}).catch(() => {});
    await until(() => channel.state === "TRANSIENT_FAILURE", "the failure");
    clock.advance(300);
    const told = call.explain();
    expect(told).toMatchObject({ step: "connection", waitsOn: "the network", waitedMs: 300 });
    expect(told.text).toBe(
      "/trunkline.test.v1.Echo/Say waits for a connection to far " +
        "(TRANSIENT_FAILURE, the last attempt failed: no route), for 300 ms now",
    );
    expect(channel.explain()).toMatchObject({
      state: "TRANSIENT_FAILURE",
      text: "the channel waits for a connection to far (TRANSIENT_FAILURE, the last attempt failed: no route)",
      calls: [told],
      more: 0,
      endpoints: [{ state: "TRANSIENT_FAILURE", problem: "no route" }],
    });
  });

  it("that waits for a stream waits for the server, and one that is not answered does, too", async () => {
    const { channel, client, server } = pair({ say: never }, {}, 1);
    await channel.connect();
    const first = client.say.open();
    const second = client.say.open();
    for (const call of [first, second]) call.send({}).catch(() => {});
    await settle();
    clock.advance(12_000);
    expect(first.explain()).toMatchObject({
      step: "answer",
      waitsOn: "the other side",
      waitedMs: 12_000,
      peer: "transport",
    });
    expect(first.explain().text).toBe(
      "/trunkline.test.v1.Echo/Say waits for the server, which has not answered yet, for 12 s now",
    );
    expect(second.explain()).toMatchObject({ step: "stream", waitsOn: "the other side", waitedMs: 12_000 });
    expect(channel.explain()).toMatchObject({ state: "READY", text: "the channel to memory is connected", more: 0 });
    expect(
      channel
        .explain()
        .calls.map(({ step }) => step)
        .sort(),
    ).toEqual(["answer", "stream"]);
    expect(server.explain()).toMatchObject({
      calls: [{ step: "program", waitsOn: "this side", waitedMs: 12_000 }],
      more: 0,
    });
  });

  it("says who does not read: this side, the server, or nobody has sent", async () => {
    const { client, calls, seen } = pair({
      chat: {
        async open(call) {
          seen(call);
          await call.sendInitialMetadata();
          await never();
        },
      },
    });
    const call = client.chat.open();
    const reading = call.receive();
    await until(() => calls.length === 1, "the handler");
    await call.receiveInitialMetadata();
    expect(call.explain()).toMatchObject({ step: "messages", waitsOn: "the other side", waitedMs: undefined });
    expect(calls[0]?.explain()).toMatchObject({ step: "program", waitsOn: "this side" });

    await calls[0]?.send({ text: "one" });
    await reading;
    expect(call.explain()).toMatchObject({ step: "program", text: expect.stringContaining("to send or to read") });
    await calls[0]?.send({ text: "two" });
    await until(() => call.explain().step === "unread", "the second message");
    expect(call.explain()).toMatchObject({ waitsOn: "this side" });

    // The server does not read: what is sent waits for its window.
    const payload = new Uint8Array(300_000);
    let blocked = false;
    void (async () => {
      for (;;) {
        const sent = call.send({ payload });
        blocked = true;
        await sent.catch(() => {});
        blocked = false;
        if (call.explain().step === "ended") return;
      }
    })();
    await until(() => call.explain().step === "call-window" && blocked, "the full window");
    await settle();
    clock.advance(5_000);
    expect(call.explain()).toMatchObject({ step: "call-window", waitsOn: "the other side", waitedMs: 5_000 });
    expect(call.explain().text).toMatch(
      /cannot send: \d+ bytes wait, and so does a send\(\), since the server does not read this call, for 5000 ms now$/,
    );
    expect(calls[0]?.explain()).toMatchObject({ step: "unread", waitsOn: "this side" });
    call.cancel();
  });
});

describe("a call at its server", () => {
  it("waits for the request, for the client that does not read, or for its handler", async () => {
    const { client, calls, seen, server } = pair({
      collect: {
        async open(call) {
          seen(call);
          await call.receive();
          await never();
        },
      },
      async *expand(_, call) {
        seen(call);
        for (;;) yield { payload: new Uint8Array(100_000) };
      },
    });
    const collecting = client.collect.open();
    collecting.start().catch(() => {});
    await until(() => calls.length === 1, "the handler");
    expect(calls[0]?.explain()).toMatchObject({ step: "messages", waitsOn: "the other side", peer: "transport" });
    await collecting.send({});
    await until(() => calls[0]?.explain().step === "program", "the message");
    const expanding = client.expand.open();
    await expanding.send({});
    await until(() => calls[1]?.explain().step === "call-window", "the full window");
    expect(calls[1]?.explain().text).toContain("since the client does not read this call");
    expect(expanding.explain()).toMatchObject({ step: "unread", waitsOn: "this side" });
    expect(
      server
        .explain()
        .calls.map(({ path }) => path)
        .sort(),
    ).toEqual(["/trunkline.test.v1.Echo/Collect", "/trunkline.test.v1.Echo/Expand"]);
    expanding.cancel();
    collecting.cancel();
    await until(() => server.explain().calls.every(({ text }) => text.includes("its handler still works")), "the end");
    await rejection(expanding.receive());
  });
});

describe("an explanation", () => {
  it("names the window or the transport that holds up what was sent", () => {
    const block = (sendBlock: "stream-window" | "connection-window" | "transport" | undefined) =>
      explainedBlock({ sendBlock, bufferedBytes: 7 }, { waitingSinceMs: undefined }, "the server");
    expect(block(undefined)).toBeUndefined();
    expect(block("stream-window")).toEqual([
      "call-window",
      "cannot send: 7 bytes wait, since the server does not read this call",
      undefined,
    ]);
    expect(block("connection-window")?.[1]).toContain("since the server reads too little of its connection");
    expect(block("transport")?.[1]).toContain("since the transport takes no more");
  });

  it("lists 100 calls, the longest waits first, and counts the others", () => {
    const all = Array.from({ length: 120 }, (_, ms) =>
      explanation({ path: "/a/b", peer: undefined }, "answer", "waits", ms),
    );
    const { calls, more } = longestFirst(all);
    expect([calls.length, more, calls[0]?.waitedMs, calls[99]?.waitedMs]).toEqual([100, 20, 119, 20]);
  });

  it("prints times as people read them", () => {
    expect([0, 9_999, 10_000, 599_999, 600_000].map(printDuration)).toEqual([
      "0 ms",
      "9999 ms",
      "10 s",
      "599 s",
      "10 min",
    ]);
  });
});
