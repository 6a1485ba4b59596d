/** WebSockets as carriers of the connection to a router. */
import { once } from "node:events";
import net from "node:net";
import type { Duplex } from "node:stream";
import type { TcpAddress } from "@trunkline/base";
import { VirtualClock } from "@trunkline/base/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { httpProxy } from "../../../base/test/support/proxies.js";
import { authority, certificateOf, closeAll, serve } from "../../../base/test/support/servers.js";
import { Router, Trunkline, type TrunklineOptions } from "../../src/index.js";
import { WebSocketAcceptor } from "../../src/web-socket/accept.js";
import { webSocketTarget } from "../../src/web-socket/dial.js";

const secret = "a key of 32 bytes for these tests";
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

let router: Router;
let token: string;

beforeEach(async () => {
  router = new Router({ keys: [{ secret }] });
  token = await router.mintToken({ identity: "me", lifetimeMs: 60_000 });
});

afterEach(async () => {
  await router.close({ closeTimeoutMs: 0 });
  await closeAll();
});

async function portOf(secure: boolean): Promise<number> {
  const bound = await router.listen("127.0.0.1:0", secure ? { tls: certificateOf("server") } : {});
  return Number(/\d+$/.exec(bound)?.[0]);
}

/** Sends a large payload from a dialler to a listener, and its size back. */
async function exchange(options: Partial<TrunklineOptions> & { endpoint: string }): Promise<void> {
  await using client = new Trunkline({ token, ...options });
  const listener = await client.listen("web");
  const dialled = await client.dial("web");
  const accepted = await listener.accept();
  const payload = new Uint8Array(3_000_000).fill(7);
  const sent = dialled.send(payload).then(() => dialled.sendEof());
  let length = 0;
  for (let item = await accepted?.receive(); item !== undefined; item = await accepted?.receive())
    length += item.length;
  await sent;
  await accepted?.send(new TextEncoder().encode(String(length)));
  await accepted?.sendEof();
  expect(text(await dialled.receive())).toBe(String(payload.length));
  expect(await dialled.receive()).toBeUndefined();
}

describe("a router behind a WebSocket", () => {
  it("serves streams over plaintext and TLS, on any path, beside HTTP/2 on the same port", async () => {
    const [plain, secure] = [await portOf(false), await portOf(true)];
    await exchange({ endpoint: `ws://127.0.0.1:${plain}/a/path?with=query` });
    await exchange({ endpoint: `127.0.0.1:${plain}` });
    await exchange({ endpoint: `wss://localhost:${secure}/`, tls: { ca: authority } });
    await exchange({ endpoint: `localhost:${secure}`, tls: { ca: authority } });
  });

  it("is reached through a proxy, which gets the name", async () => {
    const proxy = await httpProxy({ port: await portOf(false), login: "me:pass" });
    const url = `http://me:pass@127.0.0.1:${proxy.address.port}`;
    await exchange({ endpoint: "ws://router.invalid:81/way", plaintext: true, proxy: url });
    expect(proxy.targets[0]).toBe("router.invalid:81");
  });

  it("tells why a WebSocket cannot be opened", async () => {
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as net.AddressInfo;
    await using client = new Trunkline({ token, endpoint: `ws://127.0.0.1:${port}/x` });
    const message = `cannot open the WebSocket ws://127.0.0.1:${port}/x: Unexpected server response: 503`;
    await expect(client.list()).rejects.toMatchObject({ code: "UNAVAILABLE", message });
    server.close();
  });

  it("refuses requests of browsers, without its subprotocol, and that are none of a WebSocket", async () => {
    const port = await portOf(false);
    const failed = async (protocol: string[], origin?: string): Promise<string> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`, protocol, origin === undefined ? {} : { origin });
      const [error] = (await once(socket, "error")) as [Error];
      return error.message;
    };
    expect(await failed(["trunkline.h2"], "https://page.example")).toContain("403");
    expect(await failed(["other"])).toContain("400");
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect([response.status, await response.text()]).toEqual([426, expect.stringContaining("WebSocket")]);
  });

  it("lets in no one without a good token", async () => {
    const port = await portOf(false);
    await using client = new Trunkline({ token: "wrong", endpoint: `ws://127.0.0.1:${port}` });
    await expect(client.list()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });

  it("closes a WebSocket with a message that is larger than it takes, and a head that is too long", async () => {
    const port = await portOf(false);
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, "trunkline.h2");
    await once(socket, "open");
    socket.send(new Uint8Array(1_048_577));
    await once(
      socket.on("error", () => {}),
      "close",
    );
    const long = net.connect(port, "127.0.0.1").on("error", () => {});
    long.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(17_000)}\r\n\r\n`);
    const [answer] = (await once(long, "data")) as [Buffer];
    expect(answer.toString()).toContain("431");
    long.destroy();
  });

  it("closes with the connections that have said nothing, or not enough", async () => {
    const port = await portOf(false);
    const sockets = [net.connect(port, "127.0.0.1"), net.connect(port, "127.0.0.1")];
    await Promise.all(
      sockets.map((socket) =>
        once(
          socket.on("error", () => {}),
          "connect",
        ),
      ),
    );
    sockets[1]?.write("GET / HTTP/1.1\r\n");
    const answered = net.connect(port, "127.0.0.1").on("error", () => {});
    answered.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(answered, "data");
    await Promise.all([...sockets.map((socket) => once(socket, "close")), router.close({ closeTimeoutMs: 0 })]);
  });

  it.each([
    ["ws://router.example/", {}, "is not on this machine: use wss://, or plaintext: true"],
    ["ws://127.0.0.1/", { tls: {} }, "tls is for wss://"],
    ["wss://router.example/", { plaintext: true }, "plaintext: true is for ws://"],
    ["wss://me:secret@router.example/", {}, "has no user"],
    ["wss://", {}, "is not a URL"],
  ])("is not dialled at %s with %j", (endpoint, options, message) => {
    expect(() => new Trunkline({ token, endpoint, ...options })).toThrow(message);
  });
});

describe("the opening handshake", () => {
  it("has ten seconds at a router; a WebSocket that is open has no limit", async () => {
    const clock = new VirtualClock();
    const carriers: Duplex[] = [];
    const acceptor = new WebSocketAcceptor((carrier) => void carriers.push(carrier), clock);
    const accepted: net.Socket[] = [];
    const server = net.createServer((socket) => {
      accepted.push(socket);
      acceptor.accept(socket);
    });
    const { port } = (await serve(server)) as TcpAddress;
    const open = new WebSocket(`ws://127.0.0.1:${port}`, "trunkline.h2");
    await once(open, "open");
    expect([carriers.length, clock.pending]).toEqual([1, 0]);
    const slow = net.connect(port, "127.0.0.1").on("error", () => {});
    slow.write("GET / HTTP/1.1\r\n");
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    clock.advance(9_999);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, false]);
    clock.advance(1);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual([false, true]);
    slow.destroy();
    open.terminate();
  });

  it.each([false, true])(
    "has ten seconds at a client, which says what it has waited for (proxy: %s)",
    async (hasProxy) => {
      const clock = new VirtualClock();
      const server = net.createServer((socket) => socket.on("error", () => {}));
      const { port } = (await serve(server)) as TcpAddress;
      const made = hasProxy ? await httpProxy({ port }) : undefined;
      const proxy = made === undefined ? (false as const) : `http://127.0.0.1:${made.address.port}`;
      const accepted = once(server, "connection");
      const target = webSocketTarget(`ws://127.0.0.1:${port}/x`, { clock, proxy });
      const opening = Promise.resolve(target?.connect({ signal: new AbortController().signal }));
      opening.catch(() => {});
      const [socket] = (await accepted) as [net.Socket];
      await once(socket, "data");
      clock.advance(10_000);
      const way = made === undefined ? "" : ` through the proxy 127.0.0.1:${made.address.port}`;
      await expect(opening).rejects.toMatchObject({
        message: `cannot open the WebSocket ws://127.0.0.1:${port}/x: no answer to its handshake${way} within 10000 ms`,
        cause: { name: "TransportError", code: "HANDSHAKE_TIMEOUT" },
      });
      await once(socket, "close");
      expect(clock.pending).toBe(0);
    },
  );

  it("comes after the connection, for which a proxy has ten seconds", async () => {
    const clock = new VirtualClock();
    const server = net.createServer((socket) => socket.on("error", () => {}));
    const { port } = (await serve(server)) as TcpAddress;
    const accepted = once(server, "connection");
    const target = webSocketTarget("wss://router.invalid/x", { clock, proxy: `http://127.0.0.1:${port}` });
    const opening = Promise.resolve(target?.connect({ signal: new AbortController().signal }));
    opening.catch(() => {});
    const [socket] = (await accepted) as [net.Socket];
    await once(socket, "data");
    clock.advance(10_000);
    const text = `no answer of the proxy 127.0.0.1:${port} within connectTimeoutMs (10000)`;
    await expect(opening).rejects.toMatchObject({
      message: `cannot connect to router.invalid:443: ${text}`,
      code: "PROXY_TIMEOUT",
    });
    expect(clock.pending).toBe(0);
  });
});
