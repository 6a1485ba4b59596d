/** gRPC over streams of bytes, in both roles. */

import { memoryPair, type ObjectStream } from "@trunkline/streams";
import { connectTcp, listenTcp, toDuplex } from "@trunkline/streams/node";
import { describe, expect, it } from "vitest";
import { Channel, createClient, Server, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection } from "../support.js";

describe("a stream of bytes as a connection", () => {
  it("carries every kind of call", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const server = new Server().add(Echo, echo);
    const served = server.serve(far);
    const channel = new Channel({ transport: near });
    const client = createClient(Echo, channel);
    const payload = new Uint8Array(300_000).fill(7);
    expect((await client.say({ text: "a", payload })).payload).toEqual(payload);
    expect(await collect(client.expand({ text: "a", count: 3 }))).toHaveLength(3);
    expect((await client.collect([{ text: "a" }, { text: "b" }])).text).toBe("a,b");
    expect(await collect(client.chat([{ text: "a" }, { text: "b" }]))).toHaveLength(2);
    await channel.close();
    await served;
    await server.close();
  });

  it("is made anew by connect after a loss, and knows its peer's address", async () => {
    const server = new Server().add(Echo, {
      say: (_, call) => ({ text: call.peer.address }),
    });
    await using listener = await listenTcp({ host: "127.0.0.1", port: 0 });
    const accepted: ObjectStream<Uint8Array>[] = [];
    void (async () => {
      for await (const socket of listener) {
        accepted.push(socket);
        void server.serve(socket);
      }
    })();
    const { port } = listener.address as { port: number };
    const channel = new Channel({ connect: ({ signal }) => connectTcp({ host: "127.0.0.1", port }, { signal }) });
    const client = createClient(Echo, channel);
    expect((await client.say({})).text).toMatch(/^127\.0\.0\.1:\d+$/);
    accepted[0]?.abort();
    await rejection(client.say({})).catch(() => {});
    expect((await client.say({}, { waitForReady: true })).text).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(accepted.length).toBe(2);
    await channel.close();
    await server.close();
  });

  it("that breaks fails its calls with UNAVAILABLE and its reason", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const server = new Server().add(Echo, {
      say: () => {
        far.abort(new Error("the cable was cut"));
        return new Promise<never>(() => {});
      },
    });
    const served = server.serve(far);
    const channel = new Channel({ transport: near });
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toContain("the cable was cut");
    await served;
    await channel.close();
    await server.close({ closeTimeoutMs: 0 });
  });

  it.each([[undefined], [null], [5], [{}], [{ send: () => {} }]])("is not %j", async (wrong) => {
    const server = new Server();
    await expect(server.serve(wrong as never)).rejects.toThrow("a connection is a Duplex of Node or an ObjectStream");
    expect(() => new Channel({ transport: wrong as never })).toThrow(TypeError);
    const channel = new Channel({ connect: () => wrong as never });
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toContain("a connection is a Duplex of Node or an ObjectStream of bytes");
    await channel.close();
    await server.close();
  });

  it("may be a duplex that was made of a stream, as before", async () => {
    const [near, far] = memoryPair<Uint8Array>();
    const server = new Server().add(Echo, echo);
    void server.serve(toDuplex(far));
    const channel = new Channel({ transport: toDuplex(near) });
    expect((await createClient(Echo, channel).say({ text: "a" })).text).toBe("a");
    await channel.close();
    await server.close();
  });
});
