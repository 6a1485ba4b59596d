import { ErrorCode } from "@trunkline/h2";
import { attribute } from "@trunkline/streams";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  type CallEnd,
  type CallHooks,
  createClient,
  Deadline,
  GrpcError,
  Status,
  type UnaryHandler,
} from "../../src/index.js";
import { Echo, type EchoReply, type EchoRequest } from "../gen/echo_pb.js";
import { collect, echo, framed, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

import { cleanup, fail, recorder, serve, withClient } from "./support.js";

afterEach(cleanup);

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
    const served = serve([[Echo, echo]], { channel: { interceptors: [recorder(log, "channel")] } });
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
    const served = serve([[Echo, echo]], { channel: { clock }, server: { clock } });
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
    expect(served.channel.state).toBe("IDLE");
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
    const served = serve([[Echo, { say }]], {
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

  it("may provide attributes, which the call then has for its caller", async () => {
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
