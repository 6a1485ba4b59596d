import { once } from "node:events";
import { link, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  BusyStreamError,
  forward,
  localAddress,
  type ObjectStream,
  remoteAddress,
} from "../../src/index.js";
import { connectTcp, connectUnix, listenTcp, listenUnix, type SocketListener } from "../../src/node/index.js";
import { ManualSignal, VirtualClock } from "../../src/testing/index.js";
import { turns } from "../support/turns.js";
import { journal } from "./sockets.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function tcpAddress(listener: SocketListener): { host: string; port: number } {
  if (!("port" in listener.address)) throw new Error("not a TCP listener");
  return listener.address;
}

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "streams-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("listenTcp", () => {
  test("on localhost gives connections to both of its addresses, as far as the machine has them", async () => {
    await using listener = await listenTcp({ host: "localhost" });
    const { host, port } = tcpAddress(listener);
    expect(host).toBe("localhost");
    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    for (const each of hasIpv6 ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
      await using client = await connectTcp({ host: each, port });
      await using accepted = await listener.accept();
      expect(accepted?.extra(localAddress)).toMatchObject({ host: each, port });
      client.abort();
    }
  });

  test("tells the bound address, and gives connections in the order in which they came", async () => {
    await using listener = await listenTcp();
    const { host, port } = tcpAddress(listener);
    expect(host).toBe("127.0.0.1");
    expect(port).toBeGreaterThan(0);
    const first = await connectTcp({ host, port });
    const second = await connectTcp({ host, port });
    await first.send(text("first"));
    await second.send(text("second"));
    const accepted = await listener.accept();
    expect(await accepted?.receive()).toEqual(text("first"));
    expect(await (await listener.accept())?.receive()).toEqual(text("second"));
    expect(accepted?.extra(remoteAddress)).toEqual(first.extra(localAddress));
    expect(accepted?.extra(localAddress)).toEqual(first.extra(remoteAddress));
    first.abort();
    second.abort();
  });

  test("an accept loop ends with close, and accepted connections live on", async () => {
    const listener = await listenTcp();
    const streams: ObjectStream<Uint8Array>[] = [];
    const loop = (async () => {
      for await (const stream of listener) streams.push(stream);
    })();
    const client = await connectTcp(tcpAddress(listener));
    while (streams.length === 0) await turns(1);
    await listener.close();
    await loop;
    expect(await listener.accept()).toBeUndefined();
    await listener.close();
    await client.send(text("still here"));
    expect(await streams[0]?.receive()).toEqual(text("still here"));
    client.abort();
    await expect(connectTcp(tcpAddress(listener))).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("connections that nobody has accepted are reset by close", async () => {
    const listener = await listenTcp();
    const client = await connectTcp(tcpAddress(listener));
    await turns();
    await listener.close();
    await expect(client.receive()).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("one connection more than may wait is reset and reported, and the others stay", async () => {
    const errors: Error[] = [];
    await using listener = await listenTcp({ maxPendingConnections: 2, onError: (error) => errors.push(error) });
    const clients = [await connectTcp(tcpAddress(listener)), await connectTcp(tcpAddress(listener))];
    const third = connectTcp(tcpAddress(listener)).then((client) => client.receive());
    await expect(third).rejects.toBeInstanceOf(BrokenStreamError);
    const message = "as many connections as maxPendingConnections (2) allows wait to be accepted";
    expect(errors).toMatchObject([{ code: "TOO_MANY_PENDING", message }]);
    const accepted = await listener.accept();
    await accepted?.send(text("welcome"));
    expect(await clients[0]?.receive()).toEqual(text("welcome"));
    for (const client of clients) client.abort();
  });

  test("a connection that was reset before it is accepted is a broken stream, not an unhandled error", async () => {
    await using listener = await listenTcp();
    const client = await connectTcp(tcpAddress(listener));
    await turns();
    client.abort();
    await turns();
    const accepted = await listener.accept();
    await expect(accepted?.receive()).rejects.toBeInstanceOf(BrokenStreamError);
  });

  test("accept takes a signal, and one at a time", async () => {
    await using listener = await listenTcp();
    const signal = new ManualSignal();
    const waiting = listener.accept({ signal }).catch((error: unknown) => error);
    await expect(listener.accept()).rejects.toBeInstanceOf(BusyStreamError);
    signal.abort(new Error("enough"));
    expect(await waiting).toMatchObject({ message: "enough" });
    const client = await connectTcp(tcpAddress(listener));
    expect(await listener.accept()).toBeDefined();
    client.abort();
  });

  test("a port in use is an error with its code", async () => {
    await using listener = await listenTcp();
    const { port } = tcpAddress(listener);
    await expect(listenTcp({ port })).rejects.toMatchObject({
      code: "EADDRINUSE",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
    await expect(listenTcp({ port: 70_000 })).rejects.toThrow("port must be a whole number from 0 to 65535, not 70000");
  });
});

describe("listenUnix", () => {
  test("listens, tells its path, and removes the file on close", async () => {
    const path = join(folder, "plain");
    const listener = await listenUnix(path);
    expect(listener.address).toEqual({ path });
    const client = await connectUnix(path);
    const accepted = await listener.accept();
    await client.send(text("hello"));
    expect(await accepted?.receive()).toEqual(text("hello"));
    expect(client.extra(remoteAddress)).toEqual({ path });
    expect(accepted?.extra(localAddress)).toEqual({ path });
    await listener.close();
    await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
    client.abort();
    accepted?.abort();
  });

  test("a socket that a killed process left behind is replaced", async () => {
    const path = join(folder, "stale");
    const server = createServer().listen(path);
    await once(server, "listening");
    // As a killed process would: the file stays, and nobody listens.
    await link(path, `${path}.kept`);
    server.close();
    await once(server, "close");
    await link(`${path}.kept`, path);
    await using listener = await listenUnix(path);
    const client = await connectUnix(path);
    expect(await listener.accept()).toBeDefined();
    client.abort();
  });

  test("a socket with a listener is not replaced, nor any other file", async () => {
    const path = join(folder, "live");
    await using _listener = await listenUnix(path);
    await expect(listenUnix(path)).rejects.toMatchObject({ code: "EADDRINUSE" });
    const file = join(folder, "file");
    await writeFile(file, "precious");
    await expect(listenUnix(file)).rejects.toMatchObject({ code: "EADDRINUSE" });
    expect(await readFile(file, "utf8")).toBe("precious");
  });

  test("a path that the system would cut is refused, to listen and to connect (nodejs/node#48316)", async () => {
    const path = `${folder}/${"x".repeat(108 - folder.length)}`;
    const refused = {
      name: "SocketPathError",
      message: expect.stringContaining(`"${path}" of a Unix socket has 109 bytes`),
    };
    await expect(listenUnix(path)).rejects.toMatchObject(refused);
    await expect(connectUnix(path)).rejects.toMatchObject(refused);
  });

  test.runIf(process.platform === "linux")("a name in the abstract namespace has no file", async () => {
    const path = `\0streams-test-${process.pid}`;
    await using listener = await listenUnix(path);
    const client = await connectUnix(path);
    expect((await listener.accept())?.extra(localAddress)).toEqual({ path });
    client.abort();
  });

  test("a path that cannot be bound is an error with its code", async () => {
    await expect(listenUnix(join(folder, "missing", "socket"))).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOENT|EACCES)$/),
    });
  });
});

describe("connecting", () => {
  async function freePort(): Promise<number> {
    const listener = await listenTcp();
    await listener.close();
    return tcpAddress(listener).port;
  }

  test("a refused connection says where and why, with the system's code", async () => {
    const port = await freePort();
    const error: unknown = await connectTcp({ host: "127.0.0.1", port }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error).toMatchObject({
      code: "ECONNREFUSED",
      message: `cannot connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect((error as Error).cause).toBeInstanceOf(Error);
  });

  test("a name with several addresses that all refuse names each", async () => {
    const port = await freePort();
    const error: unknown = await connectTcp({ host: "localhost", port }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "ECONNREFUSED",
      message: expect.stringMatching(`^cannot connect to localhost:${port}: connect ECONNREFUSED`),
    });
  });

  test("a Unix socket that is not there is ENOENT", async () => {
    const path = join(folder, "nobody");
    await expect(connectUnix(path)).rejects.toMatchObject({
      code: "ENOENT",
      message: expect.stringContaining(`cannot connect to unix:${path}: `),
    });
  });

  test("bad limits are refused by name", async () => {
    const target = { host: "127.0.0.1", port: 1 };
    await expect(connectTcp(target, { connectTimeoutMs: 0 })).rejects.toThrow(
      "connectTimeoutMs must be a whole number from 1 to 2147483647, not 0",
    );
    await expect(listenTcp({ maxPendingConnections: 0 })).rejects.toThrow(
      "maxPendingConnections must be a whole number from 1 on, not 0",
    );
    await expect(listenUnix(join(folder, "limit"), { maxPendingConnections: Number.NaN })).rejects.toThrow("not NaN");
  });

  test("a port that cannot be is refused", async () => {
    await expect(connectTcp({ host: "127.0.0.1", port: 65_536 })).rejects.toThrow(RangeError);
  });

  test("gives up after its time limit", async () => {
    await using listener = await listenTcp();
    const clock = new VirtualClock();
    const connecting = connectTcp(tcpAddress(listener), { clock, connectTimeoutMs: 300 }).catch(
      (error: unknown) => error,
    );
    clock.advance(300);
    const { port } = tcpAddress(listener);
    expect(await connecting).toMatchObject({
      code: "CONNECT_TIMEOUT",
      message: `cannot connect to 127.0.0.1:${port}: no answer within connectTimeoutMs (300)`,
    });
    expect(clock.pending).toBe(0);
  });

  test("gives up when its signal fires, before or during", async () => {
    await using listener = await listenTcp();
    const signal = new ManualSignal();
    const clock = new VirtualClock();
    const connecting = connectTcp(tcpAddress(listener), { signal, clock }).catch((error: unknown) => error);
    signal.abort(new Error("enough"));
    expect(await connecting).toMatchObject({ message: "enough" });
    await expect(connectTcp(tcpAddress(listener), { signal })).rejects.toThrow("enough");
    expect(signal.listenerCount).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("leaves no listener and no appointment behind when it succeeds", async () => {
    await using listener = await listenTcp();
    const signal = new ManualSignal();
    const clock = new VirtualClock();
    const client = await connectTcp(tcpAddress(listener), { signal, clock });
    expect(signal.listenerCount).toBe(0);
    expect(clock.pending).toBe(0);
    signal.abort();
    await client.send(text("still here"));
    expect(await (await listener.accept())?.receive()).toEqual(text("still here"));
    client.abort();
  });
});

test("a port is forwarded to another with half-close and resets passed on", async () => {
  await using target = await listenTcp();
  await using front = await listenTcp();
  const relay = (async () => {
    for await (const stream of front) void forward(stream, await connectTcp(tcpAddress(target))).catch(() => {});
  })();

  const polite = connect({ ...tcpAddress(front), allowHalfOpen: true });
  const seen = journal(polite);
  polite.end("question");
  const server = (await target.accept()) as ObjectStream<Uint8Array>;
  expect(await server.receive()).toEqual(text("question"));
  expect(await server.receive()).toBeUndefined();
  await server.send(text("answer"));
  await server.sendEof();
  await once(polite, "close");
  expect(seen).toEqual(["data 6", "end", "close"]);

  const rude = connect({ ...tcpAddress(front), allowHalfOpen: true });
  rude.write("half of it");
  const other = (await target.accept()) as ObjectStream<Uint8Array>;
  expect(await other.receive()).toEqual(text("half of it"));
  rude.resetAndDestroy();
  await expect(other.receive()).rejects.toBeInstanceOf(BrokenStreamError);

  await front.close();
  await relay;
});
