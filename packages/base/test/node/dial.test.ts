/** The dialler over real sockets of this machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import { afterEach, describe, expect, it, vi } from "vitest";
import { attemptDelayMs, parseProxy, type TcpAddress } from "../../src/index.js";
import { dialSocket, dialTls, type Lookup, maxSocketPathBytes } from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { authority, certificateOf, closeAll, freePort, serve, temporaryFolder } from "../support/servers.js";

afterEach(closeAll);

const linux = process.platform === "linux";

function lookupOf(...addresses: string[]): Lookup {
  return (_host, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: net.isIP(address) })),
    );
}

describe("dialling", () => {
  it("tries all addresses of a name, IPv4 and IPv6 in turn", async () => {
    const { port } = (await serve()) as TcpAddress;
    const refusing = lookupOf("::1", "::1", "127.0.0.1");
    const socket = await dialSocket({ host: "name", port }, { lookup: refusing });
    expect(socket.remoteAddress).toBe("127.0.0.1");
    socket.destroy();
  });

  it.runIf(linux)(
    "waits for an address that is slow beside one that refuses (nodejs/node#54359)",
    async () => {
      // A stopped process whose queue is full takes no connection: the system asks again after a second, as over a slow
      // way.
      const program = `const server = require("net").createServer();
        server.listen(0, "127.0.0.1", 1, () => console.log(server.address().port));`;
      const slow = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
      const port = Number(String((await once(slow.stdout, "data"))[0]));
      slow.kill("SIGSTOP");
      const filling: net.Socket[] = [];
      try {
        // One connection after the other until one is not made at once any more.
        for (let isFull = false; !isFull && filling.length < 64; ) {
          const socket = net.connect({ host: "127.0.0.1", port }).on("error", () => {});
          filling.push(socket);
          isFull = await Promise.race([once(socket, "connect").then(() => false), sleep(200).then(() => true)]);
        }
        const dialling = dialSocket({ host: "name", port }, { lookup: lookupOf("127.0.0.1", "::1") });
        dialling.catch(() => {});
        await sleep(3 * attemptDelayMs); // Node would have given up the first address after 250 ms.
        slow.kill("SIGCONT");
        const socket = await dialling;
        expect(socket.remoteAddress).toBe("127.0.0.1");
        socket.destroy();
      } finally {
        for (const socket of filling) socket.destroy();
        slow.kill("SIGKILL");
      }
    },
    60_000,
  );

  it("reports every address that has failed, and the refusal before others", async () => {
    const port = await freePort();
    const lookup = lookupOf("127.0.0.1", "::1");
    await expect(dialSocket({ host: "name", port }, { lookup })).rejects.toMatchObject({
      name: "TransportError",
      code: "CONNECTION_REFUSED",
      systemCode: "ECONNREFUSED",
      message: expect.stringMatching(/^cannot connect to name:\d+: connect ECONNREFUSED 127.*; connect E.* ::1:/),
    });
  });

  it("reports a name that has no address", async () => {
    const none: Lookup = (host, callback) =>
      callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND", hostname: host }), []);
    const failed = {
      code: "CONNECTION_FAILED",
      systemCode: "ENOTFOUND",
      message: 'cannot connect to name:1: there is no machine of the name "name" (ENOTFOUND)',
    };
    await expect(dialSocket({ host: "name", port: 1 }, { lookup: none })).rejects.toMatchObject(failed);
    await expect(dialSocket({ host: "name", port: 1 }, { lookup: lookupOf() })).rejects.toThrow(
      "cannot connect to name:1: the name has no address",
    );
  });

  it("ends at its time limit while the name is looked up, and leaves no appointment behind", async () => {
    const clock = new VirtualClock();
    const dialling = dialSocket({ host: "name", port: 1 }, { clock, connectTimeoutMs: 300, lookup: () => {} });
    dialling.catch(() => {});
    clock.advance(300);
    await expect(dialling).rejects.toMatchObject({
      code: "CONNECT_TIMEOUT",
      message: "cannot connect to name:1: no answer within connectTimeoutMs (300)",
    });
    expect(clock.pending).toBe(0);
  });

  it("gives up after 20 s by default, and not before", async () => {
    const clock = new VirtualClock();
    const dialling = dialSocket({ host: "name", port: 1 }, { clock, lookup: () => {} });
    let outcome = "pending";
    const settled = dialling.catch((error: { code: string }) => {
      outcome = error.code;
    });
    clock.advance(19_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).toBe("pending");
    clock.advance(1);
    await settled;
    expect(outcome).toBe("CONNECT_TIMEOUT");
  });

  it("ends at its time limit within the TLS handshake", async () => {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    const address = await serve(server);
    const clock = new VirtualClock();
    const accepted = once(server, "connection");
    const dialling = dialTls(address, { ca: authority }, { clock, connectTimeoutMs: 70 });
    dialling.catch(() => {});
    const [socket] = (await accepted) as [net.Socket];
    await once(socket, "data"); // the client's first message
    clock.advance(70);
    await expect(dialling).rejects.toMatchObject({ code: "HANDSHAKE_TIMEOUT" });
    expect(clock.pending).toBe(0);
  });

  it("closes the socket when its signal aborts in the turn in which it connects", async () => {
    const server = net.createServer();
    const address = await serve(server);
    const controller = new AbortController();
    const accepted = once(server, "connection");
    const dialling = dialSocket(address, { signal: controller.signal });
    const connected = net.Socket.prototype.emit;
    // The abort comes as a listener of the same event would make it.
    net.Socket.prototype.emit = function (this: net.Socket, event: string | symbol, ...args: unknown[]): boolean {
      const told = Reflect.apply(connected, this, [event, ...args]) as boolean;
      if (event === "connect") controller.abort(new Error("changed my mind"));
      return told;
    } as typeof connected;
    await expect(dialling.finally(() => (net.Socket.prototype.emit = connected))).rejects.toThrow("changed my mind");
    const [socket] = (await accepted) as [net.Socket];
    socket.resume();
    await once(socket, "close");
  });

  it("destroys the sockets of attempts that go on when its signal aborts, to a proxy as to a server", async () => {
    const connect = vi.spyOn(net, "connect");
    const { port } = (await serve()) as TcpAddress;
    for (const proxy of [undefined, parseProxy(`http://127.0.0.1:${port}`)]) {
      const controller = new AbortController();
      const dialling = dialSocket({ host: "127.0.0.1", port }, { signal: controller.signal, proxy });
      const socket = connect.mock.results.at(-1)?.value as net.Socket;
      expect(socket.connecting).toBe(true);
      controller.abort(new Error("enough"));
      await expect(dialling).rejects.toThrow("enough");
      expect(socket.destroyed).toBe(true);
    }
    connect.mockRestore();
  });

  it("listens to its signal no longer than it takes", async () => {
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      addEventListener: (_: "abort", listener: () => void) => void listeners.add(listener),
      removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener),
    };
    const dialling = dialSocket(await serve(), { signal });
    expect(listeners.size).toBe(1);
    (await dialling).destroy();
    expect(listeners.size).toBe(0);
  });

  it("gives a socket whose error is not thrown before its user listens", async () => {
    const socket = await dialSocket(await serve());
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.destroy(new Error("the cable was cut"));
    await closed;
    expect(socket.errored?.message).toBe("the cable was cut");
  });

  it.runIf(linux)("connects to an IPv6 address with a zone (grpc#26175)", async () => {
    const bound = (await serve(undefined, { host: "::1%lo", port: 0 })) as TcpAddress;
    const socket = await dialSocket({ host: "::1%lo", port: bound.port });
    expect(socket.remoteAddress).toBe("::1");
    socket.destroy();
  });

  it.runIf(linux)("connects to a name in the abstract namespace", async () => {
    const path = `\0trunkline-test-${process.pid}`;
    expect(await serve(undefined, { path })).toEqual({ path });
    const socket = await dialSocket({ path });
    socket.destroy();
    await expect(dialSocket({ path: `${path}-none` })).rejects.toThrow(
      `cannot connect to unix-abstract:${path.slice(1)}-none: connect ECONNREFUSED`,
    );
  });

  it.runIf(linux)("refuses a path that the system would cut, and takes the longest (nodejs/node#48316)", async () => {
    const folder = await temporaryFolder();
    const name = (bytes: number) => `${folder}/${"x".repeat(bytes - folder.length - 1)}`;
    const longest = name(maxSocketPathBytes);
    await serve(undefined, { path: longest });
    (await dialSocket({ path: longest })).destroy();
    const path = name(maxSocketPathBytes + 1);
    await expect(dialSocket({ path })).rejects.toMatchObject({
      name: "SocketPathError",
      code: "SOCKET_PATH_TOO_LONG",
      message: `the path "${path}" of a Unix socket has 108 bytes, which is more than this system takes (107)`,
    });
    await expect(dialSocket({ path: `/tmp/${"ä".repeat(52)}` })).rejects.toThrow("has 109 bytes");
    await expect(dialSocket({ path: `\0${"x".repeat(108)}` })).rejects.toThrow("has 108 bytes");
  });

  it("refuses a port and a time limit that are out of their range", async () => {
    await expect(dialSocket({ host: "127.0.0.1", port: 65_536 })).rejects.toThrow(RangeError);
    await expect(dialSocket({ host: "127.0.0.1", port: 1 }, { connectTimeoutMs: 0 })).rejects.toThrow(
      "connectTimeoutMs must be a whole number from 1 to 2147483647, not 0",
    );
  });

  it("verifies the server's certificate against the address, and names what is wrong", async () => {
    const server = tls.createServer(certificateOf("server"), (socket) => socket.on("error", () => {}).end("hello"));
    server.on("tlsClientError", () => {});
    const address = (await serve(server)) as TcpAddress;
    const socket = await dialTls(address, { ca: authority });
    expect(String((await once(socket, "data"))[0])).toBe("hello");
    socket.destroy();
    const byName = await dialTls({ host: "localhost", port: address.port }, { ca: authority });
    expect(byName.servername).toBe("localhost"); // sent as SNI, so that a server can choose its certificate
    byName.destroy();
    await expect(dialTls(address, {})).rejects.toMatchObject({ code: "CERTIFICATE_UNKNOWN_AUTHORITY" });
    await expect(dialTls(address, { ca: authority, servername: "other.example" })).rejects.toMatchObject({
      code: "CERTIFICATE_WRONG_HOST",
    });
    await expect(dialTls(address, { key: "no key" })).rejects.toThrow("the tls options cannot be used");
  });

  it("names the application protocol that the server does not speak", async () => {
    const server = tls.createServer({ ...certificateOf("server"), ALPNProtocols: ["http/1.1"] });
    server.on("tlsClientError", () => {});
    const dialling = dialTls(await serve(server), { ca: authority, ALPNProtocols: ["h2"] });
    await expect(dialling).rejects.toMatchObject({
      code: "TLS_ALPN",
      message: expect.stringContaining('the server does not speak ALPN "h2"'),
    });
  });

  it("keeps its half of a TLS connection open when asked to", async () => {
    const server = tls.createServer(certificateOf("server"), (socket) => {
      socket.on("error", () => {}).end("end");
      socket.on("data", () => {});
    });
    const socket = await dialTls(await serve(server), { ca: authority }, { allowHalfOpen: true });
    socket.resume();
    await once(socket, "end");
    expect(socket.writable).toBe(true);
    socket.destroy();
  });
});
