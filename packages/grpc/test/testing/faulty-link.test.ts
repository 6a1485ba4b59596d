import { VirtualClock } from "@trunkline/streams/testing";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient, Deadline } from "../../src/index.js";
import {
  type ChannelForOptions,
  type ChannelForServices,
  channelFor,
  duplexPair,
  FaultyLink,
  type LinkFaults,
} from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, settle, until } from "../support.js";

let served: ChannelForServices | undefined;
const links: FaultyLink[] = [];

function clientOver(faults: LinkFaults, options: ChannelForOptions = {}): Client<typeof Echo> {
  const link: ChannelForOptions["link"] = (clientSide) => {
    const made = new FaultyLink(clientSide, faults);
    links.push(made);
    return made;
  };
  served = channelFor([[Echo, echo]], { ...options, link });
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  for (const link of links.splice(0)) link.cut();
  await served?.close();
  served = undefined;
});

describe("a link without faults", () => {
  it("carries calls of all kinds, and a large message", async () => {
    const client = clientOver({});
    expect((await client.say({ text: "a" })).text).toBe("a");
    expect((await collect(client.expand({ count: 3 }))).length).toBe(3);
    expect((await client.collect([{ text: "a" }, { text: "b" }])).text).toBe("a,b");
    expect((await collect(client.chat([{ text: "a" }]))).length).toBe(1);
    const payload = new Uint8Array(3_000_000).fill(7);
    expect((await client.say({ payload })).payload.length).toBe(3_000_000);
  });
});

describe("chunks of another size", () => {
  it("make no difference to calls: one by one, cut at random, joined", async () => {
    const client = clientOver({
      outgoing: { chunkBytes: 1 },
      incoming: { chunkBytes: () => 1 + Math.floor(Math.random() * 9) },
    });
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, count) => client.say({ text: "x".repeat(count), count })),
    );
    expect(replies.map(({ count }) => count)).toEqual(Array.from({ length: 20 }, (_, count) => count));
  });

  it("carry the same bytes in the same order, whatever the sizes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(9),
        async (chunks, chunkBytes, delayMs) => {
          const clock = new VirtualClock();
          const [near, far] = duplexPair();
          const link = new FaultyLink(near, { outgoing: { chunkBytes, delayMs }, clock });
          const received: Uint8Array[] = [];
          far.on("data", (chunk: Uint8Array) => received.push(chunk));
          for (const chunk of chunks) link.write(chunk);
          link.end();
          await settle(2);
          clock.advance(10);
          await until(() => far.readableEnded, "the end");
          expect(Buffer.concat(received)).toEqual(Buffer.concat(chunks));
          expect(Math.max(0, ...received.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(chunkBytes, 0));
          link.destroy();
          far.destroy();
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a delay", () => {
  it("is kept on virtual time, each way, and in order", async () => {
    const clock = new VirtualClock();
    const delays = [90, 10, 10];
    const [near, far] = duplexPair();
    const link = new FaultyLink(near, {
      outgoing: { delayMs: () => delays.shift() ?? 0 },
      incoming: { delayMs: 5 },
      clock,
    });
    const arrived: string[] = [];
    far.on("data", (chunk: Buffer) => arrived.push(`${chunk.toString()} at ${clock.nowMs()}`));
    link.on("data", (chunk: Buffer) => arrived.push(`${chunk.toString()} at ${clock.nowMs()}`));
    for (const text of ["one", "two", "three"]) link.write(text);
    far.write("back");
    await settle();
    expect(arrived).toEqual([]);
    clock.advance(5);
    await settle();
    clock.advance(84);
    await settle();
    expect(arrived).toEqual(["back at 5"]);
    clock.advance(1);
    await settle();
    expect(arrived.slice(1)).toEqual(["one at 90", "two at 90", "three at 90"]);
    link.destroy();
    far.destroy();
  });

  it("makes a call late for its deadline", async () => {
    const clock = new VirtualClock();
    const client = clientOver({ incoming: { delayMs: 1_000 }, clock }, { channel: { clock }, server: { clock } });
    const late = rejection(client.say({}, { deadline: Deadline.after(500, clock), waitForReady: true }));
    const patient = client.say({ text: "patient" });
    await settle();
    clock.advance(500);
    expect((await late).code).toBe("DEADLINE_EXCEEDED");
    for (let round = 0; round < 5; round++) {
      await settle();
      clock.advance(1_000);
    }
    expect((await patient).text).toBe("patient");
  });

  it("holds back who writes more than a socket would hold", async () => {
    const clock = new VirtualClock();
    const [near, far] = duplexPair();
    const link = new FaultyLink(near, { outgoing: { delayMs: 1_000 }, clock });
    let written = 0;
    for (let index = 0; index < 64; index++) link.write(Buffer.alloc(65_536), () => (written += 1));
    await settle();
    expect(written).toBeLessThan(20);
    let received = 0;
    far.on("data", (chunk: Buffer) => (received += chunk.length));
    for (let round = 0; round < 10; round++) {
      clock.advance(1_000);
      await settle();
    }
    expect([written, received]).toEqual([64, 64 * 65_536]);
    link.destroy();
    far.destroy();
  });
});

describe("a cut", () => {
  it("after any number of bytes ends calls with UNAVAILABLE, and the channel connects again", async () => {
    for (const cutAfterBytes of [0, 1, 9, 100, 300]) {
      const client = clientOver({ outgoing: { cutAfterBytes } });
      const error = await rejection(client.say({ text: "x".repeat(1_000) }));
      expect(error.code).toBe("UNAVAILABLE");
      await served?.close();
    }
    let broken = 0;
    served = channelFor([[Echo, echo]], {
      link: (side) => (broken++ === 0 ? new FaultyLink(side, { incoming: { cutAfterBytes: 150 } }) : side),
    });
    const client = createClient(Echo, served.channel);
    await rejection(client.say({ text: "x".repeat(1_000) }));
    expect((await client.say({ text: "again" })).text).toBe("again");
  });

  it("when told breaks a stream under way", async () => {
    const client = clientOver({});
    const call = client.chat.open();
    await call.send({ text: "a" });
    expect((await call.receive())?.text).toBe("a");
    links[0]?.cut();
    expect((await rejection(call.receive())).code).toBe("UNAVAILABLE");
  });
});

describe("silence", () => {
  it("lets a call end only by its deadline", async () => {
    const clock = new VirtualClock();
    const client = clientOver({ clock }, { channel: { clock }, server: { clock } });
    expect((await client.say({ text: "before" })).text).toBe("before");
    links[0]?.silence();
    let ended = false;
    const late = rejection(client.say({}, { deadline: Deadline.after(10_000, clock) })).finally(() => {
      ended = true;
    });
    await settle();
    clock.advance(9_999);
    await settle();
    expect(ended).toBe(false);
    clock.advance(1);
    expect((await late).code).toBe("DEADLINE_EXCEEDED");
  });

  it("hides the end and the loss of the other side", async () => {
    const [near, far] = duplexPair();
    const link = new FaultyLink(near, { incoming: { silentAfterBytes: 3 } });
    const received: Buffer[] = [];
    link.on("data", (chunk: Buffer) => received.push(chunk));
    far.write("12345");
    far.end();
    await settle();
    far.destroy();
    await settle();
    expect(Buffer.concat(received).toString()).toBe("123");
    expect([link.readableEnded, link.destroyed]).toEqual([false, false]);
    link.destroy();
  });
});

describe("a corrupt byte", () => {
  it("arrives with all its bits turned", async () => {
    const [near, far] = duplexPair();
    const link = new FaultyLink(near, { outgoing: { corruptByteAt: 4 } });
    const received: Buffer[] = [];
    far.on("data", (chunk: Buffer) => received.push(chunk));
    link.write(Buffer.from([0, 1, 2]));
    link.write(Buffer.from([3, 4, 5]));
    await until(() => received.length === 2, "the bytes");
    expect([...Buffer.concat(received)]).toEqual([0, 1, 2, 3, 4 ^ 0xff, 5]);
    link.destroy();
    far.destroy();
  });

  it("in the preface ends the connection, and the call", async () => {
    const client = clientOver({ outgoing: { corruptByteAt: 2 } });
    expect((await rejection(client.say({}))).code).toBe("UNAVAILABLE");
  });
});
