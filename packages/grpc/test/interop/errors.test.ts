import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { GrpcError, Status } from "../../src/index.js";
import { collect, rejection } from "../support.js";
import { ourClientOfTheirServer, theirClientOfOurServer } from "./grpc-js.js";

type Failure = Exclude<Status, 0>;
const failures = Object.values(Status).filter((status): status is Failure => status !== Status.OK);

/**
 * Texts that are awkward in a header: percent signs that look encoded, UTF-8 of every length, control characters,
 * spaces at the ends.
 */
const messages = [
  "",
  "plain",
  "100 % sure",
  "%41%zz%",
  "grüße, 日本語, 🚂",
  "two\r\nlines\ttab\0nul",
  " spaces at the ends ",
  "quotes \" ' and \\",
  "x".repeat(4_000),
];

describe("grpc-js as a client of our server", () => {
  it("gets every status from both forms of handler", async () => {
    await using ends = await theirClientOfOurServer({
      say({ count }) {
        throw new GrpcError(count as Failure, `status ${count}`);
      },
      chat: {
        async open(call) {
          const request = await call.receive();
          await call.sendTrailingMetadata({}, { status: request?.count as Failure, message: "by hand" });
        },
      },
    });
    for (const count of failures) {
      expect((await ends.client.say({ count }).outcome).status).toMatchObject({
        code: count,
        details: `status ${count}`,
      });
      const { call, outcome } = ends.client.chat();
      call.end({ count });
      expect((await outcome).status).toMatchObject({ code: count, details: "by hand" });
    }
  });

  it("gets the message as it was, whatever is in it", async () => {
    await using ends = await theirClientOfOurServer({
      say({ text }) {
        throw new GrpcError(Status.NOT_FOUND, text);
      },
    });
    for (const text of messages)
      expect((await ends.client.say({ text }).outcome).status).toMatchObject({ code: Status.NOT_FOUND, details: text });
  });

  it("gets the status of a message of 200,000 characters, which is cut (grpc-node#1533)", async () => {
    await using ends = await theirClientOfOurServer({
      say() {
        throw new GrpcError(Status.ABORTED, "x".repeat(200_000));
      },
    });
    const { status } = await ends.client.say({}).outcome;
    expect(status.code).toBe(Status.ABORTED);
    expect(status.details).toMatch(/^x{60000,} \[cut from 200000 to \d+ characters: the client takes /);
  });

  it("gets all messages before the error", async () => {
    await using ends = await theirClientOfOurServer({
      async *expand() {
        for (let count = 0; count < 50; count++) yield { count };
        throw new GrpcError(Status.DATA_LOSS, "the rest is gone");
      },
    });
    const { messages, status } = await ends.client.expand({}).outcome;
    expect(messages.map(({ count }) => count)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(status).toMatchObject({ code: grpc.status.DATA_LOSS, details: "the rest is gone" });
  });

  it("gets UNKNOWN, and not a word of the text, for anything else that a handler throws", async () => {
    await using ends = await theirClientOfOurServer({
      say() {
        throw new Error("the password is swordfish");
      },
    });
    const { status } = await ends.client.say({}).outcome;
    expect(status.code).toBe(grpc.status.UNKNOWN);
    expect(status.details).not.toContain("swordfish");
    expect(ends.errors).toMatchObject([{ message: "the password is swordfish" }]);
  });

  it("gets UNIMPLEMENTED for a method or a service that is not there", async () => {
    await using ends = await theirClientOfOurServer({ say: () => ({}) });
    expect((await ends.client.expand({}).outcome).status.code).toBe(grpc.status.UNIMPLEMENTED);
    for (const path of ["/trunkline.test.v1.Echo/Nothing", "/nowhere.Service/Say", "/"]) {
      const { status } = await ends.client.unary(path).outcome;
      expect(status.code, path).toBe(grpc.status.UNIMPLEMENTED);
    }
  });

  it("gets an early error while it is still sending, and the connection goes on", async () => {
    await using ends = await theirClientOfOurServer({
      say: ({ text }) => ({ text }),
      async collect() {
        throw new GrpcError(Status.PERMISSION_DENIED, "enough");
      },
    });
    const { call, outcome } = ends.client.collect();
    for (let count = 0; count < 100; count++) call.write({ payload: new Uint8Array(10_000) });
    expect((await outcome).status).toMatchObject({ code: grpc.status.PERMISSION_DENIED, details: "enough" });
    expect((await ends.client.say({ text: "next" }).outcome).messages).toMatchObject([{ text: "next" }]);
  });
});

describe("our client with a grpc-js server", () => {
  it("gets every status, with code, message and kind of error", async () => {
    await using ends = await ourClientOfTheirServer({
      say: ({ request }, answer) => answer({ code: request.count, details: `status ${request.count}` }),
      chat(call) {
        call.on("data", ({ count }) => call.emit("error", { code: count, details: "in a stream" }));
      },
    });
    for (const count of failures) {
      const error = await rejection(ends.client.say({ count }));
      expect(error).toBeInstanceOf(GrpcError);
      expect(error).toMatchObject({ status: count, message: `status ${count}` });
      expect(Status[error.code]).toBe(count);
      expect(await rejection(collect(ends.client.chat([{ count }])))).toMatchObject({
        status: count,
        message: "in a stream",
      });
    }
  });

  it("gets the message as it was, whatever is in it", async () => {
    await using ends = await ourClientOfTheirServer({
      say: ({ request }, answer) => answer({ code: grpc.status.NOT_FOUND, details: request.text }),
    });
    for (const text of messages) {
      expect(await rejection(ends.client.say({ text }))).toMatchObject({ status: Status.NOT_FOUND, message: text });
    }
  });

  it("gets all messages before the error", async () => {
    await using ends = await ourClientOfTheirServer({
      expand(call) {
        for (let count = 0; count < 50; count++) call.write({ count });
        call.emit("error", { code: grpc.status.DATA_LOSS, details: "the rest is gone" });
      },
    });
    await using call = ends.client.expand.open();
    await call.send({});
    for (let count = 0; count < 50; count++) expect(await call.receive()).toMatchObject({ count });
    expect(await rejection(call.receive())).toMatchObject({ status: Status.DATA_LOSS, message: "the rest is gone" });
  });

  it("gets UNIMPLEMENTED for a method that is not there", async () => {
    await using ends = await ourClientOfTheirServer({});
    expect((await rejection(ends.client.say({}))).status).toBe(Status.UNIMPLEMENTED);
    expect((await rejection(collect(ends.client.chat([{}])))).status).toBe(Status.UNIMPLEMENTED);
  });

  it("gets an early answer while it is still sending, rather than the error of its sending", async () => {
    await using ends = await ourClientOfTheirServer({
      say: ({ request }, answer) => answer(null, { text: request.text }),
      collect: (_call, answer) => answer({ code: grpc.status.PERMISSION_DENIED, details: "enough" }),
    });
    async function* endless(): AsyncGenerator<{ payload: Uint8Array }> {
      for (;;) yield { payload: new Uint8Array(10_000) };
    }
    expect(await rejection(ends.client.collect(endless()))).toMatchObject({
      status: Status.PERMISSION_DENIED,
      message: "enough",
    });
    expect(await ends.client.say({ text: "next" })).toMatchObject({ text: "next" });
  });
});
