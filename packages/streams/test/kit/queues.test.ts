import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  BusyStreamError,
  ClosedStreamError,
  forward,
  maxPendingSends,
  memoryPair,
  streamFromIterable,
} from "../../src/index.js";
import { ReceiveQueue, SendQueue, type Sink } from "../../src/kit/index.js";
import { ManualSignal } from "../../src/testing/index.js";

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe("ReceiveQueue", () => {
  test("tells of every item that leaves, taken or discarded, so that flow control can be given back", async () => {
    const left: number[] = [];
    const queue = new ReceiveQueue<number>((item) => left.push(item));
    queue.push(1);
    expect(left).toEqual([]);
    await queue.take();
    const waiting = queue.take();
    queue.push(2);
    await waiting;
    queue.push(3);
    expect(left).toEqual([1, 2]);
    const discarded = queue.discard();
    queue.push(4);
    expect(left).toEqual([1, 2, 3, 4]);
    queue.end();
    await discarded;
    await queue.discard();
  });

  test("an error given to end comes after the items, one given to fail at once", async () => {
    const patient = new ReceiveQueue<number>();
    patient.push(1);
    patient.end(new BrokenStreamError("broken"));
    expect(await patient.take()).toBe(1);
    await expect(patient.take()).rejects.toThrow("broken");
    await expect(patient.take()).rejects.toThrow("broken");

    const hasty = new ReceiveQueue<number>();
    hasty.push(1);
    hasty.fail(new BrokenStreamError("broken"));
    hasty.fail(new BrokenStreamError("broken again"));
    await expect(hasty.take()).rejects.toThrow(/^broken$/);
  });

  test("a failure replaces an end that has arrived but was not taken, and not one that was taken", async () => {
    const queue = new ReceiveQueue<number>();
    queue.end();
    queue.fail(new BrokenStreamError("broken"));
    await expect(queue.take()).rejects.toThrow("broken");

    const taken = new ReceiveQueue<number>();
    taken.end();
    expect(await taken.take()).toBeUndefined();
    taken.fail(new BrokenStreamError("broken"));
    expect(await taken.take()).toBeUndefined();
    expect(taken.endTaken).toBe(true);
  });

  test("nothing is added after the end", async () => {
    const queue = new ReceiveQueue<number>();
    queue.end();
    queue.push(1);
    queue.end(new Error("too late"));
    expect(queue.size).toBe(0);
    expect(await queue.take()).toBeUndefined();
  });

  test("discard resolves when the source fails, or the reader closes for good", async () => {
    const failing = new ReceiveQueue<number>();
    const first = failing.discard();
    failing.fail(new BrokenStreamError("broken"));
    await first;
    const closing = new ReceiveQueue<number>();
    const second = closing.discard();
    closing.close(new ClosedStreamError("aborted"));
    await second;
    await expect(closing.take()).rejects.toThrow("the stream was closed");
  });

  test("a take whose signal has fired takes nothing, though an item is there", async () => {
    const queue = new ReceiveQueue<number>();
    queue.push(1);
    const signal = new ManualSignal();
    signal.abort(new Error("enough"));
    await expect(queue.take({ signal })).rejects.toThrow("enough");
    expect(await queue.take()).toBe(1);
  });

  test("a signal without a reason still rejects with an error", async () => {
    const queue = new ReceiveQueue<number>();
    const signal = { aborted: true, addEventListener() {}, removeEventListener() {} };
    await expect(queue.take({ signal })).rejects.toThrow("the wait was aborted by its signal");
  });
});

/** A sink with so much room, which writes down what it takes. */
function recorder(room: number) {
  const taken: (number | "end")[] = [];
  const state = { room, taken };
  const sink: Sink<number> = {
    hasRoom: () => state.room > 0,
    accept(item) {
      if (item < 0) throw new RangeError(`${item} is negative`);
      state.room--;
      taken.push(item);
    },
    end() {
      taken.push("end");
    },
  };
  return { state, taken, queue: new SendQueue(sink) };
}

describe("SendQueue", () => {
  test("takes at once what there is room for, the rest in order when there is room, and the end last", async () => {
    const { queue, state, taken } = recorder(1);
    const sends = [queue.send(1), queue.send(2), queue.send(3)];
    const ended = queue.end();
    expect(taken).toEqual([1]);
    expect(queue.ended).toBe(false);
    state.room = 1;
    queue.flush();
    expect(taken).toEqual([1, 2]);
    state.room = 5;
    queue.flush();
    expect(taken).toEqual([1, 2, 3, "end"]);
    expect(queue.ended).toBe(true);
    await Promise.all([...sends, ended, queue.end()]);
    await expect(queue.send(4)).rejects.toBeInstanceOf(ClosedStreamError);
  });

  test("an end needs no room", async () => {
    const { queue, taken } = recorder(0);
    await queue.end();
    expect(taken).toEqual(["end"]);
  });

  test("a cancelled send is never taken, and lets the end that waited behind it go", async () => {
    const { queue, taken } = recorder(0);
    const signal = new ManualSignal();
    const send = outcome(queue.send(1, { signal }));
    const ended = queue.end();
    signal.abort(new Error("enough"));
    expect(await send).toMatchObject({ message: "enough" });
    await ended;
    expect(taken).toEqual(["end"]);
    expect(signal.listenerCount).toBe(0);
  });

  test("an item that the sink refuses rejects its own send only, at once or later", async () => {
    const { queue, state, taken } = recorder(1);
    await expect(queue.send(-1)).rejects.toThrow("-1 is negative");
    const sends = [queue.send(1), queue.send(-2), queue.send(2)].map(outcome);
    state.room = 5;
    queue.flush();
    expect(await Promise.all(sends)).toEqual([undefined, new RangeError("-2 is negative"), undefined]);
    expect(taken).toEqual([1, 2]);
  });

  test("a failing end rejects sendEof, as a promise or thrown", async () => {
    const thrown = new SendQueue<number>({
      hasRoom: () => true,
      accept() {},
      end() {
        throw new BrokenStreamError("no way to end");
      },
    });
    await expect(thrown.end()).rejects.toThrow("no way to end");
    const rejected = new SendQueue<number>({
      hasRoom: () => true,
      accept() {},
      end: () => Promise.reject(new BrokenStreamError("lost")),
    });
    await expect(rejected.end()).rejects.toThrow("lost");
  });

  test("a failure rejects what waits and everything later, with the first error", async () => {
    const { queue, state, taken } = recorder(0);
    const waiting = [queue.send(1), queue.send(2), queue.end()].map(outcome);
    queue.fail(new BrokenStreamError("first"));
    queue.fail(new BrokenStreamError("second"));
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ message: "first" });
    await expect(queue.send(3)).rejects.toThrow("first");
    await expect(queue.end()).rejects.toThrow("first");
    state.room = 5;
    queue.flush();
    expect(taken).toEqual([]);
  });

  test("the limit on waiting sends is exact, and cancelled ones make room", async () => {
    const { queue } = recorder(0);
    const signal = new ManualSignal();
    const sends = Array.from({ length: maxPendingSends }, (_, item) =>
      outcome(queue.send(item, item === 0 ? { signal } : undefined)),
    );
    await expect(queue.send(99)).rejects.toBeInstanceOf(BusyStreamError);
    signal.abort(new Error("enough"));
    await sends[0];
    sends.push(outcome(queue.send(99)));
    await expect(queue.send(100)).rejects.toBeInstanceOf(BusyStreamError);
    queue.fail(new BrokenStreamError("over"));
    await Promise.all(sends);
  });
});

test("many waits on one signal bring no MaxListenersExceededWarning (connect-es#476)", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => {
    warnings.push(warning.name);
  };
  process.on("warning", onWarning);
  const controller = new AbortController();
  const { signal } = controller;
  const pairs = Array.from({ length: 20 }, () => memoryPair<string>({ maxBufferedItems: 1 }));
  const waits = pairs.flatMap(([first, second]) => [
    first.receive({ signal }),
    first.send("a", { signal }),
    first.send("b", { signal }),
    first.close({ signal }),
    forward(second, memoryPair<string>()[0], { signal }),
  ]);
  const settled = Promise.allSettled(waits);
  controller.abort(new Error("enough"));
  await settled;
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});

test.each([undefined, null])(
  "%s is refused as an item, since it would be taken for the end or is no value",
  async (item) => {
    const [first, second] = memoryPair<string>();
    await expect(first.send(item as never)).rejects.toThrow(`${item} cannot be sent as an item`);
    await first.send("after");
    expect(await second.receive()).toBe("after");
    const source = streamFromIterable(["a", item as never, "b"]);
    expect(await source.receive()).toBe("a");
    await expect(source.receive()).rejects.toThrow(`the iterable has given ${item}`);
  },
);
