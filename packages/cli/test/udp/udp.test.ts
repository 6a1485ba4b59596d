/** UDP through a router, with sockets: what `expose NAME udp:…` and `connect udp:…:NAME` carry. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

interface UdpService extends AsyncDisposable {
  readonly target: string;
  readonly socket: Socket;
}

async function udpService(answer: (datagram: Buffer) => Buffer | undefined): Promise<UdpService> {
  const socket = createSocket("udp4");
  socket.on("message", (datagram, { port, address }) => {
    const reply = answer(datagram);
    if (reply !== undefined) socket.send(reply, port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    socket,
    target: `udp:127.0.0.1:${socket.address().port}`,
    [Symbol.asyncDispose]: async () => void socket.close(),
  };
}

/** A client with a source address of its own. */
class UdpClient implements Disposable {
  readonly #socket = createSocket("udp4");
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(question: Buffer): Promise<Buffer> {
    const answer = once(this.#socket, "message");
    this.#socket.send(question, this.#port, "127.0.0.1");
    return (await answer)[0] as Buffer;
  }

  send(datagram: Buffer): void {
    this.#socket.send(datagram, this.#port, "127.0.0.1");
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

describe("datagrams", () => {
  test("go to the target and back with their boundaries, each source on a flow of its own", async () => {
    await using lab = new InProcessLab();
    await using echo = await udpService((datagram) => datagram);
    await lab.router();
    const expose = await lab.expose("echo", echo.target, "--udp-idle", "200ms");
    const connect = lab.start("connect", "udp:0:echo", "--grace", "0");
    const listening = await connect.event("listening");
    expect(listening).toMatchObject({ protocol: "udp", name: "echo", address: `udp:127.0.0.1:${listening["port"]}` });
    using one = new UdpClient(listening["port"] as number);
    using other = new UdpClient(listening["port"] as number);
    for (const size of [0, 1, 1_472, 65_507]) {
      const datagram = Buffer.alloc(size, size % 251);
      expect(await one.ask(datagram)).toEqual(datagram);
    }
    expect((await other.ask(Buffer.from("mine"))).toString()).toBe("mine");
    const opened = [await connect.event("connection-opened"), await connect.event("connection-opened")];
    expect(new Set(opened.map(({ peer }) => peer)).size).toBe(2);
    // Both end after the time without a datagram, and are no failures.
    const closed = [await connect.event("connection-closed"), await connect.event("connection-closed")];
    for (const event of closed) expect(event).not.toHaveProperty("error");
    expect(closed[0]).toMatchObject({ droppedDatagrams: 0 });
    await expose.event("connection-closed");
    expect((await one.ask(Buffer.from("again"))).toString()).toBe("again");
  });

  test("to a target that does not listen are dropped and counted, and reach it once it listens", async () => {
    await using lab = new InProcessLab();
    const gone = await udpService(() => undefined);
    const { target } = gone;
    await gone[Symbol.asyncDispose]();
    await lab.router();
    const expose = await lab.expose("late", target);
    const connect = lab.start("connect", "late", "--listen", "udp:0", "--grace", "0");
    using client = new UdpClient((await connect.event("listening"))["port"] as number);
    client.send(Buffer.from("nobody is there"));
    await expose.event("connection-opened");
    const port = Number(target.slice(target.lastIndexOf(":") + 1));
    const socket = createSocket("udp4");
    socket.on("message", (datagram, source) => socket.send(datagram, source.port, source.address));
    socket.bind(port, "127.0.0.1");
    await once(socket, "listening");
    expect((await client.ask(Buffer.from("now"))).toString()).toContain("no");
    socket.close();
    expect(await expose.end("SIGTERM")).toBe(0);
    expect(await expose.event("summary")).toHaveProperty("droppedDatagrams");
  });

  test("of more sources than --max-connections allows are dropped, with a line", async () => {
    await using lab = new InProcessLab();
    await using echo = await udpService((datagram) => datagram);
    await lab.router();
    await lab.expose("echo", echo.target);
    const connect = lab.start("connect", "udp:0:echo", "--grace", "0", "--max-connections", "1");
    const port = (await connect.event("listening"))["port"] as number;
    using one = new UdpClient(port);
    using other = new UdpClient(port);
    await one.ask(Buffer.from("first"));
    other.send(Buffer.from("second"));
    expect(await connect.event("connection-refused")).toMatchObject({ name: "echo" });
    expect((await one.ask(Buffer.from("still"))).toString()).toBe("still");
  });
});

describe("a name of the other protocol", () => {
  test("is refused at the start, and at each connection where it has changed", async () => {
    await using lab = new InProcessLab();
    await using echo = await udpService((datagram) => datagram);
    await using tcp = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const udp = await lab.expose("dns", echo.target);
    await lab.expose("web", tcp.target);
    const ls = lab.run(["ls", "--json"]);
    expect([await ls.event("name"), await ls.event("name")]).toMatchObject([
      { name: "dns", protocol: "udp" },
      { name: "web" },
    ]);
    const asTcp = lab.run(["connect", "0:dns"]);
    expect(await asTcp.exit).toBe(64);
    expect(asTcp.stderr).toContain('"dns" is exposed over UDP; connect to it with --listen udp:PORT');
    const asUdp = lab.run(["connect", "udp:0:web"]);
    expect(await asUdp.exit).toBe(64);
    expect(asUdp.stderr).toContain('"web" is not exposed over UDP');
    const { connect, port } = await lab.connect("web");
    await lab.expose("web", echo.target);
    expect(await new Client(port).over).toBe("ECONNRESET");
    expect((await connect.event("connection-closed"))["error"]).toContain('"web" is exposed over UDP');
    expect(await udp.end("SIGTERM")).toBe(0);
  });
});
