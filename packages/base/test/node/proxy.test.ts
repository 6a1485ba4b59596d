/** The dialler through proxies, over real sockets of this machine. */
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { parseProxy, type TcpAddress } from "../../src/index.js";
import { dialSocket, dialTls, type Lookup } from "../../src/node/index.js";
import { VirtualClock } from "../../src/testing/index.js";
import { answering, httpProxy, socksProxy, type TestProxy } from "../support/proxies.js";
import { authority, certificateOf, closeAll, freePort, serve } from "../support/servers.js";
import { turns, until } from "../support/waiting.js";

afterEach(closeAll);

const urlOf = (protocol: string, { port }: TcpAddress, login = ""): string => `${protocol}://${login}127.0.0.1:${port}`;

/** A server that sends back what it is given. */
async function echo(): Promise<number> {
  const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket));
  return ((await serve(server)) as TcpAddress).port;
}

async function tlsEcho(): Promise<number> {
  const server = tls.createServer(certificateOf("server"), (socket) => socket.on("error", () => {}).pipe(socket));
  return ((await serve(server)) as TcpAddress).port;
}

async function said(socket: net.Socket, length: number): Promise<string> {
  let text = "";
  for await (const bytes of socket) {
    text += String(bytes);
    if (text.length >= length) break;
  }
  return text;
}

/** Fails for every name: the proxy is given as an address. */
const addressesOnly: Lookup = (host, callback) =>
  net.isIP(host) === 0
    ? callback(new Error(`${host} was looked up here`), [])
    : callback(null, [{ address: host, family: net.isIP(host) }]);

describe("dialling through a proxy", () => {
  it.each([
    ["http", httpProxy],
    ["socks5h", socksProxy],
  ] as [string, typeof httpProxy][])(
    "of %s gives it the name, with user and password, and loses no byte behind its answer",
    async (protocol, make) => {
      const port = await echo();
      const made: TestProxy = await make({ login: "me:a b@c", behind: "early ", port });
      const proxy = parseProxy(urlOf(protocol, made.address, "me:a%20b%40c@"));
      const socket = await dialSocket({ host: "far.example", port: 7 }, { proxy, lookup: addressesOnly });
      socket.write("echoed");
      expect(await said(socket, 12)).toBe("early echoed");
      expect(made.targets).toEqual(["far.example:7"]);
    },
  );

  it("of socks5 gives it each address of the name until one is good", async () => {
    const port = await echo();
    const made = await socksProxy({ port });
    const proxy = parseProxy(urlOf("socks5", made.address));
    const socket = await dialSocket(
      { host: "far.example", port: 7 },
      {
        proxy,
        lookup: (host, callback) =>
          callback(null, [{ address: host === "far.example" ? "10.1.2.3" : "127.0.0.1", family: 4 }]),
      },
    );
    socket.destroy();
    expect(made.targets).toEqual(["10.1.2.3:7"]);
  });

  it("has TLS to the target within the tunnel, by the target's name, also through a proxy over TLS", async () => {
    const port = await tlsEcho();
    for (const secure of [false, true]) {
      const made = await httpProxy({ secure, port });
      const proxy = parseProxy(urlOf(secure ? "https" : "http", made.address));
      const options = { proxy, proxyTls: { ca: authority, servername: "localhost" } };
      const socket = await dialTls({ host: "localhost", port: 7 }, { ca: authority }, options);
      expect(socket.authorized).toBe(true);
      socket.write("hello");
      expect(await said(socket, 5)).toBe("hello");
      const wrong = dialTls({ host: "far.example", port: 7 }, { ca: authority }, options);
      await expect(wrong).rejects.toMatchObject({ code: "CERTIFICATE_WRONG_HOST" });
    }
  });

  it("names the proxy that cannot be reached", async () => {
    const at = `127.0.0.1:${await freePort()}`;
    const dialling = dialSocket({ host: "far.example", port: 7 }, { proxy: parseProxy(`http://u:secret@${at}`) });
    await expect(dialling).rejects.toMatchObject({
      code: "PROXY_UNREACHABLE",
      systemCode: "ECONNREFUSED",
      message: `cannot connect to far.example:7: the proxy ${at} cannot be reached: connect ECONNREFUSED ${at}`,
    });
  });

  it("names the proxy whose certificate is not trusted, and one that speaks no TLS", async () => {
    const untrusted = await httpProxy({ secure: true });
    const plain = await answering("220 mail server\r\n");
    for (const [{ port }, text] of [
      [untrusted.address, "the server's certificate is signed by an authority that is not trusted (ca)"],
      [plain, "the server does not speak TLS here, but plaintext"],
    ] as const) {
      const dialling = dialSocket({ host: "far.example", port: 7 }, { proxy: parseProxy(`https://127.0.0.1:${port}`) });
      const message = `cannot connect to far.example:7: the proxy 127.0.0.1:${port} cannot be reached: ${text}`;
      await expect(dialling).rejects.toMatchObject({ code: "PROXY_UNREACHABLE", message });
    }
  });

  it.each([
    [
      "http",
      "HTTP/1.1 502 Bad Gateway\r\n\r\n<h1>no such host</h1>",
      true,
      "PROXY_REFUSED",
      "answered 502 Bad Gateway: no such host",
    ],
    [
      "http",
      "HTTP/1.1 502 Bad Gateway\r\n\r\n<h1>no such host</h1>",
      false,
      "PROXY_REFUSED",
      "answered 502 Bad Gateway: no such host",
    ],
    [
      "http",
      "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
      false,
      "PROXY_AUTHENTICATION",
      "does not accept the user and password (407)",
    ],
    ["http", "HTTP/1.1 20", true, "PROXY_INVALID", "closed the connection in its answer"],
    ["http", "", true, "PROXY_INVALID", "closed the connection without an answer"],
    ["http", "220 mail\r\n", false, "PROXY_INVALID", 'does not speak HTTP: it answered "220 mail"'],
    [
      "socks5h",
      "\x05\xff",
      false,
      "PROXY_AUTHENTICATION",
      "accepts no user with a password, or does not serve this machine",
    ],
    ["socks5h", "\x05", true, "PROXY_INVALID", "closed the connection during the SOCKS5 handshake"],
  ] as const)("of %s that answers %j (and ends: %s) fails with %s", async (protocol, answer, end, code, text) => {
    const address = await answering(answer, end);
    const proxy = parseProxy(urlOf(protocol, address, "me:secret@"));
    const dialling = dialSocket({ host: "far.example", port: 7 }, { proxy });
    const message = `cannot connect to far.example:7: the proxy 127.0.0.1:${address.port} ${text}`;
    await expect(dialling).rejects.toMatchObject({ code, message });
  });

  it("ends at its time limit while the proxy does not answer, and closes the connection", async () => {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    const address = (await serve(server)) as TcpAddress;
    const clock = new VirtualClock();
    const accepted = once(server, "connection");
    const at = `127.0.0.1:${address.port}`;
    const proxy = parseProxy(urlOf("http", address));
    const dialling = dialSocket({ host: "far.example", port: 7 }, { proxy, clock, connectTimeoutMs: 300 });
    dialling.catch(() => {});
    const [socket] = (await accepted) as [net.Socket];
    await once(socket, "data");
    clock.advance(299);
    clock.advance(1);
    await expect(dialling).rejects.toMatchObject({
      code: "PROXY_TIMEOUT",
      message: `cannot connect to far.example:7: no answer of the proxy ${at} within connectTimeoutMs (300)`,
    });
    await once(socket, "close");
    expect(clock.pending).toBe(0);
  });

  it("waits a second for the rest of a refusal's page after each piece of it", async () => {
    let socket: net.Socket | undefined;
    const server = net.createServer((accepted) => {
      socket = accepted.on("error", () => {});
      accepted.once("data", () => accepted.write("HTTP/1.1 502 No\r\n\r\none "));
    });
    const address = (await serve(server)) as TcpAddress;
    const clock = new VirtualClock();
    const dues: number[] = [];
    const counting = {
      nowMs: () => clock.nowMs(),
      at: (atMs: number, callback: () => void) => {
        dues.push(atMs);
        return clock.at(atMs, callback);
      },
    };
    let outcome = "pending";
    const proxy = parseProxy(urlOf("http", address));
    const dialling = dialSocket(
      { host: "far.example", port: 7 },
      { proxy, clock: counting, connectTimeoutMs: Number.POSITIVE_INFINITY },
    ).catch((error: Error) => {
      outcome = error.message;
    });
    await until(() => dues.length === 1, "the first piece");
    clock.advance(900);
    socket?.write("two");
    await until(() => dues.length === 2, "the second piece");
    clock.advance(999);
    await turns();
    expect(outcome).toBe("pending");
    clock.advance(1);
    await dialling;
    expect(outcome).toContain("answered 502 No: one two");
    expect(dues).toEqual([1_000, 1_900]);
  });

  it("tells a proxy over TLS the name by which it was dialled, but no address", async () => {
    const names: unknown[] = [];
    const server = tls.createServer(certificateOf("server"), (socket) => {
      names.push(socket.servername);
      socket.on("error", () => {}).end();
    });
    const { port } = (await serve(server)) as TcpAddress;
    for (const host of ["localhost", "127.0.0.1"]) {
      const dialling = dialSocket(
        { host: "far.example", port: 7 },
        {
          proxy: parseProxy(`https://${host}:${port}`),
          proxyTls: { ca: authority },
          lookup: (_, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
        },
      );
      await expect(dialling).rejects.toMatchObject({ code: "PROXY_INVALID" });
    }
    expect(names).toEqual(["localhost", false]);
  });

  it("closes the connection to the proxy when its signal aborts", async () => {
    const server = net.createServer((socket) => socket.on("error", () => {}));
    const address = (await serve(server)) as TcpAddress;
    const accepted = once(server, "connection");
    const controller = new AbortController();
    const proxy = parseProxy(urlOf("socks5h", address));
    const dialling = dialSocket({ host: "far.example", port: 7 }, { proxy, signal: controller.signal });
    const [socket] = (await accepted) as [net.Socket];
    await once(socket, "data");
    controller.abort(new Error("enough"));
    await expect(dialling).rejects.toThrow("enough");
    await once(socket, "close");
  });

  it("is not for Unix sockets, nor for names that a proxy cannot be given", async () => {
    const proxy = parseProxy("http://127.0.0.1:1");
    await expect(dialSocket({ path: "/tmp/x" }, { proxy })).rejects.toThrow("a Unix socket has no proxy");
    const { address } = await httpProxy();
    const dialling = dialSocket({ host: "bücher.example", port: 1 }, { proxy: parseProxy(urlOf("http", address)) });
    await expect(dialling).rejects.toBeInstanceOf(TypeError);
    await expect(dialling).rejects.toThrow('must be ASCII for a proxy: use its form with "xn--"');
  });
});
