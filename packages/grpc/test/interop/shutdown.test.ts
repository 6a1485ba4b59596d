import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { GrpcError, Status } from "../../src/index.js";
import { rejection } from "../support.js";
import { ourClientOfTheirServer, pending, theirClientOfOurServer } from "./grpc-js.js";

describe("our server that closes", () => {
  it("lets a call of a grpc-js client end well", async () => {
    const called = pending<void>();
    const mayAnswer = pending<void>();
    await using ends = await theirClientOfOurServer({
      async say(request) {
        called.resolve();
        await mayAnswer.promise;
        return { text: request.text };
      },
    });
    const { outcome } = ends.client.say({ text: "the last" });
    await called.promise;
    const closed = ends.server.close();
    mayAnswer.resolve();
    expect(await outcome).toMatchObject({ messages: [{ text: "the last" }], status: { code: 0 } });
    await closed;
    expect((await ends.client.say({}).outcome).status.code).toBe(grpc.status.UNAVAILABLE);
  });

  it("fails a call that does not end in time with UNAVAILABLE", async () => {
    const called = pending<void>();
    await using ends = await theirClientOfOurServer({
      chat: {
        async open(call) {
          called.resolve();
          await once(call.signal, "abort");
        },
      },
    });
    const { outcome } = ends.client.chat();
    await called.promise;
    await ends.server.close({ closeTimeoutMs: 0 });
    expect((await outcome).status.code).toBe(grpc.status.UNAVAILABLE);
  });
});

describe("a grpc-js server that closes", () => {
  it("answers the call of ours that is under way; the next one finds nobody", async () => {
    const called = pending<() => void>();
    await using ends = await ourClientOfTheirServer({
      say: (call, answer) => called.resolve(() => answer(null, { text: call.request.text })),
    });
    const reply = ends.client.say({ text: "the last" });
    const answer = await called.promise;
    const closed = pending<Error | undefined>();
    ends.server.tryShutdown(closed.resolve);
    answer();
    expect(await reply).toMatchObject({ text: "the last" });
    expect(await closed.promise).toBeUndefined();
    expect((await rejection(ends.client.say({}))).status).toBe(Status.UNAVAILABLE);
  });

  it("by force fails our call, and never looks like an end", async () => {
    await using ends = await ourClientOfTheirServer({
      expand(call) {
        call.write({ text: "one" });
      },
    });
    await using call = ends.client.expand.open();
    await call.send({});
    expect(await call.receive()).toMatchObject({ text: "one" });
    ends.server.forceShutdown();
    const error = await rejection(call.receive());
    expect(error).toBeInstanceOf(GrpcError);
    // grpc-js resets every call with CANCEL before it destroys the connection.
    expect([Status.UNAVAILABLE, Status.CANCELLED]).toContain(error.status);
  });
});
