import { VirtualClock } from "@trunkline/base/testing";
import { forward, memoryPair } from "@trunkline/streams";
import { describe, expect, test } from "vitest";
import { DatagramMemory, datagramsOver, droppedDatagrams, FlowStream } from "../../src/udp/flow-stream.js";

function flowWith(options: { maxFlowBytes?: number; maxBytes?: number; memory?: DatagramMemory } = {}) {
  const clock = new VirtualClock();
  const sent: Uint8Array[] = [];
  const over: boolean[] = [];
  const memory = options.memory ?? new DatagramMemory(options);
  const flow = new FlowStream({
    clock,
    memory,
    idleMs: 1_000,
    emit: async (datagram) => {
      if (datagram.length === 13) throw new Error("no such luck");
      sent.push(datagram);
    },
    onOver: (aborted) => over.push(aborted),
  });
  return { clock, flow, sent, over, memory, dropped: () => flow.extra(droppedDatagrams)?.() };
}

const text = (data: Uint8Array | undefined): string | undefined => data && Buffer.from(data).toString();

describe("a flow of datagrams", () => {
  test("drops the oldest where its reader is slow, counts them, and takes one again when there is room", async () => {
    // Each takes 128 bytes beside its own: two of them have 260.
    const { flow, dropped, memory } = flowWith({ maxFlowBytes: 260 });
    for (const word of ["1.", "2.", "3."]) flow.deliver(Buffer.from(word));
    expect(dropped()).toBe(1);
    expect(text(await flow.receive())).toBe("2.");
    expect(text(await flow.receive())).toBe("3.");
    flow.deliver(Buffer.from("4."));
    expect(text(await flow.receive())).toBe("4.");
    flow.deliver(Buffer.alloc(133));
    expect(dropped()).toBe(2);
    expect(memory.used).toBe(0);
  });

  test("shares the memory of all flows, and gives back what an aborted one held", async () => {
    const one = flowWith({ maxBytes: 300 });
    const other = flowWith({ memory: one.memory });
    one.flow.deliver(Buffer.from("1"));
    one.flow.deliver(Buffer.from("2"));
    other.flow.deliver(Buffer.from("3"));
    expect([one.dropped(), other.dropped()]).toEqual([0, 1]);
    one.flow.abort(new Error("enough"));
    expect(one.memory.used).toBe(0);
    expect(one.over).toEqual([true]);
    other.flow.deliver(Buffer.from("4"));
    expect(text(await other.flow.receive())).toBe("4");
  });

  test("ends when it was idle in both directions, after what has arrived", async () => {
    const { clock, flow, over } = flowWith();
    clock.advance(999);
    await flow.send(new Uint8Array(1));
    clock.advance(999);
    flow.deliver(Buffer.from("last"));
    clock.advance(999);
    expect(over).toEqual([]);
    clock.advance(1);
    expect(over).toEqual([false]);
    flow.deliver(Buffer.from("too late"));
    expect(text(await flow.receive())).toBe("last");
    expect(await flow.receive()).toBeUndefined();
    await flow.send(new Uint8Array(1)); // It crosses the end, and is no error.
  });

  test("counts what a socket refuses, and goes on", async () => {
    const { flow, sent, dropped } = flowWith();
    await flow.send(new Uint8Array(13));
    await flow.send(new Uint8Array(14));
    expect(sent.map(({ length }) => length)).toEqual([14]);
    expect(dropped()).toBe(1);
  });

  test("keeps its boundaries over a stream of bytes, up to 65,507 bytes and down to none", async () => {
    const near = flowWith();
    const far = flowWith();
    const [one, other] = memoryPair<Uint8Array>();
    const joined = [forward(near.flow, datagramsOver(one)), forward(datagramsOver(other), far.flow)];
    const sizes = [0, 1, 65_507, 1_200];
    for (const size of sizes) near.flow.deliver(Buffer.alloc(size, size));
    far.flow.deliver(Buffer.from("back"));
    while (near.sent.length === 0 || far.sent.length < sizes.length) await new Promise(setImmediate);
    near.clock.advance(1_000);
    await Promise.all(joined);
    expect(far.sent.map(({ length }) => length)).toEqual(sizes);
    expect(near.sent.map(text)).toEqual(["back"]);
    expect([near.over, far.over]).toEqual([[false], [false]]);
  });

  test("refuses a length that no datagram has", async () => {
    const [one, other] = memoryPair<Uint8Array>();
    await one.send(Uint8Array.of(0xff, 0xff));
    await expect(datagramsOver(other).receive()).rejects.toThrow("message of 65535 bytes is larger than");
  });
});
