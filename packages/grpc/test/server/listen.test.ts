import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import { Channel, type ChannelOptions, createClient, Server, Status } from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, framed, RawClient, rejection, settle, until } from "../support.js";

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const tls = { key: fixture("localhost.key.pem"), cert: fixture("localhost.cert.pem") };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function serverOf(options = {}): Server {
  const server = new Server(options).add(Echo, echo);
  closing.push(() => server.close());
  return server;
}

function channelTo(target: string, options: ChannelOptions = {}): Channel {
  const channel = new Channel(target, options);
  closing.push(() => channel.close());
  return channel;
}

describe("a server listens", () => {
  it("on loopback, and gives the address that it is bound to", async () => {
    const address = await serverOf().listen("127.0.0.1:0");
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    const client = createClient(Echo, channelTo(`dns:///${address}`));
    expect((await client.say({ text: "you" })).text).toBe("you");
    const call = client.say.open();
    await call.start();
    expect(call.peer).toEqual({ address, secure: false });
    call.cancel();
  });

  it("on several addresses at once", async () => {
    const server = serverOf();
    const addresses = [await server.listen("127.0.0.1:0"), await server.listen("localhost:0")];
    for (const address of addresses)
      expect((await createClient(Echo, channelTo(address)).say({ text: address })).text).toBe(address);
  });

  it("on both addresses of localhost with the same port, where the machine has both (grpc-go#2678)", async () => {
    const address = await serverOf().listen("localhost:0");
    expect(address).toMatch(/^localhost:\d+$/);
    const port = Number(address.split(":")[1]);
    const reachable = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = net.connect({ host, port }, () => resolve(true)).on("error", () => resolve(false));
        closing.push(() => void socket.destroy());
      });
    expect(await reachable("127.0.0.1")).toBe(true);
    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    expect(await reachable("::1")).toBe(hasIpv6);
  });

  it("on localhost only if the port is free in both families, and names the address that is taken", async () => {
    const taken = net.createServer();
    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
    const host = hasIpv6 ? "::1" : "127.0.0.1";
    await new Promise<void>((resolve) => taken.listen({ host, port: 0 }, resolve));
    closing.push(() => void taken.close());
    const { port } = taken.address() as net.AddressInfo;
    const server = serverOf();
    const error = await rejection(server.listen(`localhost:${port}`));
    expect(error).toMatchObject({ code: "EADDRINUSE" });
    expect(error.message).toContain(hasIpv6 ? `[::1]:${port}` : `127.0.0.1:${port}`);
    // Nothing is left of the family that could be had.
    await new Promise<void>((resolve) => taken.close(() => resolve()));
    expect(await server.listen(`localhost:${port}`)).toBe(`localhost:${port}`);
  });

  it("on no address when it is closed meanwhile, and says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "grpc-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "echo.sock");
    for (const address of [`unix:${path}`, "127.0.0.1:0", "localhost:0"]) {
      const server = serverOf();
      const listening = rejection(server.listen(address));
      await server.close();
      expect((await listening).message).toBe(`the server was closed while it began to listen on ${address}`);
    }
    expect(existsSync(path)).toBe(false);
  });

  it("on a Unix socket, which is gone when it is closed", async () => {
    const folder = mkdtempSync(join(tmpdir(), "grpc-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "echo.sock");
    const peers: unknown[] = [];
    const server = new Server().add(Echo, {
      say(_request, call) {
        peers.push(call.peer);
        return {};
      },
    });
    expect(await server.listen(`unix:${path}`)).toBe(`unix:${path}`);
    const channel = channelTo(`unix://${path}`);
    await createClient(Echo, channel).say({});
    expect(peers).toEqual([{ address: `unix:${path}`, secure: false }]);
    await channel.close();
    await server.close();
    const error = await rejection(createClient(Echo, channelTo(`unix:${path}`)).say({}));
    expect(error).toMatchObject({ status: Status.UNAVAILABLE });
    expect(error.message).toContain(`cannot connect to unix:${path}: `);
  });

  it("on a Unix socket that a killed process left behind, but not on one that is used, nor over a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "grpc-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "left.sock");
    const kill = '() => process.kill(process.pid, "SIGKILL")';
    const leave = `require("net").createServer().listen(${JSON.stringify(path)}, ${kill})`;
    spawnSync(process.execPath, ["-e", leave]);
    expect(existsSync(path)).toBe(true);
    const server = new Server().add(Echo, echo);
    closing.push(() => server.close());
    await server.listen(`unix:${path}`);
    const channel = channelTo(`unix:${path}`);
    expect((await createClient(Echo, channel).say({ text: "here" })).text).toBe("here");
    const second = new Server().add(Echo, echo);
    const used = { code: "EADDRINUSE", message: `cannot listen on unix:${path}: another process listens on it` };
    await expect(second.listen(`unix:${path}`)).rejects.toMatchObject(used);
    expect((await createClient(Echo, channel).say({ text: "still" })).text).toBe("still");
    const file = join(folder, "file");
    writeFileSync(file, "precious");
    await expect(second.listen(`unix:${file}`)).rejects.toThrow(
      `cannot listen on unix:${file}: a file that is no socket is there`,
    );
    expect(existsSync(file)).toBe(true);
    await second.close();
  });

  it("on no Unix socket whose path the system would cut (nodejs/node#48316)", async () => {
    const path = `/tmp/${"x".repeat(103)}`;
    await expect(serverOf().listen(`unix:${path}`)).rejects.toMatchObject({ code: "SOCKET_PATH_TOO_LONG" });
    expect(existsSync(path.slice(0, 107))).toBe(false);
  });

  it.runIf(process.platform === "linux")("on a name in the abstract namespace (grpc-go#2382)", async () => {
    const address = `unix-abstract:grpc-test-${process.pid}`;
    expect(await serverOf().listen(address)).toBe(address);
    expect((await createClient(Echo, channelTo(address)).say({ text: "here" })).text).toBe("here");
  });

  it.runIf(process.platform === "linux")("on an IPv6 address with a zone (grpc#26175)", async () => {
    const bound = await serverOf().listen("[::1%lo]:0", { plaintext: true });
    const address = bound.replace("[::1]", "[::1%lo]");
    expect((await createClient(Echo, channelTo(address)).say({ text: "here" })).text).toBe("here");
  });

  it("with TLS, which clients check", async () => {
    const seen: unknown[] = [];
    const server = new Server().add(Echo, {
      say(_request, call) {
        seen.push(call.peer.secure);
        return {};
      },
    });
    closing.push(() => server.close());
    const address = await server.listen("127.0.0.1:0", { tls });
    await createClient(Echo, channelTo(address, { tls: { ca: tls.cert } })).say({});
    expect(seen).toEqual([true]);
    const port = address.split(":")[1];
    await createClient(Echo, channelTo(`localhost:${port}`, { tls: { ca: tls.cert } })).say({});
    const untrusted = await rejection(createClient(Echo, channelTo(address, { tls: {} })).say({}));
    expect(untrusted).toMatchObject({ status: Status.UNAVAILABLE });
    expect(untrusted.message).toMatch(/certificate is self-signed/);
    const plain = await rejection(createClient(Echo, channelTo(address)).say({}));
    expect(plain).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("beyond loopback only with TLS, or when told that plaintext is meant", async () => {
    const server = serverOf();
    const error = await rejection(server.listen("0.0.0.0:0"));
    expect(error.message).toBe(
      "listening on 0.0.0.0:0 without TLS would let others on the network read and change calls: " +
        "give tls, or plaintext: true",
    );
    expect(await rejection(server.listen("[::]:0"))).toBeInstanceOf(TypeError);
    expect((await rejection(server.listen("127.0.0.1:0", { tls, plaintext: true }))).message).toBe(
      "a server listens with either tls or plaintext: true, not both",
    );
  });

  it.each(["127.0.0.1", ":0", "", "http://localhost:0", "unix:", "localhost:70000"])(
    "not on %j, which is no address",
    async (address) => {
      expect(await rejection(serverOf().listen(address))).toBeInstanceOf(TypeError);
    },
  );

  it("not on an address that is taken, and says so with Node's error", async () => {
    const address = await serverOf().listen("127.0.0.1:0");
    expect((await rejection(serverOf().listen(address))).code).toBe("EADDRINUSE");
  });

  it("not once it is closed", async () => {
    const server = serverOf();
    const address = await server.listen("127.0.0.1:0");
    await server.close();
    expect((await rejection(server.listen("127.0.0.1:0"))).message).toBe("the server is closed");
    expect(await rejection(createClient(Echo, channelTo(address)).say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
    });
    const [near, far] = duplexPair();
    await server.serve(near);
    await until(() => far.destroyed, "the refused connection");
  });
});

describe("a server's clients", () => {
  it("come back when it is there again", async () => {
    const first = new Server().add(Echo, echo);
    const address = await first.listen("127.0.0.1:0");
    const client = createClient(Echo, channelTo(address, { backoff: { initialMs: 1, maxMs: 5 } }));
    await client.say({});
    await first.close();
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNAVAILABLE });
    const second = serverOf();
    const waiting = client.say({ text: "back" }, { waitForReady: true });
    await second.listen(address);
    expect((await waiting).text).toBe("back");
  });

  it("that send what is not HTTP/2 are cut off, and nobody else notices", async () => {
    const address = await serverOf().listen("127.0.0.1:0");
    const client = createClient(Echo, channelTo(address));
    await client.say({});
    const socket = net.connect(Number(address.split(":")[1]), "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
    expect((await client.say({ text: "still" })).text).toBe("still");
  });

  it("that vanish abort their calls", async () => {
    let reason: { code?: string; message?: string } | undefined;
    let called = false;
    const server = new Server().add(Echo, {
      chat: {
        async open(call) {
          called = true;
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
          reason = call.signal.reason;
        },
      },
    });
    closing.push(() => server.close());
    const [near, far] = duplexPair();
    const served = server.serve(near);
    const channel = new Channel({ transport: far });
    const failed = rejection(collect(createClient(Echo, channel).chat([{}])));
    await until(() => called, "the handler");
    far.destroy();
    await served;
    expect(reason?.code).toBe("UNAVAILABLE");
    expect(reason?.message).toMatch(/^the connection to the client was lost: /);
    expect(await failed).toMatchObject({ status: Status.UNAVAILABLE });
  });
});

describe("the loss of a connection with a thousand calls", () => {
  it("is told to some of them in each turn, so that other connections are served meanwhile", async () => {
    const count = 1_000;
    const reasons = new Set<unknown>();
    let open = 0;
    let told = 0;
    const server = new Server().add(Echo, {
      ...echo,
      chat: {
        async open(call) {
          open += 1;
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
          told += 1;
          reasons.add(call.signal.reason);
        },
      },
    });
    closing.push(() => server.close());
    const lost = new RawClient();
    const other = new RawClient();
    void server.serve(lost.serverSide);
    void server.serve(other.serverSide);
    await settle();
    for (let call = 0; call < count; call++) lost.request("/trunkline.test.v1.Echo/Chat");
    await until(() => open === count, "the calls");
    lost.driver.destroy();
    await until(() => told > 0, "the loss");
    const answer = other.request("/trunkline.test.v1.Echo/Say");
    answer.stream.sendData(framed(new Uint8Array(0)), { endStream: true });
    let toldInATurn = told;
    let most = told;
    while (told < count) {
      await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, told - toldInATurn);
      toldInATurn = told;
      if (answer.ended) break;
    }
    expect(answer.ended).toBe(true);
    expect(told).toBeLessThan(count);
    // A turn of the test may hold the end of one and the beginning of the next.
    expect(most).toBeLessThanOrEqual(2 * 64);
    await until(() => told === count, "all calls");
    expect(reasons.size).toBe(1);
    other.driver.destroy();
  });
});

describe("closing a server", () => {
  it("lets calls end, refuses new ones, and is done when the last has ended", async () => {
    let finish = (): void => {};
    let called = false;
    const server = new Server().add(Echo, {
      async say() {
        called = true;
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        return { text: "in the end" };
      },
    });
    const address = await server.listen("127.0.0.1:0");
    const client = createClient(Echo, channelTo(address));
    const reply = client.say({});
    await until(() => called, "the handler");
    let closed = false;
    const done = server.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    expect(await rejection(createClient(Echo, channelTo(address)).say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
    });
    finish();
    expect((await reply).text).toBe("in the end");
    await done;
    await server.close();
  });

  it("is bounded: handlers that do not end are told, their clients get UNAVAILABLE", async () => {
    const clock = new VirtualClock();
    let reason: unknown;
    const server = new Server({ clock }).add(Echo, {
      async say(_request, call) {
        await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
        reason = call.signal.reason;
        await new Promise(() => {}); // It does not care.
        return {};
      },
    });
    const [near, far] = duplexPair();
    void server.serve(near);
    const channel = new Channel({ transport: far });
    const failed = rejection(createClient(Echo, channel).say({}));
    await settle();
    const closed = server.close({ closeTimeoutMs: 400 });
    await settle();
    clock.advance(399);
    await settle();
    expect(reason).toBeUndefined();
    clock.advance(1);
    expect(await failed).toMatchObject({ status: Status.UNAVAILABLE, message: "the server is closing" });
    await settle();
    clock.advance(1_000);
    await closed;
    expect(reason).toMatchObject({ status: Status.UNAVAILABLE });
    await channel.close();
    expect(clock.pending).toBe(0);
  });

  it("is bounded by time even if a client reads nothing", async () => {
    const clock = new VirtualClock();
    const server = new Server({ clock }).add(Echo, echo);
    const [near, far] = duplexPair();
    const served = server.serve(near);
    far.pause();
    const closed = server.close({ closeTimeoutMs: 100 });
    await settle();
    clock.advance(100);
    await settle();
    clock.advance(1_000);
    await settle();
    clock.advance(1_000);
    await served;
    await closed;
  });
});
