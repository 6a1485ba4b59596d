/** The lifetime of connections, in virtual time over connections in memory. */
import type { Duplex } from "node:stream";
import { ErrorCode } from "@trunkline/h2";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  Channel,
  type ChannelOptions,
  type Client,
  createClient,
  Server,
  type ServerOptions,
  Status,
} from "../../src/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, okTrailers, RawServer, rejection, responseHeaders, settle } from "../support.js";

const minute = 60_000;

/** A server and a channel on one clock. `silent` connections swallow what the server says. */
class Pair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly server: Server;
  readonly channel: Channel;
  readonly client: Client<typeof Echo>;
  connections = 0;
  #serverSide: Duplex | undefined;

  constructor(channel: ChannelOptions, server: ServerOptions = {}) {
    this.server = new Server({ clock: this.clock, onError: () => {}, ...server }).add(Echo, echo);
    const connect = (): Duplex => {
      this.connections += 1;
      const [clientSide, serverSide] = duplexPair();
      this.#serverSide = serverSide;
      void this.server.serve(serverSide);
      return clientSide;
    };
    this.channel = new Channel({ connect }, { clock: this.clock, ...channel });
    this.client = createClient(Echo, this.channel);
  }

  /** Makes the network go away: nothing arrives, and neither side is told. */
  fallSilent(): void {
    if (this.#serverSide !== undefined) this.#serverSide.push = () => true;
  }

  /** Moves the time in steps, so that both sides answer in between. */
  async pass(ms: number, steps = 20): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.clock.advance(ms / steps);
      await settle(6);
    }
  }

  async close(): Promise<void> {
    const closing = Promise.all([this.channel.close({ closeTimeoutMs: 0 }), this.server.close({ closeTimeoutMs: 0 })]);
    await this.pass(20_000);
    await closing;
  }
}

const open: { close(): Promise<void> }[] = [];
function pair(channel: ChannelOptions = {}, server: ServerOptions = {}): Pair {
  const made = new Pair(channel, server);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

describe("an idle channel", () => {
  it("closes its connection after idleTimeoutMs, and makes another for the next call", async () => {
    const one = pair({ idleTimeoutMs: 10_000 });
    await one.client.say({ text: "a" });
    expect(one.channel.state).toBe("READY");
    await one.pass(9_000);
    expect(one.channel.state).toBe("READY");
    await one.pass(5_000);
    expect(one.channel.state).toBe("IDLE");
    expect((await one.client.say({ text: "b" })).text).toBe("b");
    expect(one.connections).toBe(2);
  });

  it("does so after 30 minutes by default", async () => {
    const one = pair();
    await one.client.say({});
    await one.pass(29 * minute);
    expect(one.channel.state).toBe("READY");
    await one.pass(6 * minute);
    expect(one.channel.state).toBe("IDLE");
  });

  it("stays where a call is open", async () => {
    const one = pair({ idleTimeoutMs: 10_000 });
    const call = one.client.chat.open();
    await call.send({ text: "a" });
    await call.receive();
    await one.pass(60_000);
    await call.send({ text: "b" });
    expect((await call.receive())?.text).toBe("b");
    expect(one.connections).toBe(1);
    call.cancel();
  });

  it("never closes it where idleTimeoutMs is Infinity", async () => {
    const one = pair({ idleTimeoutMs: Number.POSITIVE_INFINITY }, { keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    await one.client.say({});
    await one.pass(100 * 60 * minute);
    expect(one.channel.state).toBe("READY");
  });
});

describe("keepalive", () => {
  it("of a channel ends calls with UNAVAILABLE when nothing comes from the server any more", async () => {
    const one = pair({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000 });
    const call = one.client.chat.open();
    await call.send({ text: "a" });
    await call.receive();
    one.fallSilent();
    const failure = rejection(call.receive());
    await one.pass(15_000);
    expect(await failure).toMatchObject({
      status: Status.UNAVAILABLE,
      message: expect.stringContaining("keepaliveTimeoutMs (2000)"),
    });
  });

  it("of a channel keeps a silent server that answers", async () => {
    const one = pair({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000 });
    const call = one.client.chat.open();
    await call.send({ text: "a" });
    await call.receive();
    await one.pass(120_000, 240);
    await call.send({ text: "b" });
    expect((await call.receive())?.text).toBe("b");
    call.cancel();
  });

  it("of a channel leaves a dead connection for a new one: calls that come later go there", async () => {
    const one = pair({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000, keepaliveWithoutCalls: true });
    await one.client.say({});
    one.fallSilent();
    await one.pass(15_000);
    expect(one.channel.state).toBe("IDLE");
    expect(await one.client.say({ text: "again" })).toMatchObject({ text: "again" });
    expect(one.connections).toBe(2);
  });

  it("of a channel moves the calls that waited for a stream on a dead connection to a new one", async () => {
    const one = pair({ keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000 }, { maxConcurrentStreams: 1 });
    const call = one.client.chat.open();
    await call.send({ text: "a" });
    await call.receive();
    const waiting = one.client.say({ text: "waited" });
    await settle();
    one.fallSilent();
    const lost = rejection(call.receive());
    await one.pass(15_000);
    expect((await lost).status).toBe(Status.UNAVAILABLE);
    expect(await waiting).toMatchObject({ text: "waited" });
    expect(one.connections).toBe(2);
  });

  it("every 20 s by clients and every 60 s by servers is allowed by both, for hours without a call", async () => {
    const one = pair(
      { keepaliveIntervalMs: 20_000, keepaliveWithoutCalls: true, idleTimeoutMs: Number.POSITIVE_INFINITY },
      { keepaliveIntervalMs: 60_000 },
    );
    await one.client.say({});
    await one.pass(2 * 3_600_000, 1_440);
    expect(one.channel.state).toBe("READY");
    await one.client.say({});
    expect(one.connections).toBe(1);
  });

  it("of a server ends the handler's call when nothing comes from the client any more", async () => {
    let reason: unknown;
    const one = pair({}, { keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000 });
    const server = new Server({ clock: one.clock, keepaliveIntervalMs: 10_000, keepaliveTimeoutMs: 2_000 });
    server.add(Echo, {
      chat: {
        async open(call) {
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
          reason = call.signal.reason;
        },
      },
    });
    const [clientSide, serverSide] = duplexPair();
    const served = server.serve(serverSide);
    const channel = new Channel({ transport: clientSide }, { clock: one.clock });
    const call = createClient(Echo, channel).chat.open();
    await call.send({});
    await settle();
    serverSide.push = () => true;
    clientSide.push = () => true;
    await one.pass(40_000);
    expect(reason).toMatchObject({ code: "UNAVAILABLE" });
    call.cancel();
    clientSide.destroy();
    await served;
    await Promise.all([channel.close(), server.close()]);
  });

  it("asks half as often after a server said too_many_pings", async () => {
    const clock = new VirtualClock();
    const server = new RawServer({ clock, keepaliveIntervalMs: 10_000, keepaliveWithoutCalls: true });
    server.onWhole = ({ stream }) => {
      stream.sendHeaders([...responseHeaders, ...okTrailers], { endStream: true });
      stream.release();
    };
    const client = createClient(Echo, server.channel);
    const pingsWithin = async (ms: number): Promise<number> => {
      let pings = 0;
      server.last.duplex.on("data", (chunk: Uint8Array) => {
        // One frame of eight octets whose type is PING and which is no answer.
        if (chunk.length === 17 && chunk[3] === 6 && chunk[4] === 0) pings += 1;
      });
      for (let second = 0; second < ms / 1_000; second++) {
        clock.advance(1_000);
        await settle(4);
      }
      return pings;
    };
    await rejection(client.say({}));
    expect(await pingsWithin(65_000)).toBe(6);
    server.http2.goAway(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
    await settle();
    await rejection(client.say({}));
    expect(server.connections.length).toBe(2);
    expect(await pingsWithin(65_000)).toBe(3);
    await server.close();
  });
});

describe("the age of a connection", () => {
  it("sends clients to a new one, while calls go on where they are", async () => {
    const one = pair({}, { maxConnectionAgeMs: 10_000 });
    const call = one.client.chat.open();
    await call.send({ text: "a" });
    await call.receive();
    await one.pass(12_000);
    expect((await one.client.say({ text: "b" })).text).toBe("b");
    expect(one.connections).toBe(2);
    await call.send({ text: "c" });
    expect((await call.receive())?.text).toBe("c");
    await call.sendEof();
    expect(await call.receive()).toBeUndefined();
  });

  it("ends calls with UNAVAILABLE after its grace", async () => {
    const one = pair({}, { maxConnectionAgeMs: 10_000, maxConnectionAgeGraceMs: 1_000 });
    const call = one.client.chat.open();
    await call.send({});
    await call.receive();
    const failure = rejection(call.receive());
    await one.pass(15_000);
    expect(await failure).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("loses no call under load", async () => {
    const one = pair({}, { maxConnectionAgeMs: 100 });
    for (let round = 0; round < 100; round++) {
      const replies = Array.from({ length: 5 }, () => one.client.say({ text: "t" }));
      await settle(1);
      one.clock.advance(13);
      expect((await Promise.all(replies)).length).toBe(5);
    }
    expect(one.connections).toBeGreaterThan(8);
  });

  it("ends idle ones after maxConnectionIdleMs", async () => {
    const one = pair({}, { maxConnectionIdleMs: 10_000 });
    await one.client.say({});
    await one.pass(13_000);
    expect(one.channel.state).toBe("IDLE");
    await one.client.say({});
    expect(one.connections).toBe(2);
  });
});

describe("options out of range", () => {
  it.each([
    [{ keepaliveIntervalMs: 0 }, "keepaliveIntervalMs must be a whole number from 1 to 2147483647, not 0"],
    [
      { keepaliveTimeoutMs: Number.POSITIVE_INFINITY },
      "keepaliveTimeoutMs must be a whole number from 1 to 2147483647, not Infinity",
    ],
    [{ keepaliveWithoutCalls: 1 as unknown as boolean }, "keepaliveWithoutCalls must be true or false, not 1"],
    [{ idleTimeoutMs: 0.5 }, "idleTimeoutMs must be a whole number from 1 to 2147483647, not 0.5"],
  ])("%o of a channel is refused", (options, message) => {
    expect(() => new Channel("localhost:1", options)).toThrow(message);
  });

  it.each([
    [{ maxConnectionAgeMs: 0 }, "maxConnectionAgeMs must be a whole number from 1 to 2147483647, not 0"],
    [{ maxConnectionAgeGraceMs: -1 }, "maxConnectionAgeGraceMs must be a whole number from 0 to 2147483647, not -1"],
    [{ maxConnectionIdleMs: Number.NaN }, "maxConnectionIdleMs must be a whole number from 1 to 2147483647, not NaN"],
  ])("%o of a server is refused", (options, message) => {
    expect(() => new Server(options)).toThrow(message);
  });
});
