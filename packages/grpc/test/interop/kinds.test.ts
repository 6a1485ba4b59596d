import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { collect, echo } from "../support.js";
import { ourClientOfTheirServer, theirClientOfOurServer, theirEchoImplementation } from "./grpc-js.js";

const requests = [
  { text: "a", count: 1 },
  { text: "b", count: 2 },
  { text: "c", count: 3 },
];

describe("grpc-js as a client of our server", () => {
  it("makes calls of all four kinds, answered by short handlers", async () => {
    await using ends = await theirClientOfOurServer(echo);
    const { client } = ends;

    const said = await client.say({ text: "hello", count: 7 }).outcome;
    expect(said.status.code).toBe(0);
    expect(said.messages).toMatchObject([{ text: "hello", count: 7 }]);

    const expanded = await client.expand({ text: "x", count: 100 }).outcome;
    expect(expanded.status.code).toBe(0);
    expect(expanded.messages.map(({ count }) => count)).toEqual(Array.from({ length: 100 }, (_, index) => index));

    const collected = client.collect();
    for (const request of requests) collected.call.write(request);
    collected.call.end();
    expect((await collected.outcome).messages).toMatchObject([{ text: "a,b,c", count: 6 }]);

    const chat = client.chat();
    for (const request of requests) {
      chat.call.write(request);
      const [reply] = await once(chat.call, "data");
      expect(reply).toMatchObject(request);
    }
    chat.call.end();
    expect(await chat.outcome).toMatchObject({ messages: requests, status: { code: 0 } });
  });

  it("makes calls of all four kinds, answered step by step", async () => {
    await using ends = await theirClientOfOurServer({
      say: {
        async open(call) {
          const request = await call.receive();
          expect(await call.receive()).toBeUndefined();
          await call.send({ text: `said ${request?.text}` });
        },
      },
      expand: {
        async open(call) {
          const request = await call.receive();
          for (let count = 0; count < (request?.count ?? 0); count++) await call.send({ count });
          await call.sendTrailingMetadata({ done: "yes" });
        },
      },
      collect: {
        async open(call) {
          let count = 0;
          for await (const request of call) count += request.count;
          await call.send({ count });
          await call.sendEof();
        },
      },
      chat: {
        async open(call) {
          await call.send({ text: "the server speaks first" });
          for await (const request of call) await call.send({ text: request.text });
          await call.send({ text: "and last" });
        },
      },
    });
    const { client } = ends;
    expect((await client.say({ text: "it" }).outcome).messages).toMatchObject([{ text: "said it" }]);

    const expanded = await client.expand({ count: 3 }).outcome;
    expect(expanded.messages).toMatchObject([{ count: 0 }, { count: 1 }, { count: 2 }]);
    expect(expanded.status.metadata.get("done")).toEqual(["yes"]);

    const collected = client.collect();
    collected.call.write({ count: 20 });
    collected.call.end({ count: 22 });
    expect((await collected.outcome).messages).toMatchObject([{ count: 42 }]);

    const chat = client.chat();
    await once(chat.call, "data");
    chat.call.write({ text: "in between" });
    await once(chat.call, "data");
    chat.call.end();
    const { messages, status } = await chat.outcome;
    expect(messages.map(({ text }) => text)).toEqual(["the server speaks first", "in between", "and last"]);
    expect(status.code).toBe(0);
  });

  it("gets an OK end of streams without any message", async () => {
    await using ends = await theirClientOfOurServer(echo);
    const { client } = ends;
    expect(await client.expand({ count: 0 }).outcome).toMatchObject({ messages: [], status: { code: 0 } });
    const collected = client.collect();
    collected.call.end();
    expect((await collected.outcome).messages).toMatchObject([{ text: "", count: 0 }]);
    const chat = client.chat();
    chat.call.end();
    expect(await chat.outcome).toMatchObject({ messages: [], status: { code: 0 } });
  });
});

describe("our client with a grpc-js server", () => {
  it("makes calls of all four kinds in the short form", async () => {
    await using ends = await ourClientOfTheirServer(theirEchoImplementation);
    const { client } = ends;
    expect(await client.say({ text: "hello", count: 7 })).toMatchObject({ text: "hello", count: 7 });
    const expanded = await collect(client.expand({ text: "x", count: 100 }));
    expect(expanded.map(({ count }) => count)).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(await client.collect(requests)).toMatchObject({ text: "a,b,c", count: 6 });
    expect(await collect(client.chat(requests))).toMatchObject(requests);
  });

  it("makes calls of all four kinds step by step", async () => {
    await using ends = await ourClientOfTheirServer({
      ...theirEchoImplementation,
      chat(call) {
        const metadata = call.metadata.clone();
        metadata.set("greeting", "before any message");
        call.sendMetadata(metadata);
        theirEchoImplementation.chat(call);
      },
    });
    const { client } = ends;
    await using say = client.say.open();
    await say.send({ text: "hello" });
    expect(await say.receive()).toMatchObject({ text: "hello" });
    expect(await say.receive()).toBeUndefined();
    await say.receiveTrailingMetadata();

    await using expand = client.expand.open();
    await expand.send({ text: "x", count: 3 });
    expect((await collect(expand)).map(({ count }) => count)).toEqual([0, 1, 2]);

    await using collecting = client.collect.open();
    for (const request of requests) await collecting.send(request);
    await collecting.sendEof();
    expect(await collecting.receive()).toMatchObject({ text: "a,b,c", count: 6 });
    expect(await collecting.receive()).toBeUndefined();

    await using chat = client.chat.open();
    expect((await chat.receiveInitialMetadata()).get("greeting")).toBe("before any message");
    for (const request of requests) {
      await chat.send(request);
      expect(await chat.receive()).toMatchObject(request);
    }
    await chat.sendEof();
    expect(await chat.receive()).toBeUndefined();
    await chat.receiveTrailingMetadata();
  });

  it("gets an OK end of streams without any message", async () => {
    await using ends = await ourClientOfTheirServer(theirEchoImplementation);
    const { client } = ends;
    expect(await collect(client.expand({ count: 0 }))).toEqual([]);
    expect(await client.collect([])).toMatchObject({ text: "", count: 0 });
    expect(await collect(client.chat([]))).toEqual([]);
  });
});
