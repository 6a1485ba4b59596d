import { ErrorCode } from "@trunkline/h2";
import { attribute } from "@trunkline/streams";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  type CallEnd,
  type CallHooks,
  type Client,
  type ClientInterceptor,
  createClient,
  Deadline,
  GrpcError,
  type Implementation,
  type Interceptor,
  type ServerInterceptor,
  Status,
  type UnaryHandler,
} from "../../src/index.js";
import { type ChannelForOptions, type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply, type EchoRequest } from "../gen/echo_pb.js";
import { collect, echo, framed, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

let served: ChannelForServices | undefined;

function clientOf(implementation: Implementation<typeof Echo>, options: ChannelForOptions): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]], options);
  return createClient(Echo, served.channel);
}

const withClient = (
  interceptors: ClientInterceptor[],
  implementation: Implementation<typeof Echo> = echo,
): Client<typeof Echo> => clientOf(implementation, { channel: { interceptors } });

const withServer = (
  interceptors: ServerInterceptor[],
  implementation: Implementation<typeof Echo> = echo,
): Client<typeof Echo> =>
  clientOf(implementation, { server: { interceptors, onError: (error) => reported.push(error) } });

let reported: Error[] = [];

afterEach(async () => {
  await served?.close();
  served = undefined;
  reported = [];
});

/** Notes every hook by name. */
function recorder(log: string[], name = ""): Interceptor {
  const note = (what: string): void => void log.push(name === "" ? what : `${name}: ${what}`);
  return (call) => {
    note(`${call.role} ${call.path.split("/").at(-1)}`);
    return {
      onRequest: () => void note("request"),
      onConnection: () => note("connection"),
      run(handler) {
        note("run");
        handler();
      },
      onRequestMessage: (message) => void note(`> ${(message as EchoRequest).text}`),
      onInitialMetadata: () => note("initial"),
      onResponseMessage: (message) => void note(`< ${(message as EchoReply).text}`),
      onStatus: ({ status }) => note(`status ${status}`),
      onEnd: ({ status }) => note(`end ${status}`),
    };
  };
}

describe("hooks of a client", () => {
  it("are called in the order of the call, for short and open forms alike", async () => {
    const log: string[] = [];
    const client = withClient([recorder(log)]);
    await client.say({ text: "a" });
    const unary = ["client Say", "> a", "request", "connection", "initial", "< a", "status 0", "end 0"];
    expect(log.splice(0)).toEqual(unary);

    const call = client.say.open();
    expect(log).toEqual([]);
    await call.send({ text: "a" });
    await call.receive();
    await call.receiveTrailingMetadata();
    expect(log.splice(0).sort()).toEqual([...unary].sort());

    await collect(client.expand({ text: "b", count: 2 }));
    // The status may be there before the last message is taken.
    const expanded = ["client Expand", "request", "connection", "> b", "initial", "< b", "< b", "status 0", "end 0"];
    expect(log.splice(0).sort()).toEqual(expanded.sort());

    await client.collect([{ text: "c" }, { text: "d" }]);
    expect(log.splice(0)).toEqual([
      "client Collect",
      "request",
      "connection",
      "> c",
      "> d",
      "initial",
      "< c,d",
      "status 0",
      "end 0",
    ]);

    expect((await collect(client.chat([{ text: "e" }]))).length).toBe(1);
    expect(log.splice(0)).toEqual([
      "client Chat",
      "request",
      "connection",
      "> e",
      "initial",
      "< e",
      "status 0",
      "end 0",
    ]);
  });

  it("see and change metadata, messages and status", async () => {
    const client = withClient(
      [
        () => ({
          onRequest: ({ metadata }) => void metadata.set("who", "me"),
          onRequestMessage: (message) => ({ ...(message as EchoRequest), text: "changed" }),
          onInitialMetadata: ({ metadata }) => void metadata.append("initial", "two"),
          onResponseMessage: (message) => ({ ...(message as EchoReply), count: 7 }),
          onStatus(status) {
            status.metadata.append("trailing", "two");
          },
        }),
      ],
      {
        async say(request, call) {
          await call.sendInitialMetadata({ initial: "one" });
          call.trailingMetadata.set("trailing", "one");
          return { text: `${request.text} by ${call.metadata.get("who")}` };
        },
      },
    );
    const seen: unknown[] = [];
    const reply = await client.say(
      { text: "given" },
      {
        onInitialMetadata: (metadata) => seen.push(metadata.getAll("initial"), metadata.frozen),
        onTrailingMetadata: (metadata) => seen.push(metadata.getAll("trailing"), metadata.frozen),
      },
    );
    expect(reply).toMatchObject({ text: "changed by me", count: 7 });
    expect(seen).toEqual([["one", "two"], true, ["one", "two"], true]);
  });

  it("turn one status into another, and an error into none where nothing is missing", async () => {
    let to: Status = Status.ABORTED;
    const client = withClient(
      [() => ({ onStatus: (status) => void Object.assign(status, { status: to, message: "told so" }) })],
      {
        say: () => {
          throw new GrpcError(Status.NOT_FOUND, "not here", { metadata: { kept: "yes" } });
        },
        async *expand() {
          yield { text: "one" };
          throw new GrpcError(Status.NOT_FOUND, "not here");
        },
      },
    );
    const error = await rejection(client.say({}));
    expect(error).toMatchObject({
      code: "ABORTED",
      message: "told so",
      cause: { code: "NOT_FOUND", message: "not here" },
    });
    expect(error.metadata.get("kept")).toBe("yes");
    to = Status.OK;
    expect((await collect(client.expand({}))).length).toBe(1);
    expect((await rejection(client.say({}))).code).toBe("UNIMPLEMENTED");
  });

  it("pass the request from the outermost inwards, and the answer back outwards", async () => {
    const log: string[] = [];
    served = channelFor([[Echo, echo]], { channel: { interceptors: [recorder(log, "channel")] } });
    const client = createClient(Echo, served.channel, { interceptors: [recorder(log, "client")] });
    await client.say({ text: "a" }, { interceptors: [recorder(log, "call")] });
    const order = (what: string): string[] =>
      log.filter((line) => line.endsWith(what)).map((line) => line.split(":")[0] ?? "");
    for (const what of ["client Say", "request", "> a", "connection"])
      expect(order(what)).toEqual(["channel", "client", "call"]);
    for (const what of ["initial", "< a", "status 0", "end 0"])
      expect(order(what)).toEqual(["call", "client", "channel"]);
  });

  it("pass a call once that is sent again, and hear of each of its connections", async () => {
    const log: string[] = [];
    const server = new RawServer({ interceptors: [recorder(log)] });
    let refused = 0;
    server.onRequest = ({ stream }) => {
      if (refused++ === 0) stream.reset(ErrorCode.REFUSED_STREAM);
    };
    server.onWhole = ({ stream }) => {
      stream.sendHeaders(responseHeaders, { endStream: false });
      stream.sendData([framed(new Uint8Array(0))], { endStream: false });
      stream.sendHeaders(okTrailers, { endStream: true });
    };
    await createClient(Echo, server.channel).say({ text: "a" });
    expect(log).toEqual([
      "client Say",
      "> a",
      "request",
      "connection",
      "connection",
      "initial",
      "< ",
      "status 0",
      "end 0",
    ]);
    await server.close();
  });

  it("may wait before the request, while deadline and cancellation go on", async () => {
    let release = (): void => {};
    const ends: CallEnd[] = [];
    const clock = new VirtualClock();
    served = channelFor([[Echo, echo]], { channel: { clock }, server: { clock } });
    const client = createClient(Echo, served.channel, {
      interceptors: [
        () => ({
          onRequest: ({ metadata }) =>
            new Promise<void>((resolve) => {
              release = () => {
                metadata.set("late", "1");
                resolve();
              };
            }),
          onEnd: (end) => void ends.push(end),
        }),
      ],
    });
    const reply = client.say({ text: "waited" });
    await settle();
    expect(served.channel.state).toBe("idle");
    release();
    expect((await reply).text).toBe("waited");

    const late = rejection(client.say({}, { deadline: Deadline.after(100, clock) }));
    clock.advance(100);
    expect(await late).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: "the deadline passed 100 ms after the call began, waiting for an interceptor",
    });
    const controller = new AbortController();
    const cancelled = rejection(client.say({}, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect((await cancelled).code).toBe("CANCELLED");
    release();
    await settle();
    expect(ends.map(({ status }) => status)).toEqual([Status.OK, Status.DEADLINE_EXCEEDED, Status.CANCELLED]);
  });

  it("set, shorten and remove the deadline", async () => {
    const clock = new VirtualClock();
    let deadline: Deadline | undefined;
    const seen: (number | undefined)[] = [];
    const say: UnaryHandler<EchoRequest, {}> = (_request, call) => {
      seen.push(call.deadline?.remainingMs);
      return {};
    };
    served = channelFor([[Echo, { say }]], {
      channel: { clock, interceptors: [() => ({ onRequest: (request) => void Object.assign(request, { deadline }) })] },
      server: { clock },
    });
    const client = createClient(Echo, served.channel);
    deadline = Deadline.after(500, clock);
    await client.say({});
    await client.say({}, { deadline: Deadline.after(9_000, clock) });
    deadline = undefined;
    await client.say({}, { deadline: Deadline.after(9_000, clock) });
    expect(seen).toEqual([500, 500, undefined]);
    deadline = Deadline.after(0, clock);
    expect((await rejection(client.say({}))).code).toBe("DEADLINE_EXCEEDED");
  });

  it.each<[keyof CallHooks, CallHooks, string]>([
    ["onRequest", { onRequest: () => fail() }, "INTERNAL"],
    ["onRequest, later", { onRequest: async () => fail() }, "INTERNAL"],
    ["onConnection", { onConnection: () => fail() }, "INTERNAL"],
    ["onRequestMessage", { onRequestMessage: () => fail() }, "INTERNAL"],
    ["onInitialMetadata", { onInitialMetadata: () => fail() }, "INTERNAL"],
    ["onResponseMessage", { onResponseMessage: () => fail() }, "INTERNAL"],
    ["onStatus", { onStatus: () => fail() }, "INTERNAL"],
  ] as [keyof CallHooks, CallHooks, string][])(
    "end the call with what %s throws, in all kinds and forms",
    async (_name, hooks, code) => {
      const ends: CallEnd[] = [];
      const client = withClient([() => ({ ...hooks, onEnd: (end) => void ends.push(end) })]);
      const errors = [
        await rejection(client.say({})),
        await rejection(collect(client.expand({ count: 1 }))),
        await rejection(client.collect([{}])),
        await rejection(collect(client.chat([{}]))),
      ];
      for (const error of errors) {
        expect(error).toBeInstanceOf(GrpcError);
        expect(error).toMatchObject({ code, message: "an interceptor failed: no", cause: { message: "no" } });
      }
      await until(() => ends.length === 4, "all ends");
      expect(ends.map(({ error }) => error)).toEqual(errors);
    },
  );

  it("end the call with a GrpcError as it is, and with what an interceptor itself throws", async () => {
    const refusal = new GrpcError(Status.PERMISSION_DENIED, "not you");
    let ended = 0;
    const client = withClient([
      () => ({ onEnd: () => void ended++ }),
      () => {
        throw refusal;
      },
    ]);
    expect(await rejection(client.say({}))).toBe(refusal);
    expect(await rejection(client.chat.open().receive())).toBe(refusal);
    expect(ended).toBe(2);
  });

  it("may provide attributes to whoever has the call", async () => {
    const trace = attribute<string>("trace");
    const client = withClient([() => ({ onRequest: (request) => request.provide(trace, "t-1") })]);
    await using call = client.chat.open();
    expect(call.extra(trace)).toBeUndefined();
    await call.start();
    expect(call.extra(trace)).toBe("t-1");
  });

  it("cannot wait for a message", async () => {
    const client = withClient([() => ({ onResponseMessage: (async () => ({})) as never })]);
    expect((await rejection(client.say({}))).message).toBe(
      "a hook for messages returned a promise: only onRequest may wait",
    );
  });

  it("that fail at the end fail nothing", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    try {
      const client = withClient([
        () => ({
          onEnd() {
            throw new Error("too late");
          },
        }),
      ]);
      expect((await client.say({ text: "fine" })).text).toBe("fine");
      await until(() => warnings.length > 0, "the warning");
      expect(warnings[0]?.message).toBe("too late");
    } finally {
      process.off("warning", onWarning);
    }
  });
});

describe("hooks of a server", () => {
  it("are called in the order of the call, for short and open handlers alike", async () => {
    const log: string[] = [];
    const client = withServer([recorder(log)], {
      ...echo,
      chat: {
        async open(call) {
          await call.sendInitialMetadata();
          for await (const message of call) await call.send({ text: message.text });
        },
      },
    });
    await client.say({ text: "a" });
    expect(log.splice(0)).toEqual(["server Say", "request", "> a", "run", "< a", "initial", "status 0", "end 0"]);
    await collect(client.expand({ text: "b", count: 2 }));
    expect(log.splice(0)).toContain("< b");
    await client.collect([{ text: "c" }]);
    expect(log.splice(0)).toContain("< c");
    expect((await collect(client.chat([{ text: "e" }]))).length).toBe(1);
    await until(() => log.includes("end 0"), "the end");
    expect(log.splice(0)).toEqual(["server Chat", "request", "run", "initial", "> e", "< e", "status 0", "end 0"]);
  });

  it("see and change metadata, messages and status", async () => {
    const client = withServer(
      [
        () => ({
          onRequest: ({ metadata }) => void metadata.set("who", `not ${metadata.get("who")}`),
          onRequestMessage: (message) => ({ ...(message as EchoRequest), text: "changed" }),
          onInitialMetadata: ({ metadata }) => void metadata.append("initial", "two"),
          onResponseMessage: (message) => ({ ...(message as EchoReply), count: 7 }),
          onStatus: ({ metadata }) => void metadata.append("trailing", "two"),
        }),
      ],
      {
        async say(request, call) {
          await call.sendInitialMetadata({ initial: "one" });
          call.trailingMetadata.set("trailing", "one");
          return { text: `${request.text} by ${call.metadata.get("who")}, ${call.metadata.frozen}` };
        },
      },
    );
    const seen: unknown[] = [];
    const reply = await client.say(
      { text: "given" },
      {
        metadata: { who: "me" },
        onInitialMetadata: (metadata) => seen.push(metadata.getAll("initial")),
        onTrailingMetadata: (metadata) => seen.push(metadata.getAll("trailing")),
      },
    );
    expect(reply).toMatchObject({ text: "changed by not me, true", count: 7 });
    expect(seen).toEqual([
      ["one", "two"],
      ["one", "two"],
    ]);
  });

  it("change the status of what handlers throw", async () => {
    const client = withServer(
      [
        () => ({
          onStatus(status) {
            if (status.status !== Status.UNKNOWN) return;
            status.status = Status.UNAVAILABLE;
            status.message = "try again";
          },
        }),
      ],
      {
        say: () => {
          throw new Error("secret");
        },
      },
    );
    expect(await rejection(client.say({}))).toMatchObject({ code: "UNAVAILABLE", message: "try again" });
    expect(reported.map(({ message }) => message)).toEqual(["secret"]);
  });

  it("hold the handler back until they have waited, and refuse the call", async () => {
    const waits: (() => void)[] = [];
    let handled = 0;
    const client = withServer(
      [
        () => ({
          async onRequest(request) {
            await new Promise<void>((resolve) => waits.push(resolve));
            if (request.metadata.has("bad")) throw new GrpcError(Status.UNAUTHENTICATED, "who are you?");
          },
        }),
      ],
      {
        say: (request) => {
          handled += 1;
          return { text: request.text };
        },
        async *chat(requests) {
          handled += 1;
          for await (const { text } of requests) yield { text };
        },
      },
    );
    const replies = [
      client.say({ text: "a" }),
      collect(client.chat([{ text: "b" }])),
      rejection(client.say({}, { metadata: { bad: "1" } })),
    ];
    await until(() => waits.length === 3, "the requests");
    expect(handled).toBe(0);
    for (const resolve of waits) resolve();
    const [one, two, three] = await Promise.all(replies);
    expect(one).toMatchObject({ text: "a" });
    expect(two).toMatchObject([{ text: "b" }]);
    expect(three).toMatchObject({ code: "UNAUTHENTICATED", message: "who are you?" });
    expect(handled).toBe(2);
  });

  it("are told of the end when the call is over and its handler has ended", async () => {
    const ends: CallEnd[] = [];
    let release = (): void => {};
    const client = withServer([() => ({ onEnd: (end) => void ends.push(end) })], {
      say: (_request, call) =>
        new Promise((resolve) => {
          call.signal.addEventListener("abort", () => void 0);
          release = () => resolve({});
        }),
      collect: () => {
        throw new GrpcError(Status.ABORTED, "no");
      },
    });
    const call = client.say.open();
    await call.send({});
    await settle();
    call.cancel();
    await settle();
    expect(ends).toEqual([]);
    release();
    await until(() => ends.length === 1, "the end");
    expect(ends[0]).toMatchObject({ status: Status.CANCELLED, error: { code: "CANCELLED" } });
    await rejection(client.collect([]));
    await until(() => ends.length === 2, "the end");
    expect(ends[1]).toMatchObject({ status: Status.ABORTED, message: "no", error: { code: "ABORTED" } });
  });

  it("that wait when the client leaves let the call go afterwards, without its handler", async () => {
    let release = (): void => {};
    let handled = 0;
    const ends: CallEnd[] = [];
    const client = withServer(
      [
        () => ({
          onRequest: () => new Promise<void>((resolve) => (release = resolve)),
          onEnd: (end) => void ends.push(end),
        }),
      ],
      {
        say: () => {
          handled += 1;
          return {};
        },
      },
    );
    const call = client.say.open();
    await call.send({});
    await settle();
    call.cancel();
    await settle();
    release();
    await until(() => ends.length === 1, "the end");
    expect(handled).toBe(0);
    expect(ends[0]?.status).toBe(Status.CANCELLED);
  });

  it("shorten the deadline of a call", async () => {
    const clock = new VirtualClock();
    served = channelFor(
      [
        [
          Echo,
          {
            say: (_request, call) =>
              new Promise((_, reject) => (call.signal.onabort = () => reject(call.signal.reason))),
          },
        ],
      ],
      {
        channel: { clock },
        server: {
          clock,
          interceptors: [
            () => ({ onRequest: (request) => void Object.assign(request, { deadline: Deadline.after(50, clock) }) }),
          ],
        },
      },
    );
    const failed = rejection(createClient(Echo, served.channel).say({}, { deadline: Deadline.after(5_000, clock) }));
    await settle();
    clock.advance(50);
    expect((await failed).code).toBe("DEADLINE_EXCEEDED");
  });

  it.each<[string, CallHooks]>([
    ["onRequest", { onRequest: () => fail() }],
    ["onRequest, later", { onRequest: async () => fail() }],
    ["run", { run: () => fail() }],
    ["onRequestMessage", { onRequestMessage: () => fail() }],
    ["onInitialMetadata", { onInitialMetadata: () => fail() }],
    ["onResponseMessage", { onResponseMessage: () => fail() }],
    ["onStatus", { onStatus: () => fail() }],
  ])("fail the call without the text of what %s throws, and report it", async (_name, hooks) => {
    const ends: CallEnd[] = [];
    const client = withServer([() => ({ ...hooks, onEnd: (end) => void ends.push(end) })]);
    const errors = [
      await rejection(client.say({})),
      await rejection(collect(client.expand({ count: 1 }))),
      await rejection(client.collect([{}])),
      await rejection(collect(client.chat([{}]))),
    ];
    for (const error of errors)
      expect(error).toMatchObject({
        code: "UNKNOWN",
        message: expect.stringMatching(/^(an interceptor|the handler) failed$/),
      });
    await until(() => ends.length === 4, "all ends");
    expect(reported.length).toBeGreaterThanOrEqual(4);
    expect(new Set(reported.map(({ message }) => message))).toEqual(new Set(["no"]));
  });

  it("surround everything that the handler does", async () => {
    const { AsyncLocalStorage } = await import("node:async_hooks");
    const storage = new AsyncLocalStorage<string>();
    const client = withServer([(call) => ({ run: (handler) => storage.run(call.path, handler) })], {
      async say() {
        await settle(2);
        return { text: storage.getStore() ?? "" };
      },
    });
    expect((await client.say({})).text).toBe("/trunkline.test.v1.Echo/Say");
  });

  it("may be of one service only, inside of those of the server", async () => {
    const log: string[] = [];
    served = channelFor([], { server: { interceptors: [recorder(log, "server")] } });
    served.server.add(Echo, echo, { interceptors: [recorder(log, "service")] });
    await createClient(Echo, served.channel).say({ text: "a" });
    const order = (what: string): string[] =>
      log.filter((line) => line.endsWith(what)).map((line) => line.split(":")[0] ?? "");
    for (const what of ["request", "> a", "run"]) expect(order(what)).toEqual(["server", "service"]);
    for (const what of ["initial", "< a", "status 0"]) expect(order(what)).toEqual(["service", "server"]);
  });

  it("hand what they know of the caller to the handler", async () => {
    const user = attribute<{ readonly name: string }>("user");
    const client = withServer([() => ({ onRequest: (request) => request.provide(user, { name: "Ada" }) })], {
      say: (_request, call) => ({ text: call.extra(user)?.name ?? "nobody" }),
    });
    expect((await client.say({})).text).toBe("Ada");
  });
});

describe("the option interceptors", () => {
  it("is an array of functions", async () => {
    const wrong = [{}] as never;
    expect(() => channelFor([], { channel: { interceptors: wrong } })).toThrow(
      "interceptors must be an array of functions",
    );
    expect(() => channelFor([], { server: { interceptors: wrong } })).toThrow(
      "interceptors must be an array of functions",
    );
    const client = withClient([]);
    expect(() => client.say.open({ interceptors: wrong })).toThrow("interceptors must be an array of functions");
  });
});

function fail(): never {
  throw new Error("no");
}
