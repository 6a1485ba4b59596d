/**
 * The bytes that wait to be sent are bounded for a connection and for all that share a budget, and no reader that goes
 * on is stopped by others.
 */
import { describe, expect, it } from "vitest";
import { ByteBudget, type ConnectionOptions } from "../../src/index.js";
import { Engine, responseFields } from "../support/engine.js";

const kib = 1_024;
const mib = 2 ** 20;

/** A server of 1,000 requests to a client with shut windows; each answers with 64 KiB as soon as it may. */
function answers(options: Omit<ConnectionOptions, "role"> = {}) {
  const engine = Engine.ready("server", { settings: { maxConcurrentStreams: 2_000 }, ...options });
  engine.send(engine.peer.settings([[4, 0]]), engine.peer.windowUpdate(0, 2 ** 30));
  const streams = Array.from({ length: 1_000 }, () => engine.stream(engine.openStream({ endStream: true })));
  const answered = new Set<number>();
  const answer = (streamId: number): void => {
    const stream = engine.stream(streamId);
    if (answered.has(streamId) || !stream.isWritable) return;
    answered.add(streamId);
    stream.sendData(new Uint8Array(64 * kib), { endStream: true });
  };
  const { onWritable } = engine.handler;
  engine.handler.onWritable = (streamId) => {
    onWritable.call(engine.handler, streamId);
    answer(streamId);
  };
  for (const stream of streams) {
    stream.sendHeaders(responseFields, { endStream: false });
    answer(stream.id);
  }
  const queued = (): number => streams.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  engine.output();
  return { engine, streams, answered, queued };
}

describe("1,000 answers of 64 KiB to a client that shuts its windows", () => {
  it("queue no more than connectionSendHighWaterMark and one answer", () => {
    const { queued, answered } = answers();
    expect(queued()).toBe(4 * mib);
    expect(answered.size).toBe(64);
  });

  it("are all sent, in order, as the windows are opened", () => {
    const { engine, answered, queued } = answers();
    engine.send(engine.peer.settings([[4, 64 * kib]]));
    for (let turn = 0; turn < 100 && answered.size < 1_000; turn++) engine.output();
    expect([...answered]).toEqual(Array.from({ length: 1_000 }, (_, index) => 2 * index + 1));
    expect(queued()).toBe(0);
  });

  it("do not stop one whose own window is open", () => {
    const { engine, answered } = answers();
    const late = 2 * 900 + 1;
    expect(answered.has(late)).toBe(false);
    engine.send(engine.peer.windowUpdate(late, 64 * kib));
    engine.output();
    expect(answered.has(late)).toBe(true);
    expect(engine.stream(late).bufferedBytes).toBe(0);
  });

  it.each([
    ["as its window opens in small steps", 16, 64],
    ["in writes larger than its window", 64, 16],
    ["in many small writes with a window for all of them", 1, 4_096],
  ])("do not stop a long transfer that goes on %s", (_how, writeKib, writes) => {
    const { engine, streams } = answers();
    const id = 2 * 900 + 1;
    const stream = streams.find((each) => each.id === id) as (typeof streams)[number];
    let left = writes;
    let told = true;
    const go = (): void => {
      told = false;
      while (left > 0 && stream.isWritable) {
        left -= 1;
        stream.sendData(new Uint8Array(writeKib * kib), { endStream: false });
      }
    };
    const { onWritable } = engine.handler;
    engine.handler.onWritable = (streamId) => {
      if (streamId !== id) onWritable.call(engine.handler, streamId);
      else told = true;
    };
    let sent = 0;
    go();
    // Where the window is not for all, the peer credits what it has got, in steps of a quarter of a window.
    const window = writeKib === 1 ? (writes + 64) * kib : 64 * kib;
    engine.send(engine.peer.windowUpdate(id, window));
    for (let turn = 0, credited = 0; turn < 1_000 && sent < writes * writeKib * kib; turn++) {
      if (told) go();
      for (const frame of engine.output()) if (frame.type === 0 && frame.streamId === id) sent += frame.payload.length;
      if (sent - credited < 16 * kib || writeKib === 1) continue;
      engine.send(engine.peer.windowUpdate(id, sent - credited));
      credited = sent;
    }
    expect([left, sent]).toEqual([0, writes * writeKib * kib]);
  });

  it("do not keep one from being told that what it had queued is gone", () => {
    const { engine } = answers();
    const late = 2 * 900 + 1;
    const stream = engine.stream(late);
    stream.sendData(new Uint8Array(40 * kib), { endStream: false });
    expect(stream.isWritable).toBe(false);
    const told: number[] = [];
    engine.handler.onWritable = (streamId) => void told.push(streamId);
    engine.send(engine.peer.windowUpdate(late, 256 * kib));
    engine.output();
    expect([stream.bufferedBytes, told]).toEqual([0, [late]]);
  });

  it("give their room to others when they are reset", () => {
    const { engine, answered, queued } = answers();
    for (let streamId = 1; streamId < 200; streamId += 2) {
      engine.send(engine.peer.rstStream(streamId, 8));
      engine.stream(streamId).release();
    }
    engine.output();
    expect(queued()).toBe(4 * mib);
    expect(answered.size).toBeGreaterThan(64);
  });
});

describe("a sendBudget that connections share", () => {
  it("stops senders on each that has more than its guaranteed share queued, and no others", () => {
    const sendBudget = new ByteBudget(6 * mib);
    const crowd = Array.from({ length: 4 }, () => answers({ limits: { sendBudget } }));
    expect(crowd.map(({ queued }) => queued())).toEqual([4 * mib, 2 * mib, mib, mib]);
    expect([sendBudget.usedBytes, sendBudget.isFull]).toEqual([8 * mib, true]);
    const other = answers({ limits: { sendBudget } });
    expect(other.queued()).toBe(mib);
  });

  it("lets them go on when others have made room", () => {
    const sendBudget = new ByteBudget(4 * mib);
    const [first, second] = [answers({ limits: { sendBudget } }), answers({ limits: { sendBudget } })];
    expect(second.queued()).toBe(mib);
    let woken = 0;
    second.engine.connection.attach({
      onOutput: () => {
        woken += 1;
      },
    });
    second.engine.output();
    first.engine.connection.transportClosed();
    expect([woken, sendBudget.usedBytes]).toEqual([1, mib]);
    second.engine.output();
    expect(second.queued()).toBe(4 * mib);
    second.engine.connection.transportClosed();
    expect(sendBudget.usedBytes).toBe(0);
  });
});

describe("a receiveBudget that connections share", () => {
  it("stops the reading from each that holds more than its guaranteed share, until there is room", () => {
    const receiveBudget = new ByteBudget(4 * mib);
    const open = (bytes: number): Engine => {
      const engine = Engine.ready("server", {
        settings: { initialWindowSize: 8 * mib },
        limits: { receiveBudget },
      });
      const streamId = engine.openStream();
      for (let sent = 0; sent < bytes; sent += 16 * kib)
        engine.send(engine.peer.data(streamId, new Uint8Array(16 * kib)));
      return engine;
    };
    const [large, small] = [open(4 * mib), open(mib)];
    expect([large.connection.overBudget, small.connection.overBudget]).toEqual([true, false]);
    let woken = 0;
    large.output();
    large.connection.attach({
      onOutput: () => {
        woken += 1;
      },
    });
    small.stream(1).acknowledge(mib);
    large.stream(1).acknowledge(mib);
    expect([large.connection.overBudget, woken > 0]).toEqual([false, true]);
    large.stream(1).release();
    expect(receiveBudget.usedBytes).toBe(0);
  });
});

describe("a budget", () => {
  it.each([0, 1.5, Number.NaN, -1])("of %d bytes is refused", (bytes) => {
    expect(() => new ByteBudget(bytes)).toThrow(RangeError);
  });

  it("is a ByteBudget, or the connection says so", () => {
    expect(() => Engine.ready("server", { limits: { sendBudget: 5 as never } })).toThrow(
      new TypeError("sendBudget must be a ByteBudget, not 5"),
    );
  });
});

it("a budget calls those that wait for it once a quarter of it is free, and not a byte before", () => {
  const budget = new ByteBudget(100);
  let calls = 0;
  budget.add(100);
  budget.whenFree(() => calls++);
  budget.add(-24);
  expect(calls).toBe(0);
  budget.add(-1);
  expect(calls).toBe(1);
});
