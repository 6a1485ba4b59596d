import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { text as text$ } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { BrokenStreamError, memoryPair, receiveStream, remoteAddress, stapled } from "../../src/index.js";
import { toDuplex } from "../../src/node/index.js";
import { turns } from "../support/turns.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("toDuplex as a socket-like one", () => {
  test("serves an http.Agent with keepAlive, and an HTTP server, over one stream for several requests", async () => {
    let connections = 0;
    const server = createServer((incoming, response) => {
      incoming.resume().on("end", () => response.end(`hello ${incoming.url}`));
    });
    const agent = new Agent({ keepAlive: true });
    agent.createConnection = () => {
      connections++;
      const [client, accepted] = memoryPair<Uint8Array>();
      server.emit("connection", toDuplex(accepted));
      return toDuplex(client);
    };
    const get = (path: string): Promise<string> =>
      new Promise((resolve, reject) => {
        request({ agent, host: "in.memory", path, timeout: 5_000 }, (response) => {
          text$(response).then(resolve, reject);
        })
          .on("error", reject)
          .end();
      });
    expect([await get("/1"), await get("/2"), await get("/3")]).toEqual(["hello /1", "hello /2", "hello /3"]);
    expect(connections).toBe(1);
    agent.destroy();
    server.close();
  });

  test("emits timeout after a time without reads and writes, and not while there are some", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const duplex = toDuplex(theirs).resume();
    const begin = performance.now();
    const timeout = once(duplex.setTimeout(50), "timeout");
    await new Promise((resolve) => setImmediate(resolve));
    await mine.send(text("still here"));
    await timeout;
    expect(performance.now() - begin).toBeGreaterThanOrEqual(50);
    expect(duplex.destroyed).toBe(false);
    expect(() => duplex.setTimeout(-1)).toThrow("timeoutMs must be a whole number");
    duplex.setTimeout(0).destroy();
  });

  test("has the addresses of the stream", () => {
    const [stream] = memoryPair<Uint8Array>();
    const attributes = new Map([[remoteAddress, { host: "10.0.0.1", port: 80 }]]);
    const described = stapled(receiveStream({ pull: () => stream.receive(), attributes }), stream);
    expect(toDuplex(described)).toMatchObject({ remoteAddress: "10.0.0.1", remotePort: 80, localAddress: undefined });
  });
});

describe("toDuplex", () => {
  test("half-close works both ways", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const duplex = toDuplex(theirs);
    duplex.end("question");
    expect(await mine.receive()).toEqual(text("question"));
    expect(await mine.receive()).toBeUndefined();
    await mine.send(text("answer"));
    await mine.sendEof();
    expect(await duplex.toArray()).toEqual([Buffer.from("answer")]);
  });

  test("empty items are nothing to Node, however many there are", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const duplex = toDuplex(theirs);
    for (let count = 0; count < 20; count++) await mine.send(new Uint8Array(0));
    await mine.send(text("something"));
    await mine.sendEof();
    expect(await duplex.toArray()).toEqual([Buffer.from("something")]);
    duplex.destroy();
  });

  test("a broken stream is an error event with the cause", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const duplex = toDuplex(theirs);
    duplex.resume();
    const failed = once(duplex, "error");
    const cause = new Error("cable pulled");
    mine.abort(cause);
    const [error] = await failed;
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error.cause).toBe(cause);
    expect(duplex.destroyed).toBe(true);
  });

  test("destroying the duplex aborts the stream, with the error if there is one", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const duplex = toDuplex(theirs).on("error", () => {});
    const cause = new Error("enough");
    duplex.destroy(cause);
    await expect(mine.receive()).rejects.toMatchObject({ cause });

    const [other, wrapped] = memoryPair<Uint8Array>();
    toDuplex(wrapped).destroy();
    await expect(other.receive()).rejects.toThrow("the duplex was destroyed before its end");
  });

  test("a pipeline that fails is an abort, never an end", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>();
    const source = Readable.from(
      (async function* () {
        yield Buffer.from("half of it");
        await turns(2);
        throw new Error("the disk is gone");
      })(),
    );
    const piping = pipeline(source, toDuplex(theirs)).catch((error: unknown) => error);
    await expect(
      (async () => {
        for await (const _ of mine);
      })(),
    ).rejects.toThrow("the disk is gone");
    expect(await piping).toMatchObject({ message: "the disk is gone" });
  });

  test("a slow reader of the stream stops the writer of the duplex", async () => {
    const [mine, theirs] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
    const duplex = toDuplex(theirs);
    let written = 0;
    while (duplex.write(Buffer.alloc(4_096))) written++;
    await turns();
    expect(duplex.writableNeedDrain).toBe(true);
    const drained = once(duplex, "drain");
    for (let count = 0; count <= written; count++) await mine.receive();
    await drained;
    duplex.on("error", () => {}).destroy();
  });

  test("HTTP works over it", async () => {
    const [client, server] = memoryPair<Uint8Array>();
    const service = createServer((incoming, response) => incoming.pipe(response));
    service.emit("connection", toDuplex(server));
    const call = request({ method: "POST", createConnection: () => toDuplex(client) as never });
    call.end("x".repeat(100_000));
    const [response] = await once(call, "response");
    const body = await response.pipe(new PassThrough({ highWaterMark: 1_000_000 })).toArray();
    expect(Buffer.concat(body).toString()).toBe("x".repeat(100_000));
    service.closeAllConnections();
  });
});
