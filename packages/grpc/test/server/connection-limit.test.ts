/** `maxConnections` of a server: who makes room, and who is refused. */
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Channel, createClient, Server, type ServerListenOptions } from "../../src/index.js";
import { ConnectionLimit, type PlacedConnection } from "../../src/server/connection-limit.js";
import { Echo } from "../gen/echo_pb.js";
import { until } from "../support.js";

const disposables: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of disposables.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function serve(maxConnections: number, options: ServerListenOptions = {}) {
  const server = new Server({ maxConnections }).add(Echo, {
    say: ({ text }) => ({ text }),
    async *chat(messages) {
      for await (const message of messages) yield { text: message.text };
    },
  });
  const address = await server.listen("127.0.0.1:0", options);
  disposables.push(server);
  const channel = (): Channel => {
    const made = new Channel(address);
    disposables.push(made);
    return made;
  };
  return { server, channel, port: Number(address.split(":")[1]) };
}

/** A connection of a client that never says anything. */
function silent(port: number): Socket {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  disposables.push({ [Symbol.asyncDispose]: async () => void socket.destroy() });
  return socket.resume();
}

describe("maxConnections", () => {
  it("closes connections without a call for new ones, so that silent strangers shut out nobody", async () => {
    const { server, channel, port } = await serve(2);
    const strangers = [silent(port), silent(port)];
    await until(() => server.connections === 2, "the strangers");
    const ended = new Promise((resolve) => strangers[0]?.once("end", resolve));
    expect((await createClient(Echo, channel()).say({ text: "let in" })).text).toBe("let in");
    await ended;
  });

  it("a client whose connection made room calls again without an error", async () => {
    const { channel } = await serve(1);
    const clients = [createClient(Echo, channel()), createClient(Echo, channel())];
    for (let turn = 0; turn < 6; turn++)
      expect((await clients[turn % 2]?.say({ text: `${turn}` }))?.text).toBe(`${turn}`);
  });

  it("refuses a new connection where all have calls, and takes one when a call has ended", async () => {
    const refused: string[] = [];
    const { server, channel, port } = await serve(1, { onRefused: ({ code }) => refused.push(code) });
    const call = createClient(Echo, channel()).chat.open();
    await call.send({ text: "first" });
    expect((await call.receive())?.text).toBe("first");
    await until(() => server.connections === 1, "the connection of the call");
    const socket = silent(port);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(refused).toEqual(["TOO_MANY_CONNECTIONS"]);
    await call.sendEof();
    expect(await call.receive()).toBeUndefined();
    expect((await createClient(Echo, channel()).say({ text: "next" })).text).toBe("next");
  });

  it("is a whole number from 1", () => {
    for (const maxConnections of [0, 1.5, Number.NaN])
      expect(() => new Server({ maxConnections })).toThrow("maxConnections must be a whole number");
  });
});

describe("the connections of a full server", () => {
  class Placed implements PlacedConnection {
    closed = false;
    looks = 0;
    readonly #idle: boolean;

    constructor(idle: boolean) {
      this.#idle = idle;
    }

    get isIdle(): boolean {
      this.looks += 1;
      return this.#idle;
    }

    close(): void {
      this.closed = true;
    }
  }

  it("are looked at 16 at a time, in turn, and the first without a call is closed", () => {
    const limit = new ConnectionLimit(41);
    const placed = [...Array.from({ length: 40 }, () => new Placed(false)), new Placed(true)];
    for (const each of placed) limit.add(each);
    const looks = (): number => placed.reduce((sum, each) => sum + each.looks, 0);
    expect([limit.hasRoom(), looks()]).toEqual([false, 16]);
    expect([limit.hasRoom(), looks()]).toEqual([false, 32]);
    expect([limit.hasRoom(), looks()]).toEqual([true, 41]);
    expect(placed.map(({ closed }) => closed).indexOf(true)).toBe(40);
    limit.add(new Placed(false));
    expect(limit.hasRoom()).toBe(false);
    limit.delete(placed[0] as Placed);
    expect(limit.hasRoom()).toBe(true);
  });
});
