/** Several addresses: resolvers, pick_first, round_robin and policies of the caller's own, over Unix sockets. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Channel, type ChannelOptions, createClient, type Resolver, Server, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection, settle, until } from "../support.js";

let clock: VirtualClock;
let answer: Resolver;
let lookups: number;
const open: { close(options: { closeTimeoutMs: number }): Promise<void> }[] = [];

beforeEach(() => {
  clock = new VirtualClock();
  lookups = 0;
});

afterEach(async () => {
  for (const each of open.splice(0)) await each.close({ closeTimeoutMs: 0 });
});

let sockets = 0;
const socket = (): string => `unix:${join(tmpdir(), `trunkline-lb-${process.pid}-${sockets++}`)}`;

/** Servers that answer with their number. */
async function serve(count: number): Promise<{ addresses: string[]; servers: Server[] }> {
  const servers = Array.from({ length: count }, (_, index) =>
    new Server().add(Echo, { say: () => ({ text: String(index) }) }),
  );
  open.push(...servers);
  return { addresses: await Promise.all(servers.map((each) => each.listen(socket()))), servers };
}

function channelTo(resolver: Resolver, options: ChannelOptions = {}): Channel {
  answer = resolver;
  const test: Resolver = (...given) => {
    lookups += 1;
    return answer(...given);
  };
  const channel = new Channel("test:///many", {
    clock,
    plaintext: true,
    backoff: { jitter: 0 },
    resolvers: { test },
    ...options,
  });
  open.unshift(channel);
  return channel;
}

const say = async (channel: Channel, count: number): Promise<string> => {
  const client = createClient(Echo, channel);
  let texts = "";
  for (let call = 0; call < count; call++) texts += (await client.say({})).text;
  return texts;
};

describe("pick_first", () => {
  it("takes the first address that answers, and stays there", async () => {
    const { addresses } = await serve(2);
    const channel = channelTo(({ scheme, path }) => {
      expect([scheme, path]).toEqual(["test", "many"]);
      return [socket(), ...addresses];
    });
    expect(await say(channel, 4)).toBe("0000");
    expect(lookups).toBe(1);
  });

  it("names each address and its failure", async () => {
    const missing = [socket(), socket()];
    const error = await rejection(channelTo(() => missing).connect());
    expect(error.status).toBe(Status.UNAVAILABLE);
    for (const address of missing) expect(error.message).toContain(address.slice("unix:".length));
    expect(error.message).toMatch(/^cannot connect to test:\/\/\/many: unix:.*: connect ENOENT .*; unix:.*ENOENT /);
  });

  it("asks the resolver again after a failure, but not too soon", async () => {
    const { addresses } = await serve(1);
    const channel = channelTo(() => [socket()]);
    await rejection(channel.connect());
    answer = () => addresses;
    clock.advance(1_000);
    await rejection(channel.connect());
    expect(lookups).toBe(1);
    clock.advance(5_000);
    await channel.connect();
    expect(lookups).toBe(2);
  });

  it("keeps the addresses that it knows while the resolver fails", async () => {
    const { addresses, servers } = await serve(1);
    const channel = channelTo(() => addresses);
    await channel.connect();
    answer = () => Promise.reject(new Error("no such name"));
    await servers[0]?.close();
    await until(() => channel.state !== "READY", "the loss");
    clock.advance(10_000);
    expect((await rejection(channel.connect())).message).toContain("connect ENOENT");
    expect(lookups).toBe(2);
  });
});

describe("a resolver", () => {
  it.each<[string, Resolver, string]>([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
      "cannot resolve test:///many: broken",
    ],
    ["rejects", () => Promise.reject(new Error("late")), "cannot resolve test:///many: late"],
    ["finds nothing", () => [], "cannot resolve test:///many: the name has no address"],
    ["gives no array", () => "x" as never, "a resolver returns an array of endpoints, not x"],
    ["gives no addresses", () => [7] as never, "an endpoint is an address or an array of addresses, not 7"],
    ["gives nonsense", () => ["http://x"], 'address "http://x" is not one: use "host:port" or "unix:/path"'],
  ])("that %s fails the calls with the reason, under both policies", async (_, resolver, message) => {
    for (const loadBalancing of ["pick_first", "round_robin"] as const) {
      const error = await rejection(channelTo(resolver, { loadBalancing }).connect());
      expect(error.status).toBe(Status.UNAVAILABLE);
      expect(error.message).toContain(message);
    }
  });

  it.each(["pick_first", "round_robin"] as const)("that hangs is given up in time (%s)", async (loadBalancing) => {
    let signal: AbortSignal | undefined;
    const hang: Resolver = (_, options) => {
      signal = options.signal;
      return new Promise(() => {});
    };
    const channel = channelTo(hang, { loadBalancing, connectTimeoutMs: 300 });
    const failed = rejection(channel.connect());
    await settle();
    expect(channel.state).toBe("CONNECTING");
    clock.advance(300);
    expect((await failed).message).toMatch(/no answer within connectTimeoutMs|no addresses of .* were found within/);
    expect(signal?.aborted).toBe(true);
  });

  it("that returns thousands of addresses is cut off", async () => {
    const many = Array.from({ length: 100_000 }, () => "unix:/nowhere");
    const { addresses } = await serve(1);
    const channel = channelTo(() => [...addresses, ...many], { maxAddresses: 1, loadBalancing: "round_robin" });
    expect(await say(channel, 2)).toBe("00");
  });

  it("is stopped when its channel is closed", async () => {
    const channel = channelTo(() => new Promise(() => {}), { loadBalancing: "round_robin" });
    const failed = rejection(channel.connect());
    await settle();
    await channel.close();
    expect((await failed).message).toBe("the channel to test:///many is closed");
    expect(clock.pending).toBe(0);
  });
});

describe("round_robin", () => {
  it("connects to all endpoints, and gives each its turn", async () => {
    const { addresses } = await serve(3);
    const channel = channelTo(() => addresses, { loadBalancing: "round_robin" });
    await channel.connect();
    // All three, once each has connected.
    const seen = new Set<string>();
    while (seen.size < 3) seen.add(await say(channel, 1));
    const texts = await say(channel, 9);
    for (const each of "012") expect(texts.split(each).length - 1).toBe(3);
  });

  it("leaves out a server that is gone, and takes one that was added by the timer", async () => {
    const { addresses, servers } = await serve(3);
    const [first, second, third] = addresses as [string, string, string];
    const channel = channelTo(() => [first, second], { loadBalancing: "round_robin" });
    const seen = new Set<string>();
    while (seen.size < 2) seen.add(await say(channel, 1));
    await servers[0]?.close();
    await settle();
    expect(await say(channel, 4)).toBe("1111");
    answer = () => [third];
    clock.advance(60_000);
    await until(() => lookups > 1, "the timer");
    while ((await say(channel, 1)) !== "2") await settle(1);
    await settle();
    expect(await say(channel, 4)).toBe("2222");
  });

  it("fails calls only when no endpoint can be reached, and names them", async () => {
    const channel = channelTo(() => [socket(), socket()], { loadBalancing: "round_robin" });
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error.message).toMatch(/^no endpoint of test:\/\/\/many can be reached: .*ENOENT.*; .*ENOENT/);
    expect(channel.state).toBe("TRANSIENT_FAILURE");
    expect((await rejection(createClient(Echo, channel).say({}))).message).toMatch(
      /\(the next attempt is in \d+ ms\)$/,
    );
    await channel.close();
    expect(clock.pending).toBe(0);
  });
});

describe("a policy of the caller's own", () => {
  it("chooses by the call and its metadata among ready endpoints", async () => {
    const { addresses } = await serve(2);
    const channel = channelTo(() => addresses, {
      loadBalancing: {
        pickerFor: (ready) => (call) => {
          const wanted = addresses[Number(call.requestMetadata.get("to") ?? 0)] as string;
          return ready.find((each) => each.addresses.includes(wanted)) ?? (ready[0] as never);
        },
      },
    });
    const client = createClient(Echo, channel);
    while ((await client.say({}, { metadata: { to: "1" } })).text !== "1") await settle(1);
    expect((await client.say({}, { metadata: { to: "0" } })).text).toBe("0");
    expect((await client.say({}, { metadata: { to: "1" } })).text).toBe("1");
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("bad luck");
      },
      "the load balancing policy failed: bad luck",
    ],
    ["chooses nothing", () => undefined as never, "the load balancing policy failed: it chose no endpoint"],
  ])("that %s fails the call", async (_, pick, message) => {
    const { addresses } = await serve(2);
    let chosen = false;
    const pickerFor = () => {
      chosen = true;
      return pick;
    };
    const channel = channelTo(() => addresses, { loadBalancing: { pickerFor } });
    await channel.connect();
    await until(() => chosen, "both connections");
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error).toMatchObject({ status: Status.UNAVAILABLE, message: expect.stringContaining(message) });
  });

  it.each<[ChannelOptions, string]>([
    [{ loadBalancing: "random" as never }, 'loadBalancing must be "pick_first", "round_robin" or an object'],
    [{ resolvers: { "1": () => [] } }, 'resolvers: "1" is no scheme'],
    [{ resolvers: { a: 1 as never } }, "resolvers.a must be a function"],
    [{ refreshIntervalMs: 5 }, "refreshIntervalMs is for loadBalancing policies"],
    [{ maxAddresses: 0 }, "maxAddresses must be a whole number from 1"],
  ])("refuses %j", (options, message) => {
    expect(() => new Channel("localhost:1", options)).toThrow(message);
  });
});
