import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { type Implementation, Status } from "../../src/index.js";
import type { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";
import { ourClientOfTheirServer, pending, type TheirImplementation, theirClientOfOurServer } from "./grpc-js.js";

describe("a grpc-js client that cancels", () => {
  /** Handlers that stay until their call is cancelled, and say when they were called and why they ended. */
  function waiting(): { called: Promise<void>; reason: Promise<unknown>; implementation: Implementation<typeof Echo> } {
    const called = pending<void>();
    const reason = pending<unknown>();
    const open = async (call: { readonly signal: AbortSignal }): Promise<void> => {
      called.resolve();
      await once(call.signal, "abort");
      reason.resolve(call.signal.reason);
    };
    return {
      called: called.promise,
      reason: reason.promise,
      implementation: { say: { open }, expand: { open }, collect: { open }, chat: { open } },
    };
  }

  it.each(["say", "expand", "collect", "chat"] as const)(
    "a call of %s aborts our handler's signal with CANCELLED",
    async (kind) => {
      const { called, reason, implementation } = waiting();
      await using ends = await theirClientOfOurServer(implementation);
      const { client } = ends;
      const { call, outcome } = {
        say: () => client.say({}),
        expand: () => client.expand({}),
        collect: () => client.collect(),
        chat: () => client.chat(),
      }[kind]();
      await called;
      call.cancel();
      expect((await outcome).status.code).toBe(grpc.status.CANCELLED);
      expect(await reason).toMatchObject({ status: Status.CANCELLED });
      expect(ends.errors).toEqual([]);
    },
  );

  it("half-closes first, so that our handler's loop ends, and then its signal aborts", async () => {
    // node:http2 sends an empty DATA frame with END_STREAM before RST_STREAM: at first the two cannot be told apart.
    const seen: string[] = [];
    const first = pending<void>();
    const reason = pending<unknown>();
    await using ends = await theirClientOfOurServer({
      async collect(requests, { signal }) {
        for await (const request of requests) {
          seen.push(request.text);
          first.resolve();
        }
        if (!signal.aborted) await once(signal, "abort");
        reason.resolve(signal.reason);
        return {};
      },
    });
    const { call, outcome } = ends.client.collect();
    call.write({ text: "one" });
    await first.promise;
    call.cancel();
    expect(await reason.promise).toMatchObject({ status: Status.CANCELLED });
    expect((await outcome).status.code).toBe(grpc.status.CANCELLED);
    expect(seen).toEqual(["one"]);
    expect(ends.errors).toEqual([]);
  });

  it("runs the finally of our generator", async () => {
    const finished = pending<void>();
    await using ends = await theirClientOfOurServer({
      async *expand() {
        try {
          for (let count = 0; ; count++) yield { count };
        } finally {
          finished.resolve();
        }
      },
    });
    const { call, outcome } = ends.client.expand({});
    await once(call, "data");
    call.cancel();
    await finished.promise;
    expect((await outcome).status.code).toBe(grpc.status.CANCELLED);
    expect(ends.errors).toEqual([]);
  });
});

describe("our client that cancels", () => {
  /** Handlers that never answer, and say when they were called and cancelled. */
  function waiting(): { called: Promise<void>; cancelled: Promise<void>; implementation: TheirImplementation } {
    const called = pending<void>();
    const cancelled = pending<void>();
    const wait = (call: { on(event: "cancelled", listener: () => void): unknown }): void => {
      call.on("cancelled", () => cancelled.resolve());
      called.resolve();
    };
    return {
      called: called.promise,
      cancelled: cancelled.promise,
      implementation: { say: wait, expand: wait, collect: wait, chat: wait },
    };
  }

  it.each(["say", "expand", "collect", "chat"] as const)(
    "a call of %s by its signal is cancelled at the grpc-js server",
    async (kind) => {
      const { called, cancelled, implementation } = waiting();
      await using ends = await ourClientOfTheirServer(implementation);
      const { client } = ends;
      const controller = new AbortController();
      const { signal } = controller;
      const answer = {
        say: () => client.say({}, { signal }),
        expand: () => client.expand({}, { signal })[Symbol.asyncIterator]().next(),
        collect: () => client.collect([], { signal }),
        chat: () => client.chat([], { signal })[Symbol.asyncIterator]().next(),
      }[kind]();
      const failed = rejection(answer as Promise<unknown>);
      await called;
      const reason = new Error("the user left");
      controller.abort(reason);
      expect(await failed).toMatchObject({ status: Status.CANCELLED, cause: reason });
      await cancelled;
    },
  );

  it("by break, cancel() or the end of its scope is cancelled at the grpc-js server", async () => {
    let cancelled = pending<void>();
    await using ends = await ourClientOfTheirServer({
      expand(call) {
        call.on("cancelled", () => cancelled.resolve());
        call.write({ text: "one" });
      },
    });
    for await (const reply of ends.client.expand({})) {
      expect(reply.text).toBe("one");
      break;
    }
    await cancelled.promise;

    cancelled = pending<void>();
    const call = ends.client.expand.open();
    await call.send({});
    await call.receive();
    call.cancel();
    expect((await rejection(call.receive())).status).toBe(Status.CANCELLED);
    await cancelled.promise;

    cancelled = pending<void>();
    {
      await using scoped = ends.client.expand.open();
      await scoped.send({});
      await scoped.receive();
    }
    await cancelled.promise;
  });
});
