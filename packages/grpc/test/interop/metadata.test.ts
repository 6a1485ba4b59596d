import { Buffer } from "node:buffer";
import * as grpc from "@grpc/grpc-js";
import type { Metadata } from "@trunkline/metadata";
import { describe, expect, it } from "vitest";
import { GrpcError, Status } from "../../src/index.js";
import { rejection } from "../support.js";
import { ourClientOfTheirServer, theirClientOfOurServer } from "./grpc-js.js";

const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);

/** Every kind of value, with duplicates that are not neighbours. */
const pairs: readonly (readonly [string, string | Uint8Array])[] = [
  ["plain", "value"],
  ["twice", "first"],
  ["commas", "a,b, c"],
  ["twice", "second"],
  ["commas", ",d,"],
  ["empty", ""],
  ["punctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
  ["inner", "one two  three"],
  ["123.x_y-z", "digits first"],
  ["all-bin", allBytes],
  ["several-bin", Uint8Array.of(1, 2)],
  ["several-bin", Uint8Array.of(3, 4, 5)],
  ["several-bin", Uint8Array.of(251, 255, 191)],
  ["empty-bin", new Uint8Array()],
];
const keys = [...new Set(pairs.map(([key]) => key))];

/** Makes the metadata that grpc-js sends: it keeps the order within a key, but groups by key. */
function theirs(): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of pairs) metadata.add(key, typeof value === "string" ? value : Buffer.from(value));
  return metadata;
}

/** All of ours must be there, value by value; grpc-js adds none of its own. */
function expectSentByThem(received: Metadata | undefined): void {
  const values = (key: string): (string | Uint8Array)[] =>
    pairs.filter(([name]) => name === key).map(([, value]) => value);
  expect(received && [...received.keys()].filter((key) => keys.includes(key))).toEqual(keys);
  for (const key of keys) expect(received?.getAll(key)).toEqual(values(key));
}

/**
 * The metadata as grpc-js gives it: node:http2 joins text of one key with ", " before grpc-js sees it (grpc-node#1412),
 * so that only the joined text can be compared; bytes it takes apart again.
 */
function expectSentByUs(received: grpc.Metadata | undefined): void {
  for (const key of keys) {
    const values = pairs.filter(([name]) => name === key).map(([, value]) => value);
    const expected = key.endsWith("-bin")
      ? values.map((value) => Buffer.from(value as Uint8Array))
      : [values.join(", ")];
    expect(received?.get(key)).toEqual(expected);
  }
}

describe("grpc-js as a client of our server", () => {
  it("sends every kind of metadata with a request", async () => {
    let received: Metadata | undefined;
    await using ends = await theirClientOfOurServer({
      say(_request, call) {
        received = call.metadata;
        return {};
      },
    });
    expect((await ends.client.say({}, theirs()).outcome).status.code).toBe(0);
    expectSentByThem(received);
  });

  it("gets every kind of initial and trailing metadata, from both forms of handler", async () => {
    await using ends = await theirClientOfOurServer({
      async say(_request, call) {
        await call.sendInitialMetadata(pairs);
        for (const [key, value] of pairs) call.trailingMetadata.append(key, value);
        return {};
      },
      chat: {
        async open(call) {
          await call.sendInitialMetadata(pairs);
          await call.sendTrailingMetadata(pairs);
        },
      },
    });
    const said = await ends.client.say({}).outcome;
    expect(said.status.code).toBe(0);
    expectSentByUs(said.initial);
    expectSentByUs(said.status.metadata);

    const chat = ends.client.chat();
    chat.call.end();
    const { initial, status } = await chat.outcome;
    expectSentByUs(initial);
    expectSentByUs(status.metadata);
  });

  it("gets initial metadata before any message, and while it still sends", async () => {
    await using ends = await theirClientOfOurServer({
      chat: {
        async open(call) {
          await call.sendInitialMetadata({ early: "yes" });
          for await (const request of call) await call.send({ text: request.text });
        },
      },
    });
    const { call, outcome } = ends.client.chat();
    const initial = await new Promise<grpc.Metadata>((resolve) => call.once("metadata", resolve));
    expect(initial.get("early")).toEqual(["yes"]);
    call.write({ text: "only now" });
    call.end();
    expect(await outcome).toMatchObject({ messages: [{ text: "only now" }], status: { code: 0 } });
  });

  it("gets every kind of metadata with an error, with and without messages before it", async () => {
    const error = new GrpcError(Status.ABORTED, "no", { metadata: pairs });
    await using ends = await theirClientOfOurServer({
      say() {
        throw error;
      },
      async *expand() {
        yield { text: "one" };
        throw error;
      },
    });
    const said = await ends.client.say({}).outcome;
    expect(said.status.code).toBe(grpc.status.ABORTED);
    expectSentByUs(said.status.metadata);

    const expanded = await ends.client.expand({}).outcome;
    expect(expanded).toMatchObject({ messages: [{ text: "one" }], status: { code: grpc.status.ABORTED } });
    expectSentByUs(expanded.status.metadata);
  });
});

describe("our client with a grpc-js server", () => {
  it("sends every kind of metadata with a request", async () => {
    let received: grpc.Metadata | undefined;
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        received = call.metadata;
        answer(null, {});
      },
    });
    await ends.client.say({}, { metadata: pairs });
    expectSentByUs(received);
  });

  it("gets every kind of initial and trailing metadata, in both forms", async () => {
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        call.sendMetadata(theirs());
        answer(null, {}, theirs());
      },
    });
    const hooked: Metadata[] = [];
    const hook = (metadata: Metadata): void => void hooked.push(metadata);
    await ends.client.say({}, { onInitialMetadata: hook, onTrailingMetadata: hook });
    expect(hooked).toHaveLength(2);
    for (const metadata of hooked) expectSentByThem(metadata);

    await using call = ends.client.say.open();
    await call.send({});
    expectSentByThem(await call.receiveInitialMetadata());
    await call.receive();
    expectSentByThem(await call.receiveTrailingMetadata());
  });

  it("gets every kind of metadata with an error, with and without messages before it", async () => {
    const failure = { code: grpc.status.ABORTED, details: "no", metadata: theirs() };
    await using ends = await ourClientOfTheirServer({
      say: (_call, answer) => answer(failure),
      expand(call) {
        call.write({ text: "one" });
        call.emit("error", failure);
      },
    });
    const error = await rejection(ends.client.say({}));
    expect(error.status).toBe(Status.ABORTED);
    expectSentByThem(error.metadata);

    await using call = ends.client.expand.open();
    await call.send({});
    expect(await call.receive()).toMatchObject({ text: "one" });
    const later = await rejection(call.receive());
    expect(later.status).toBe(Status.ABORTED);
    expectSentByThem(later.metadata);
    expectSentByThem(call.trailingMetadata);
  });

  it("reads several values of a -bin key that a peer has joined by commas, padded or not", async () => {
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        const joined = new grpc.Metadata();
        joined.toHttp2Headers = () => ({ "joined-bin": "AQI,AwQ=, +/+/" });
        call.sendMetadata(joined);
        answer(null, {});
      },
    });
    await using call = ends.client.say.open();
    await call.send({});
    const initial = await call.receiveInitialMetadata();
    expect(initial.getAll("joined-bin")).toEqual([
      Uint8Array.of(1, 2),
      Uint8Array.of(3, 4),
      Uint8Array.of(251, 255, 191),
    ]);
  });
});
