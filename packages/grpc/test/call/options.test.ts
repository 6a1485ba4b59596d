/** Options as people write them: what is unambiguous is taken, the rest is refused by name. */
import { VirtualClock } from "@trunkline/base/testing";
import { describe, expect, it, vi } from "vitest";
import {
  type CallOptions,
  Channel,
  createClient,
  Deadline,
  GrpcError,
  type Implementation,
  MessageBudget,
  Server,
  Status,
} from "../../src/index.js";
import {
  bearerToken,
  concurrencyLimit,
  deadlineDefaults,
  logging,
  requireBearerToken,
} from "../../src/interceptors/index.js";
import { type ChannelForServices, channelFor, FaultyLink } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, rejection } from "../support.js";

const never: Implementation<typeof Echo> = { say: () => new Promise(() => {}) };

function serve(implementation: Implementation<typeof Echo>, clock?: VirtualClock): ChannelForServices {
  return channelFor([[Echo, implementation]], clock === undefined ? {} : { channel: { clock }, server: { clock } });
}

describe("the deadline of a call", () => {
  it("may be a Date, as grpc-js takes it (grpc-node#1636)", async () => {
    await using served = serve({ say: (_request, call) => ({ count: Math.round(call.deadline?.remainingMs ?? 0) }) });
    const reply = await createClient(Echo, served.channel).say({}, { deadline: new Date(Date.now() + 60_000) });
    expect(reply.count).toBeGreaterThan(50_000);
    expect(reply.count).toBeLessThanOrEqual(60_001);
    const past = await rejection(createClient(Echo, served.channel).say({}, { deadline: new Date(Date.now() - 1) }));
    expect(past.status).toBe(Status.DEADLINE_EXCEEDED);
  });

  it.each([
    [500, "deadline must be a Deadline or a Date, not the number 500: say timeoutMs: 500 for a time from now"],
    ["soon", "deadline must be a Deadline or a Date, not soon"],
    [new Date(Number.NaN), "Deadline.at takes a valid Date, not Invalid Date"],
  ])("is refused by name where it is %s", async (deadline, message) => {
    await using served = serve(echo);
    const client = createClient(Echo, served.channel);
    const options = { deadline } as unknown as CallOptions;
    const error = await rejection(client.say({}, options));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
    expect(() => client.chat.open(options)).toThrow(message);
    const replace = {
      onRequest(request: { deadline: unknown }) {
        request.deadline = deadline;
      },
    };
    const interceptors = [() => replace];
    const hooked = await rejection(client.say({}, { interceptors } as unknown as CallOptions));
    expect(hooked.message).toContain(message);
  });
});

describe("timeoutMs of a call", () => {
  it("counts from its start, overrides the client's and ends with DEADLINE_EXCEEDED (grpc-node#1636)", async () => {
    const clock = new VirtualClock();
    await using served = serve(never, clock);
    const client = createClient(Echo, served.channel, { timeoutMs: 10 });
    let error: GrpcError | undefined;
    const failed = rejection(client.say({}, { timeoutMs: 500 })).then((reason) => {
      error = reason;
    });
    await vi.waitFor(() => expect(clock.nowMs()).toBe(0));
    clock.advance(499);
    await new Promise((resolve) => setImmediate(resolve));
    expect(error).toBeUndefined();
    clock.advance(1);
    await failed;
    expect(error?.status).toBe(Status.DEADLINE_EXCEEDED);
    await served.close();
  });

  it("and a deadline: the one that comes first counts", async () => {
    const clock = new VirtualClock();
    await using served = serve({ say: (_request, call) => ({ count: call.deadline?.remainingMs ?? 0 }) }, clock);
    const client = createClient(Echo, served.channel);
    const ask = async (timeoutMs: number, ms: number): Promise<number> =>
      (await client.say({}, { timeoutMs, deadline: Deadline.after(ms, clock) })).count;
    expect([await ask(300, 9_000), await ask(9_000, 300)]).toEqual([300, 300]);
  });

  it.each([0, -1, Number.NaN, "5"])("is refused where it is %s", async (timeoutMs) => {
    await using served = serve(echo);
    const options = { timeoutMs } as unknown as CallOptions;
    expect((await rejection(createClient(Echo, served.channel).say({}, options))).message).toContain(
      "timeoutMs must be",
    );
  });
});

describe("an option that does not exist", () => {
  const wrong = { timeout: 5 } as never;

  it("is refused by name, with the names that exist (grpc-node#1636)", async () => {
    await using served = serve(echo);
    const client = createClient(Echo, served.channel);
    const error = await rejection(client.say({}, wrong));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(
      'a call has no option "timeout": it knows compression, deadline, interceptors, maxReceiveMessageBytes, ' +
        "maxSendMessageBytes, metadata, onInitialMetadata, onTrailingMetadata, parent, signal, timeoutMs, waitForReady",
    );
  });

  it.each<[string, () => unknown]>([
    ["Channel", () => new Channel("127.0.0.1:1", wrong)],
    ["createClient", () => createClient(Echo, new Channel("127.0.0.1:1"), wrong)],
    ["Server", () => new Server(wrong)],
    ["Server.add", () => new Server().add(Echo, echo, wrong)],
    ["http2", () => new Server({ http2: wrong })],
    ["limits", () => new Server({ http2: { limits: wrong } })],
    ["pings", () => new Server({ http2: { limits: { pings: { burst: 1, perSecond: 1, ...(wrong as object) } } } })],
    ["settings", () => new Channel("127.0.0.1:1", { http2: { settings: wrong } })],
    ["backoff", () => new Channel("127.0.0.1:1", { backoff: wrong })],
    ["MessageBudget", () => new MessageBudget(wrong)],
    ["listen", () => new Server().listen("127.0.0.1:0", wrong)],
    ["close", () => new Channel("127.0.0.1:1").close(wrong)],
    ["close", () => new Server().close(wrong)],
    ["GrpcError", () => new GrpcError(Status.ABORTED, "", wrong)],
    ["bearerToken", () => bearerToken("a", wrong)],
    ["requireBearerToken", () => requireBearerToken(() => true, wrong)],
    ["concurrencyLimit", () => concurrencyLimit({ maxCalls: 1, ...(wrong as object) })],
    ["deadlineDefaults", () => deadlineDefaults({ timeoutMs: 1, ...(wrong as object) })],
    ["logging", () => logging(() => {}, wrong)],
    ["channelFor", () => channelFor([[Echo, echo]], wrong)],
    ["FaultyLink", () => new FaultyLink(undefined as never, wrong)],
  ])("is refused by %s", async (name, use) => {
    const attempt = async (): Promise<unknown> => use();
    const error = await rejection(attempt());
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(`${name} has no option "timeout": it knows `);
  });

  it("is refused by the steps of a call that take options", async () => {
    const seen: string[] = [];
    await using served = serve({
      chat: {
        async open(call) {
          seen.push((await rejection(call.sendInitialMetadata({}, wrong))).message);
          seen.push((await rejection(call.sendTrailingMetadata({}, wrong))).message);
        },
      },
    });
    const call = createClient(Echo, served.channel).chat.open();
    expect((await rejection(call.send({}, wrong))).message).toContain('send has no option "timeout"');
    expect((await rejection(call.receive(wrong))).message).toContain('receive has no option "timeout"');
    expect((await rejection(call.sendEof(wrong))).message).toContain('sendEof has no option "timeout"');
    await call.sendEof();
    await call.receive();
    expect((await rejection(call.close(wrong))).message).toContain('close has no option "timeout"');
    expect(seen).toEqual([
      expect.stringContaining('sendInitialMetadata has no option "timeout"'),
      expect.stringContaining('sendTrailingMetadata has no option "timeout"'),
    ]);
  });

  it("whose value is undefined counts as not given", async () => {
    await using served = serve(echo);
    const options = { timeout: undefined } as unknown as CallOptions;
    expect((await createClient(Echo, served.channel).say({ text: "fine" }, options)).text).toBe("fine");
  });
});

it.each([50_051, null, undefined])("a channel to %s is refused by name", (target) => {
  expect(() => new Channel(target as never)).toThrow(/^a channel's target is text such as "127.0.0.1:50051"/);
});

describe("a second installed copy of the package (connect-es#544)", () => {
  it("makes clients on a channel of the first, and gives its deadlines and server calls to calls of it", async () => {
    vi.resetModules();
    const copy = await import("../../src/index.js");
    expect(copy.Channel).not.toBe(Channel);
    await using served = serve({
      say: (_request, call) => ({ count: call.deadline === undefined ? 0 : 1 }),
      async collect(_requests, call) {
        return createClient(Echo, served.channel).say({}, call as never);
      },
    });
    const theirs = copy.createClient(Echo, served.channel as never);
    expect((await theirs.say({}, { deadline: Deadline.after(5_000) as never })).count).toBe(1);
    const client = createClient(Echo, served.channel);
    expect((await client.say({}, { deadline: copy.Deadline.after(5_000) })).count).toBe(1);
    expect((await theirs.collect([], { timeoutMs: 5_000 })).count).toBe(1);
    expect(await rejection(theirs.expand.open().receiveTrailingMetadata())).toBeInstanceOf(GrpcError);
    const messageBudget = new copy.MessageBudget();
    expect(messageBudget).toBeInstanceOf(MessageBudget);
    await using shared = channelFor([[Echo, echo]], { server: { messageBudget }, channel: { messageBudget } });
    const text = "x".repeat(200_000);
    expect((await createClient(Echo, shared.channel).say({ text })).text).toBe(text);
    expect(messageBudget.heldBytes).toBe(0);
  });

  it("of another version is refused by name", () => {
    expect(() => createClient(Echo, {} as never)).toThrow("a Channel of the same version of @trunkline/grpc");
  });
});
