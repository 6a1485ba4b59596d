/** Channels through proxies. */
import { once } from "node:events";
import net from "node:net";
import type { TcpAddress } from "@trunkline/base";
import { VirtualClock } from "@trunkline/base/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { httpProxy, socksProxy, type TestProxy } from "../../../base/test/support/proxies.js";
import { authority, certificateOf, closeAll, serve } from "../../../base/test/support/servers.js";
import { Channel, type ChannelOptions, createClient, Server } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";

const channels: Channel[] = [];
let server: Server;
let port: number;

beforeEach(async () => {
  for (const name of ["grpc_proxy", "https_proxy", "http_proxy", "all_proxy", "no_grpc_proxy", "no_proxy"])
    for (const each of [name, name.toUpperCase()]) vi.stubEnv(each, "");
  server = new Server().add(Echo, { say: ({ text }) => ({ text }) });
  port = Number(/\d+$/.exec(await server.listen("127.0.0.1:0"))?.[0]);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(channels.splice(0).map((channel) => channel.close({ closeTimeoutMs: 0 })));
  await server.close();
  await closeAll();
});

/** Calls through a channel, and returns the answer. */
async function say(target: string, options: ChannelOptions): Promise<string> {
  const channel = new Channel(target, { plaintext: options.tls === undefined, ...options });
  channels.push(channel);
  return (await createClient(Echo, channel).say({ text: "hello" })).text;
}

const urlOf = (protocol: string, made: TestProxy, login = ""): string =>
  `${protocol}://${login}127.0.0.1:${made.address.port}`;

describe("a channel with a proxy", () => {
  it("gives the name of its target to the proxy, with user and password", async () => {
    const http = await httpProxy({ login: "me:pass", port });
    expect(await say("far.example:7", { proxy: urlOf("http", http, "me:pass@") })).toBe("hello");
    const socks = await socksProxy({ login: "me:pass", port });
    expect(await say("dns:///far.example:8", { proxy: urlOf("socks5h", socks, "me:pass@") })).toBe("hello");
    expect([...http.targets, ...socks.targets]).toEqual(["far.example:7", "far.example:8"]);
  });

  it("resolves names itself for socks5, and by a resolver that was registered", async () => {
    const made = await socksProxy({ port });
    await say("localhost:7", { proxy: urlOf("socks5", made) });
    expect(made.targets[0]).toMatch(/^127\.0\.0\.1:7$/);
    const resolvers = { dns: () => ["10.0.0.1:5"], mine: () => ["10.0.0.2:6"] };
    await say("far.example:7", { proxy: urlOf("socks5h", made), resolvers });
    await say("mine:///far", { proxy: urlOf("socks5h", made), resolvers });
    expect(made.targets.slice(1)).toEqual(["10.0.0.1:5", "10.0.0.2:6"]);
  });

  it("has TLS within the tunnel, by the name of the target", async () => {
    const secure = new Server().add(Echo, { say: ({ text }) => ({ text }) });
    const bound = await secure.listen("127.0.0.1:0", { tls: certificateOf("server") });
    const made = await httpProxy({ port: Number(/\d+$/.exec(bound)?.[0]) });
    const proxy = urlOf("http", made);
    expect(await say("localhost:7", { proxy, tls: { ca: authority } })).toBe("hello");
    const error = await rejection(say("far.example:7", { proxy, tls: { ca: authority } }));
    expect(error.message).toContain(
      `through the proxy 127.0.0.1:${made.address.port}: the server's certificate is not for`,
    );
    await secure.close();
  });

  it("tells the call what the proxy has answered, without the password", async () => {
    const made = await httpProxy({ login: "me:pass" });
    const at = `127.0.0.1:${made.address.port}`;
    const error = await rejection(say("far.example:7", { proxy: urlOf("http", made, "me:wrong@") }));
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      message: `cannot connect to far.example:7: the proxy ${at} does not accept the user and password (407)`,
    });
  });

  it.each([
    ["http", "", "no answer of the proxy PROXY"],
    ["socks5h", "", "no answer of the proxy PROXY"],
    ["socks5h", "\x05\0", "no answer of the proxy PROXY"],
    ["http", "HTTP/1.1 200 Yes\r\n\r\n", "the TLS handshake did not end"],
  ])("tells the call what it has waited for: %s that answers %j and no more", async (protocol, answer, text) => {
    const clock = new VirtualClock();
    const silent = net.createServer((socket) => socket.on("error", () => {}));
    const address = (await serve(silent)) as TcpAddress;
    const accepted = once(silent, "connection");
    const proxy = `${protocol}://127.0.0.1:${address.port}`;
    const failed = rejection(say("far.example:7", { clock, proxy, connectTimeoutMs: 250, tls: { ca: authority } }));
    const [socket] = (await accepted) as [net.Socket];
    await once(socket, "data");
    if (answer !== "") {
      socket.write(answer, "latin1");
      await once(socket, "data");
    }
    clock.advance(250);
    const at = `127.0.0.1:${address.port}`;
    const isOpen = text.includes("TLS");
    const error = await failed;
    expect(error.message).toBe(
      `cannot connect to far.example:7${isOpen ? ` through the proxy ${at}` : ""}: ` +
        `${text.replace("PROXY", at)} within connectTimeoutMs (250)`,
    );
    expect(error.cause).toMatchObject({
      name: "TransportError",
      code: isOpen ? "HANDSHAKE_TIMEOUT" : "PROXY_TIMEOUT",
    });
  });

  it("names the target as the peer of its calls", async () => {
    const made = await httpProxy({ port });
    const channel = new Channel("far.example:7", { plaintext: true, proxy: urlOf("http", made) });
    channels.push(channel);
    const call = createClient(Echo, channel).say.open();
    await call.send({ text: "" });
    await call.receive();
    expect(call.peer?.address).toBe("far.example:7");
  });

  it("takes the proxy of the environment, unless an exception or the option says no", async () => {
    const made = await httpProxy({ port });
    vi.stubEnv("grpc_proxy", urlOf("http", made));
    expect(await say("far.example:7", {})).toBe("hello");
    expect(await say("10.0.0.1:7", {})).toBe("hello");
    const before = made.targets.length;
    expect(before).toBe(2);
    expect(await say(`127.0.0.1:${port}`, {})).toBe("hello");
    vi.stubEnv("no_proxy", "invalid");
    for (const options of [{}, { proxy: false as const }])
      expect((await rejection(say("none.invalid:7", options))).message).toContain("ENOTFOUND");
    expect(made.targets).toHaveLength(before);
  });

  it("is refused where it cannot be", () => {
    const proxy = "http://127.0.0.1:1";
    expect(() => new Channel("unix:/tmp/x", { proxy })).toThrow("a Unix socket has none");
    expect(() => new Channel({ connect: () => Promise.reject() }, { proxy })).toThrow("proxy is for targets");
    expect(() => new Channel("far:1", { proxy: true as unknown as string })).toThrow("a URL or false, not true");
    expect(() => new Channel("far:1", { proxy: "ftp://me:secret@p" })).toThrow('proxy has "ftp" as the protocol');
    vi.stubEnv("HTTPS_PROXY", "ftp://me:secret@p");
    expect(() => new Channel("far:1")).toThrow("the environment variable HTTPS_PROXY");
    expect(() => new Channel("unix:/tmp/x")).not.toThrow();
  });
});
