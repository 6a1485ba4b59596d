import { attribute } from "@trunkline/streams";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type CallEnd, type CallHooks, createClient, Deadline, GrpcError, Status } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply, type EchoRequest } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle, until } from "../support.js";

import { cleanup, fail, recorder, reported, serve, withClient, withServer } from "./support.js";

afterEach(cleanup);

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
    const served = serve(
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
    const served = serve([], { server: { interceptors: [recorder(log, "server")] } });
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
