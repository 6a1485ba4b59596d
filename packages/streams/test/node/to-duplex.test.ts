import { once } from "node:events";
import { createServer, request } from "node:http";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, test } from "vitest";
import { BrokenStreamError, memoryPair } from "../../src/index.js";
import { toDuplex } from "../../src/node/index.js";
import { turns } from "../support/turns.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

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
