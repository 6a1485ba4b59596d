import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { sized } from "../../../base/test/support/sizes.js";
import { ourClientOfTheirServer, pending, theirClientOfOurServer } from "./grpc-js.js";

const calls = sized(400, 1_000);
const all = Array.from({ length: calls }, (_, index) => index);

describe("hundreds of calls at once on one connection", () => {
  it("by grpc-js to our server are each answered, when all have come", async () => {
    const peers = new Set<string>();
    const allHere = pending<void>();
    let waiting = 0;
    await using ends = await theirClientOfOurServer({
      async say(request, call) {
        peers.add(call.peer.address);
        waiting += 1;
        if (waiting === calls) allHere.resolve();
        await allHere.promise;
        return { count: request.count };
      },
    });
    const outcomes = await Promise.all(all.map((count) => ends.client.say({ count }).outcome));
    expect(outcomes.map(({ messages }) => messages[0]?.count)).toEqual(all);
    expect(peers.size).toBe(1);
  });

  it("by grpc-js to our server may be streams, all open before the first ends", async () => {
    await using ends = await theirClientOfOurServer({
      async *chat(requests) {
        for await (const request of requests) yield { count: request.count };
      },
    });
    const streams = all.map(() => ends.client.chat());
    await Promise.all(
      streams.map(async ({ call }, count) => {
        call.write({ count });
        await once(call, "data");
      }),
    );
    for (const { call } of streams) call.end();
    for (const [count, { outcome }] of streams.entries())
      expect(await outcome).toMatchObject({ messages: [{ count }], status: { code: 0 } });
  });

  it("by our client to grpc-js are each answered, when all have come", async () => {
    const peers = new Set<string>();
    const answers: (() => void)[] = [];
    await using ends = await ourClientOfTheirServer({
      say(call, answer) {
        peers.add(call.getPeer());
        answers.push(() => answer(null, { count: call.request.count }));
        if (answers.length === calls) for (const respond of answers) respond();
      },
    });
    const replies = await Promise.all(all.map((count) => ends.client.say({ count })));
    expect(replies.map(({ count }) => count)).toEqual(all);
    expect(peers.size).toBe(1);
  });

  it("by our client to grpc-js may be streams, all open before the first ends", async () => {
    await using ends = await ourClientOfTheirServer({
      chat(call) {
        call.on("data", ({ count }) => call.write({ count }));
        call.on("end", () => call.end());
      },
    });
    const streams = all.map(() => ends.client.chat.open());
    await Promise.all(
      streams.map(async (call, count) => {
        await call.send({ count });
        expect((await call.receive())?.count).toBe(count);
      }),
    );
    expect(new Set(streams.map((call) => call.peer)).size).toBe(1);
    await Promise.all(
      streams.map(async (call) => {
        await call.sendEof();
        expect(await call.receive()).toBeUndefined();
      }),
    );
  });
});
