import { once } from "node:events";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { Deadline, GrpcError, Status } from "../../src/index.js";
import { rejection } from "../support.js";
import { ourClientOfTheirServer, pending, theirClientOfOurServer } from "./grpc-js.js";

// Long enough for a connection on a busy machine.
const shortMs = 250;
const hourMs = 3_600_000;

describe("a deadline of a grpc-js client", () => {
  it("that passes ends the call at both ends", async () => {
    let remainingMs: number | undefined;
    const reason = pending<GrpcError>();
    await using ends = await theirClientOfOurServer({
      async say(_request, { deadline, signal }) {
        remainingMs = deadline?.remainingMs;
        await once(signal, "abort");
        reason.resolve(signal.reason);
        return {};
      },
    });
    const { status } = await ends.client.say({}, undefined, { deadline: Date.now() + shortMs }).outcome;
    expect(status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThanOrEqual(shortMs);
    // At the same moment the client resets the call and our own timer is due: either may be first.
    expect([Status.DEADLINE_EXCEEDED, Status.CANCELLED]).toContain((await reason.promise).status);
    expect(ends.errors).toEqual([]);
  });

  it.each(["say", "chat"] as const)(
    "that only our server watches ends a call of %s with DEADLINE_EXCEEDED at both ends",
    async (kind) => {
      const reason = pending<unknown>();
      const open = async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        await once(signal, "abort");
        reason.resolve(signal.reason);
      };
      await using ends = await theirClientOfOurServer({ say: { open }, chat: { open } });
      // As a header of its own, grpc-js sends it and starts no timer.
      const metadata = new grpc.Metadata();
      metadata.set("grpc-timeout", `${shortMs}m`);
      const { outcome } = kind === "say" ? ends.client.say({}, metadata) : ends.client.chat(metadata);
      expect((await outcome).status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
      expect(await reason.promise).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    },
  );

  it("that passes in the middle of a stream gives what came before it first", async () => {
    const aborted = pending<void>();
    await using ends = await theirClientOfOurServer({
      expand: {
        async open(call) {
          await call.receive();
          await call.send({ text: "in time" });
          await once(call.signal, "abort");
          aborted.resolve();
        },
      },
    });
    const { outcome } = ends.client.expand({}, undefined, { deadline: Date.now() + shortMs });
    expect(await outcome).toMatchObject({
      messages: [{ text: "in time" }],
      status: { code: grpc.status.DEADLINE_EXCEEDED },
    });
    await aborted.promise;
  });

  it("is what our handler sees, from minutes to days, and none where there is none", async () => {
    const seen: (number | undefined)[] = [];
    await using ends = await theirClientOfOurServer({
      say(_request, call) {
        seen.push(call.deadline?.remainingMs);
        return {};
      },
    });
    // 24 days are the most that a timer of Node's, and so grpc-js, can wait.
    const spans = [120_000, hourMs, 24 * hourMs, 20 * 24 * hourMs];
    for (const span of spans) await ends.client.say({}, undefined, { deadline: Date.now() + span }).outcome;
    await ends.client.say({}, undefined, { deadline: Number.POSITIVE_INFINITY }).outcome;
    await ends.client.say({}).outcome;
    for (const [index, span] of spans.entries()) {
      // grpc-timeout has eight digits at most: what is over ten hours goes in whole seconds.
      expect(seen[index]).toBeLessThanOrEqual(span + 1_000);
      expect(seen[index]).toBeGreaterThan(span - 20_000);
    }
    expect(seen.slice(spans.length)).toEqual([undefined, undefined]);
  });

  it("that has passed already fails the call", async () => {
    await using ends = await theirClientOfOurServer({ say: () => ({}) });
    const { status } = await ends.client.say({}, undefined, { deadline: Date.now() - 1_000 }).outcome;
    expect(status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
  });
});

describe("a deadline of our client", () => {
  it("that passes ends the call with DEADLINE_EXCEEDED at both ends", async () => {
    const cancelled = pending<number>();
    let theirDeadline: grpc.Deadline | undefined;
    await using ends = await ourClientOfTheirServer({
      say(call) {
        theirDeadline = call.getDeadline();
        call.on("cancelled", () => cancelled.resolve(Date.now()));
      },
    });
    const startedAt = Date.now();
    const error = await rejection(ends.client.say({}, { deadline: Deadline.after(shortMs) }));
    expect(error).toBeInstanceOf(GrpcError);
    expect(error.status).toBe(Status.DEADLINE_EXCEEDED);
    await cancelled.promise;
    const deadlineAt = new Date(theirDeadline as Date).getTime();
    expect(deadlineAt).toBeGreaterThan(startedAt);
    expect(deadlineAt).toBeLessThanOrEqual(Date.now() + shortMs);
  });

  it("that passes in the middle of a stream gives what came before it first", async () => {
    const cancelled = pending<void>();
    await using ends = await ourClientOfTheirServer({
      expand(call) {
        call.on("cancelled", () => cancelled.resolve());
        call.write({ text: "in time" });
      },
    });
    await using call = ends.client.expand.open({ deadline: Deadline.after(shortMs) });
    await call.send({});
    expect(await call.receive()).toMatchObject({ text: "in time" });
    expect((await rejection(call.receive())).status).toBe(Status.DEADLINE_EXCEEDED);
    await cancelled.promise;
  });

  it("is what their handler sees, from minutes to days, and none where there is none", async () => {
    const seen: grpc.Deadline[] = [];
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        seen.push(call.getDeadline());
        answer(null, {});
      },
    });
    const spans = [120_000, hourMs, 24 * hourMs, 20 * 24 * hourMs];
    for (const span of spans) await ends.client.say({}, { deadline: Deadline.after(span) });
    await ends.client.say({});
    const now = Date.now();
    for (const [index, span] of spans.entries()) {
      const remainingMs = new Date(seen[index] as Date).getTime() - now;
      expect(remainingMs).toBeLessThanOrEqual(span + 1_000);
      expect(remainingMs).toBeGreaterThan(span - 20_000);
    }
    expect(seen.at(-1)).toBe(Number.POSITIVE_INFINITY);
  });
});
