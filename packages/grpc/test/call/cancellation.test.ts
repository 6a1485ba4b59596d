import { ClosedStreamError } from "@trunkline/streams";
import { ManualSignal } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient, GrpcError, type Implementation, type ServerCall, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply, type EchoRequest } from "../gen/echo_pb.js";
import { collect, rejection, settle, until } from "../support.js";

let served: ChannelForServices | undefined;

function clientOf(implementation: Implementation<typeof Echo>): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]], { server: { onError: (error) => expect.unreachable(String(error)) } });
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** A handler that stays until it is cancelled, and what it saw. */
function waiting(): { seen: unknown[]; open(call: ServerCall<EchoRequest, {}>): Promise<void> } {
  const seen: unknown[] = [];
  return {
    seen,
    async open(call) {
      seen.push("called");
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
      seen.push(call.signal.reason.code);
      seen.push((await rejection(call.send({}))).code);
      throw new Error("the consequence of being cancelled, which nobody needs to hear of");
    },
  };
}

describe("a client that cancels", () => {
  it("by its signal fails with CANCELLED, caused by the signal's reason; the handler's signal aborts", async () => {
    const handler = waiting();
    const client = clientOf({ say: handler, expand: handler, collect: handler, chat: handler });
    const reason = new Error("the user went away");
    const calls: ((signal: ManualSignal) => Promise<unknown>)[] = [
      (signal) => client.say({}, { signal }),
      (signal) => collect(client.expand({}, { signal })),
      (signal) => client.collect([], { signal }),
      (signal) => collect(client.chat([], { signal })),
      (signal) => client.chat.open({ signal }).receive(),
    ];
    for (const call of calls) {
      handler.seen.length = 0;
      const signal = new ManualSignal();
      const failed = rejection(call(signal));
      await until(() => handler.seen.length === 1, "the handler");
      signal.abort(reason);
      expect(await failed).toMatchObject({
        status: Status.CANCELLED,
        message: "the call was cancelled: the user went away",
        cause: reason,
      });
      await until(() => handler.seen.length === 3, "the handler to notice");
      expect(handler.seen).toEqual(["called", "CANCELLED", "CANCELLED"]);
      expect(signal.listenerCount).toBe(0);
    }
  });

  it("with a real AbortSignal, before the call, sends nothing", async () => {
    const client = clientOf({ say: () => expect.unreachable() });
    const error = await rejection(client.say({}, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ status: Status.CANCELLED });
    expect((error.cause as Error).name).toBe("AbortError");
    expect(served?.channel.state).toBe("IDLE");
  });

  it("takes its listener off the signal when the call ends otherwise", async () => {
    const client = clientOf({ say: () => ({}) });
    const signal = new ManualSignal();
    await client.say({}, { signal });
    expect(signal.listenerCount).toBe(0);
  });

  it("by cancel() fails every step with CANCELLED", async () => {
    const handler = waiting();
    const client = clientOf({ chat: handler });
    const call = client.chat.open();
    const steps = [call.receive(), call.receiveInitialMetadata(), call.receiveTrailingMetadata()].map(rejection);
    await until(() => handler.seen.length === 1, "the handler");
    call.cancel("enough");
    call.cancel("twice");
    for (const error of await Promise.all(steps))
      expect(error).toMatchObject({ status: Status.CANCELLED, cause: "enough" });
    for (const step of [
      () => call.receive(),
      () => call.send({}),
      () => call.sendEof(),
      () => call.start(),
      () => call.receiveTrailingMetadata(),
    ]) {
      expect(await rejection(step())).toMatchObject({
        status: Status.CANCELLED,
        message: "the call was cancelled: enough",
      });
    }
    await until(() => handler.seen.length === 3, "the handler to notice");
  });

  it("after the server's end, but before having read it, gets CANCELLED and no more messages", async () => {
    const client = clientOf({
      async *expand({ count }) {
        for (let index = 0; index < count; index++) yield { count: index };
      },
    });
    for (const way of ["cancel()", "the signal", "the parent"]) {
      const controller = new AbortController();
      const { signal } = controller;
      const call = client.expand.open(way === "the parent" ? { parent: { signal } } : { signal });
      await call.send({ count: 3 });
      await call.receiveTrailingMetadata();
      expect((await call.receive())?.count).toBe(0);
      if (way === "cancel()") call.cancel("enough");
      else controller.abort("enough");
      expect(await rejection(call.receive())).toMatchObject({ status: Status.CANCELLED, cause: "enough" });
    }
    const call = client.expand.open();
    await call.send({ count: 1 });
    await call.receive();
    expect(await call.receive()).toBeUndefined();
    call.cancel("too late");
    expect(await call.receive()).toBeUndefined();
  });

  it("by abort(), the word of streams, gets ClosedStreamError from its own steps", async () => {
    const handler = waiting();
    const client = clientOf({ chat: handler });
    const call = client.chat.open();
    const receiving = rejection(call.receive());
    await until(() => handler.seen.length === 1, "the handler");
    call.abort(new Error("done"));
    expect(await receiving).toBeInstanceOf(ClosedStreamError);
    expect(await rejection(call.send({}))).toBeInstanceOf(ClosedStreamError);
    await until(() => handler.seen.length === 3, "the handler to notice");
    expect(handler.seen[1]).toBe("CANCELLED");
  });

  it("by the end of its scope cancels a call that has not ended, and only that", async () => {
    const handler = waiting();
    const client = clientOf({ chat: handler, say: () => ({ text: "done" }) });
    {
      await using call = client.chat.open();
      await call.sendEof();
      await until(() => handler.seen.length === 1, "the handler");
    }
    await until(() => handler.seen.length === 3, "the handler to notice");
    expect(handler.seen[1]).toBe("CANCELLED");
    {
      await using call = client.say.open();
      await call.send({});
      expect((await call.receive())?.text).toBe("done");
      await call.receiveTrailingMetadata();
    }
    {
      await using unused = client.chat.open();
      expect(unused.peer).toBeUndefined();
    }
  });

  it("before it has a connection leaves the line", async () => {
    const client = clientOf({ chat: { open: () => expect.unreachable() } });
    const call = client.chat.open();
    const started = rejection(call.start());
    call.cancel();
    expect(await started).toMatchObject({ status: Status.CANCELLED, message: "the call was cancelled" });
    await settle();
  });
});

describe("waits that are cancelled", () => {
  it("lose no message and leave the call as it was", async () => {
    const client = clientOf({
      chat: {
        async open(call) {
          for await (const request of call) await call.send({ text: request.text });
        },
      },
    });
    await using call = client.chat.open();
    const signal = new ManualSignal();
    const receiving = rejection(call.receive({ signal }));
    signal.abort("later");
    expect(await receiving).toBe("later");
    expect(await rejection(call.receiveTrailingMetadata({ signal }))).toBe("later");
    expect(await rejection(call.receiveInitialMetadata({ signal }))).toBe("later");
    expect(await rejection(call.send({ text: "never" }, { signal }))).toBe("later");
    await call.send({ text: "still here" });
    expect((await call.receive())?.text).toBe("still here");
  });
});

describe("a server's handler", () => {
  it("that aborts fails the call with its GrpcError, or with CANCELLED", async () => {
    const steps: unknown[] = [];
    const client = clientOf({
      chat: {
        async open(call) {
          call.abort(new GrpcError(Status.ABORTED, "not today"));
          steps.push(await rejection(call.send({})), await rejection(call.receive()));
        },
      },
      expand: {
        async open(call) {
          call.abort(new Error("secret"));
        },
      },
    });
    expect(await rejection(collect(client.chat([])))).toMatchObject({ status: Status.ABORTED, message: "not today" });
    const error = await rejection(collect(client.expand({})));
    expect(error).toMatchObject({ status: Status.CANCELLED, message: "the server aborted the call" });
    expect(steps[0]).toBeInstanceOf(ClosedStreamError);
    expect(steps[1]).toBeInstanceOf(ClosedStreamError);
  });

  it("sees no abort when its call ends as it should", async () => {
    let signal: AbortSignal | undefined;
    const client = clientOf({
      say(_request, call) {
        signal = call.signal;
        return {};
      },
    });
    await client.say({});
    await settle();
    expect(signal?.aborted).toBe(false);
  });

  it("whose generator waits for something else is told by return()", async () => {
    let returned = false;
    let called = false;
    const client = clientOf({
      expand: () => ({
        [Symbol.asyncIterator]: () => ({
          next: () => {
            called = true;
            return new Promise<IteratorResult<EchoReply>>(() => {});
          },
          return: async () => {
            returned = true;
            return { done: true, value: undefined };
          },
        }),
      }),
    });
    const call = client.expand.open();
    await call.send({});
    await until(() => called, "the generator");
    call.cancel();
    await until(() => returned, "return()");
  });

  it("gets what the client sent before it was gone, then the error", async () => {
    const seen: unknown[] = [];
    let proceed = (): void => {};
    const mayProceed = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const client = clientOf({
      chat: {
        async open(call) {
          await mayProceed;
          for (;;) {
            const request = await call.receive().catch((error: unknown) => error as GrpcError);
            seen.push(request instanceof GrpcError ? request.code : request?.text);
            if (request instanceof GrpcError || request === undefined) return;
          }
        },
      },
    });
    const call = client.chat.open();
    await call.send({ text: "one" });
    await call.send({ text: "two" });
    await settle();
    call.cancel();
    await settle();
    proceed();
    await until(() => seen.length === 3, "the handler");
    expect(seen).toEqual(["one", "two", "CANCELLED"]);
  });
});

describe("many calls with one signal", () => {
  /** The warnings that the process emits while `run` runs. */
  async function warningsOf(run: () => Promise<unknown>): Promise<string[]> {
    const warnings: string[] = [];
    const note = (warning: Error): void => void warnings.push(warning.name);
    process.on("warning", note);
    try {
      await run();
      await settle();
    } finally {
      process.off("warning", note);
    }
    return warnings;
  }

  it("bring no MaxListenersExceededWarning, and all of them are cancelled by it (connect-es#476)", async () => {
    const client = clientOf({ say: () => new Promise(() => {}) });
    const controller = new AbortController();
    const warnings = await warningsOf(async () => {
      const calls = Array.from({ length: 11 }, () => rejection(client.say({}, { signal: controller.signal })));
      await settle();
      controller.abort();
      for (const error of await Promise.all(calls)) expect(error.status).toBe(Status.CANCELLED);
    });
    expect(warnings).toEqual([]);
  });

  it("bring none either where it is the signal of the call that they belong to", async () => {
    const inner = channelFor([[Echo, { say: (): Promise<{}> => new Promise(() => {}) }]]);
    const innerClient = createClient(Echo, inner.channel);
    let statuses: unknown[] = [];
    const client = clientOf({
      async say(_request, call) {
        const errors = await Promise.all(
          Array.from({ length: 20 }, () => rejection(innerClient.say({}, { parent: call }))),
        );
        statuses = errors.map(({ status }) => status);
        return {};
      },
    });
    const warnings = await warningsOf(async () => {
      const call = client.say.open();
      await call.send({});
      await settle(50);
      call.cancel();
      await until(() => statuses.length === 20, "the ends of the inner calls");
    });
    expect(warnings).toEqual([]);
    expect(new Set(statuses)).toEqual(new Set([Status.CANCELLED]));
    await inner.close();
  });
});
