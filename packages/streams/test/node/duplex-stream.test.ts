import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { Duplex, type DuplexOptions, PassThrough } from "node:stream";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import {
  attribute,
  BrokenStreamError,
  ClosedStreamError,
  localAddress,
  type ObjectStream,
  remoteAddress,
  streamClock,
} from "../../src/index.js";
import { streamFromDuplex, systemClock } from "../../src/node/index.js";
import { turns } from "../support/turns.js";
import { journal, socketPair } from "./sockets.js";
import { cert, key } from "./tls-identity.js";

async function errorFrom(promise: Promise<unknown>): Promise<BrokenStreamError> {
  const outcome: unknown = await promise.then(
    () => "nothing",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(BrokenStreamError);
  return outcome as BrokenStreamError;
}

async function readAll(stream: ObjectStream<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("the end of a socket", () => {
  test("a peer that ends can still be answered, as with nc -N", async () => {
    const [socket, peer] = await socketPair();
    const stream = streamFromDuplex(socket);
    const seen = journal(peer);
    peer.end("question");
    expect(await readAll(stream)).toBe(8);
    await stream.send(text("answer"));
    await stream.sendEof();
    await once(peer, "close");
    expect(seen).toEqual(["data 6", "end", "close"]);
  });

  test("half-close works even where the duplex was made without allowHalfOpen", async () => {
    const [socket, peer] = await socketPair();
    socket.allowHalfOpen = false;
    const stream = streamFromDuplex(socket);
    peer.end();
    expect(await stream.receive()).toBeUndefined();
    await turns();
    const seen = journal(peer);
    await stream.send(text("still here"));
    await stream.sendEof();
    await once(peer, "close");
    expect(seen).toEqual(["data 10", "end", "close"]);
  });

  test("a duplex that had ended before it became a stream gives the end", async () => {
    const [socket, peer] = await socketPair();
    peer.end();
    socket.resume();
    await once(socket, "end");
    const stream = streamFromDuplex(socket);
    expect(await stream.receive()).toBeUndefined();
    await stream.send(text("x"));
    stream.abort();
  });

  test("a duplex whose end was sent before, or that is only readable, takes nothing more and can be read", async () => {
    const [socket, peer] = await socketPair();
    socket.end();
    const readable = new Duplex({
      writable: false, // which Node's types do not know
      read(this: Duplex) {
        this.push("text");
        this.push(null);
      },
    } as DuplexOptions);
    peer.end("text");
    for (const duplex of [socket, readable]) {
      const stream = streamFromDuplex(duplex);
      await expect(stream.send(text("x"))).rejects.toBeInstanceOf(ClosedStreamError);
      expect(await readAll(stream)).toBe(4);
      await stream.close();
      expect(duplex.destroyed).toBe(true);
    }
  });

  test("what the peer sent and ended can be read after our sending has failed", async () => {
    const [socket, peer] = await socketPair();
    const stream = streamFromDuplex(socket);
    peer.end("all of it");
    await once(socket, "end");
    peer.destroy(); // the peer reads no more: what we send now is answered with a reset
    let error: unknown;
    while (error === undefined) {
      error = await stream.send(text("too late")).catch((reason: unknown) => reason);
      await turns(1);
    }
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(await readAll(stream)).toBe(9);
  });
});

describe("a connection that breaks", () => {
  test("a reset is an error with its cause", async () => {
    const [socket, peer] = await socketPair();
    const stream = streamFromDuplex(socket);
    const receiving = errorFrom(stream.receive());
    peer.resetAndDestroy();
    const error = await receiving;
    expect(error.message).toBe("the connection is broken: read ECONNRESET");
    expect(error.cause).toMatchObject({ code: "ECONNRESET" });
    expect(await errorFrom(stream.send(text("x")))).toBe(error);
    expect(await errorFrom(stream.sendEof())).toBe(error);
    expect(await errorFrom(stream.close())).toBe(error);
  });

  test.each([false, true])("a reset right behind the last data is never an end (own end sent: %s)", async (ended) => {
    const [socket, peer] = await socketPair();
    const cutter = streamFromDuplex(peer);
    const stream = streamFromDuplex(socket, { maxBufferedBytes: 1 });
    if (ended) {
      await stream.sendEof();
      expect(await cutter.receive()).toBeUndefined();
    }
    await cutter.send(text("half of it"));
    cutter.abort(new Error("cut"));
    await turns();
    expect(await stream.receive()).toHaveLength(10);
    const error = await errorFrom(stream.receive());
    expect(error.cause).toMatchObject({ code: "ECONNRESET" });
  });

  test("a duplex that is closed before its end is broken", async () => {
    const [socket, peer] = await socketPair();
    const stream = streamFromDuplex(socket);
    const receiving = errorFrom(stream.receive());
    socket.destroy();
    expect(await receiving).toMatchObject({
      code: "PREMATURE_CLOSE",
      message: "the connection was closed before its end",
    });
    peer.destroy();
  });

  test("a duplex that was destroyed before is broken from the start", async () => {
    const duplex = new PassThrough();
    duplex.on("error", () => {});
    duplex.destroy(new Error("gone"));
    const stream = streamFromDuplex(duplex);
    const error = await errorFrom(stream.receive());
    expect(error.message).toBe("the connection is gone: gone");
    expect(error.cause).toMatchObject({ message: "gone" });
    await expect(stream.send(text("x"))).rejects.toBe(error);
    const silent = new PassThrough();
    silent.destroy();
    await expect(streamFromDuplex(silent).receive()).rejects.toThrow("it was destroyed before it was made a stream");
  });

  test("an end that cannot be written rejects sendEof with the cause", async () => {
    const duplex = new Duplex({
      read() {},
      write(_chunk, _encoding, callback) {
        callback();
      },
      final(callback) {
        callback(new Error("disk full"));
      },
    });
    const stream = streamFromDuplex(duplex);
    const error = await errorFrom(stream.sendEof());
    expect(error.cause).toMatchObject({ message: "disk full" });
  });
});

describe("abort", () => {
  test("resets a TCP connection, so that the peer sees an error and never an end", async () => {
    const [socket, peer] = await socketPair();
    const seen = journal(peer);
    const stream = streamFromDuplex(socket);
    await stream.send(text("hello"));
    await once(peer, "data"); // together with it, Node itself would take the reset for an end
    stream.abort(new Error("enough"));
    await new Promise((resolve) => peer.once("close", resolve)); // `once` of events rejects on an error
    expect(seen).toEqual(["data 5", "error ECONNRESET", "close"]);
    await expect(stream.receive()).rejects.toBeInstanceOf(ClosedStreamError);
  });

  test("takes effect at once though the peer does not read and much is queued", async () => {
    const [socket, peer] = await socketPair();
    const stream = streamFromDuplex(socket);
    const sends = Array.from({ length: 60 }, () =>
      stream.send(new Uint8Array(1024 * 1024)).catch((error: unknown) => error),
    );
    await turns();
    stream.abort(new Error("enough"));
    await once(socket, "close");
    expect((await Promise.all(sends)).some((error) => error instanceof ClosedStreamError)).toBe(true);
    peer.on("error", () => {}).destroy();
  });

  test("destroys any other duplex with the reason", async () => {
    const duplex = new PassThrough();
    const failed = once(duplex, "error");
    streamFromDuplex(duplex).abort(new Error("enough"));
    expect((await failed)[0]).toMatchObject({ message: "enough" });
    const other = new PassThrough();
    const otherFailed = once(other, "error");
    streamFromDuplex(other).abort("a word");
    expect((await otherFailed)[0]).toMatchObject({ message: "the stream was aborted: a word" });
  });
});

describe("reading", () => {
  /** A source without end, which counts what is read from it in chunks of so many bytes. */
  function endless(chunkBytes: number) {
    const counter = { chunks: 0 };
    const duplex = new Duplex({
      highWaterMark: 2 * chunkBytes,
      read() {
        counter.chunks++;
        this.push(Buffer.alloc(chunkBytes));
      },
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
    duplex.on("error", () => {});
    return { counter, duplex };
  }

  test.each([
    ["so many bytes", 2_000],
    ["so many chunks, however small,", 1],
  ])("stops while %s lie unread, and goes on when they are taken", async (_, chunkBytes) => {
    const { counter, duplex } = endless(chunkBytes);
    const stream = streamFromDuplex(duplex, { maxBufferedBytes: 20 * Math.max(chunkBytes, 1_024) });
    await turns();
    // What the stream holds, and what Node itself reads ahead.
    expect(counter.chunks).toBeGreaterThanOrEqual(20);
    expect(counter.chunks).toBeLessThanOrEqual(24);
    const before = counter.chunks;
    for (let count = 0; count < 9; count++) await stream.receive();
    await turns();
    expect(counter.chunks).toBe(before); // more than half is still there
    for (let count = 0; count < 3; count++) await stream.receive();
    await turns();
    expect(counter.chunks).toBeGreaterThan(before);
    stream.abort();
  });

  test("gives plain bytes, whose slice is a copy", async () => {
    const duplex = new PassThrough();
    const stream = streamFromDuplex(duplex);
    await stream.send(text("hello"));
    const chunk = await stream.receive();
    expect(chunk).toEqual(text("hello"));
    expect(chunk?.constructor).toBe(Uint8Array);
  });

  test("a chunk is the memory that Node read into: nothing is copied", async () => {
    const source = Buffer.from(new ArrayBuffer(100), 10, 50);
    const duplex = new Duplex({
      read() {},
      write(_chunk, _encoding, callback) {
        callback();
      },
    });
    const stream = streamFromDuplex(duplex);
    duplex.push(source);
    const chunk = await stream.receive();
    expect(chunk?.buffer).toBe(source.buffer);
    expect(chunk?.byteOffset).toBe(10);
    expect(chunk?.byteLength).toBe(50);
  });
});

describe("what a duplex must be", () => {
  test("objects and text are refused", () => {
    expect(() => streamFromDuplex(new PassThrough({ objectMode: true }))).toThrow(
      "a Node stream in object mode is not a stream of bytes",
    );
    const decoding = new PassThrough();
    decoding.setEncoding("utf8");
    expect(() => streamFromDuplex(decoding)).toThrow("a Node stream that decodes utf8 is not a stream of bytes");
    expect(() => streamFromDuplex(new PassThrough(), { maxBufferedBytes: 0 })).toThrow(
      "maxBufferedBytes must be a number from 1 on, not 0",
    );
  });

  test("only bytes can be sent, and metadata cannot", async () => {
    const stream = streamFromDuplex(new PassThrough());
    await expect(stream.send("text" as never)).rejects.toThrow("a Node duplex takes Uint8Array, not string");
    await expect(stream.send(text("x"), { metadata: { a: "1" } })).rejects.toThrow(
      "a Node duplex cannot carry metadata with a message, and this message has 1 field; over a stream of bytes, " +
        "enveloped() at both ends carries it",
    );
    await expect(stream.send(text("x"), { metadata: { "grpc-x": "1" } })).rejects.toThrow("reserved");
  });
});

describe("attributes", () => {
  test("a socket has both addresses, also when it is closed, and the clock", async () => {
    const [socket, peer] = await socketPair();
    const extraKey = attribute<string>("extra");
    const stream = streamFromDuplex(socket, { attributes: new Map([[extraKey, "value"]]) });
    const local = { host: "127.0.0.1", port: socket.localPort };
    const remote = { host: "127.0.0.1", port: peer.localPort };
    stream.abort();
    await once(socket, "close");
    expect(stream.extra(localAddress)).toEqual(local);
    expect(stream.extra(remoteAddress)).toEqual(remote);
    expect(stream.extra(streamClock)).toBe(systemClock);
    expect(stream.extra(extraKey)).toBe("value");
    peer.on("error", () => {}).destroy();
  });

  test("a socket that is still connecting has them when it is connected", async () => {
    const server = createServer((peer) => peer.on("error", () => {}).resume());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const connecting = new Socket();
    const stream = streamFromDuplex(connecting);
    connecting.connect(port, "127.0.0.1");
    expect(stream.extra(remoteAddress)).toBeUndefined();
    await once(connecting, "connect");
    expect(stream.extra(remoteAddress)).toEqual({ host: "127.0.0.1", port });
    expect(stream.extra(localAddress)).toEqual({ host: "127.0.0.1", port: connecting.localPort });
    stream.abort();
    server.close();
  });
});

describe("TLS", () => {
  async function tlsPair(): Promise<[TLSSocket, TLSSocket]> {
    const server = createTlsServer({ key, cert, allowHalfOpen: true } as object);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const client = connectTls({
      port,
      host: "127.0.0.1",
      ca: cert,
      servername: "localhost",
      allowHalfOpen: true,
    } as object);
    const [[accepted]] = (await Promise.all([
      once(server, "secureConnection"),
      once(client, "secureConnect"),
    ])) as unknown as [[TLSSocket]];
    server.close();
    return [client, accepted];
  }

  test("half-close works both ways", async () => {
    const [left, right] = (await tlsPair()).map((socket) => streamFromDuplex(socket)) as [
      ObjectStream<Uint8Array>,
      ObjectStream<Uint8Array>,
    ];
    await left.send(text("question"));
    await left.sendEof();
    expect(await readAll(right)).toBe(8);
    await right.send(text("answer"));
    await right.sendEof();
    expect(await readAll(left)).toBe(6);
    await Promise.all([left.close(), right.close()]);
  });

  test.each([
    ["client", 0, 1],
    ["server", 1, 0],
  ])("an abort of the %s is an error for the other side, never an end", async (_, from, to) => {
    const streams = (await tlsPair()).map((socket) => streamFromDuplex(socket));
    const [cutter, other] = [streams[from] as ObjectStream<Uint8Array>, streams[to] as ObjectStream<Uint8Array>];
    await cutter.send(text("half of it"));
    expect(await other.receive()).toHaveLength(10);
    cutter.abort(new Error("cut"));
    await errorFrom(other.receive());
    await errorFrom(other.send(text("x")).then(() => other.sendEof()));
  });
});
