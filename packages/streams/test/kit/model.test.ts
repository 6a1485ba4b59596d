import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BrokenStreamError,
  BusyStreamError,
  ClosedStreamError,
  lengthPrefixed,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  progress,
  type SendOptions,
  type WaitOptions,
} from "../../src/index.js";
import { StreamLayer } from "../../src/kit/index.js";
import { streamFromDuplex, toDuplex } from "../../src/node/index.js";
import { ManualSignal, VirtualClock } from "../../src/testing/index.js";
import { streamFromWeb, streamFromWebSocket, toWeb } from "../../src/web/index.js";
import { socketPair } from "../node/sockets.js";
import { turns as eventLoopTurns } from "../support/turns.js";
import { webSocketPair } from "../web/web-sockets.js";

/**
 * Any sequence of operations on one direction, against what a stream promises: the items that were accepted arrive in
 * order, each once, none is lost by a cancelled wait, and the end comes after all of them or not at all.
 */
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.constant("send" as const) },
  { weight: 2, arbitrary: fc.constant("send, then cancel" as const) },
  { weight: 5, arbitrary: fc.constant("receive" as const) },
  { weight: 2, arbitrary: fc.constant("receive, then cancel" as const) },
  { weight: 3, arbitrary: fc.constant("let things happen" as const) },
  { weight: 1, arbitrary: fc.constant("sendEof" as const) },
  { weight: 1, arbitrary: fc.constant("abort" as const) },
);

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

async function check(
  operations: readonly (typeof operation extends fc.Arbitrary<infer T> ? T : never)[],
  from: ObjectStream<number>,
  to: ObjectStream<number>,
  letHappen: (count: number) => Promise<void> = turns,
) {
  const accepted: number[] = [];
  const received: (number | "end" | "broken")[] = [];
  let nextItem = 0;
  let ended = false;
  let aborted = false;
  /** An end that was begun before the abort may still arrive, but then behind everything. */
  let endBegun = false;
  const note = (error: unknown): void => {
    const known =
      error instanceof BusyStreamError ||
      error instanceof ClosedStreamError ||
      error instanceof BrokenStreamError ||
      error === cancelled;
    expect(known, String(error)).toBe(true);
  };
  const cancelled = new Error("cancelled");
  const send = (signal?: ManualSignal): void => {
    const item = nextItem++;
    from.send(item, { signal }).then(() => accepted.push(item), note);
  };
  const receive = (signal?: ManualSignal): void => {
    to.receive({ signal }).then(
      (item) => received.push(item ?? "end"),
      (error: unknown) => {
        note(error);
        if (error instanceof BrokenStreamError) received.push("broken");
      },
    );
  };
  for (const step of operations) {
    const signal = new ManualSignal();
    if (step === "send") send();
    else if (step === "receive") receive();
    else if (step === "send, then cancel") send(signal);
    else if (step === "receive, then cancel") receive(signal);
    else if (step === "let things happen") await letHappen(10);
    else if (step === "abort") {
      aborted = true;
      from.abort(new Error("pulled out"));
    } else {
      endBegun ||= !aborted;
      from.sendEof().then(() => {
        ended = true;
      }, note);
    }
    signal.abort(cancelled);
  }
  // Then everything is read to the end, which must come now.
  if (!aborted) {
    from.sendEof().then(() => {
      ended = true;
    }, note);
  }
  await letHappen(20);
  for (let more = true; more; ) {
    more = await to.receive().then(
      (item) => {
        received.push(item ?? "end");
        return item !== undefined;
      },
      (error: unknown) => {
        if (error instanceof BusyStreamError) return true;
        received.push("broken");
        return false;
      },
    );
  }
  await letHappen(20);
  const items = received.filter((item) => typeof item === "number");
  if (aborted && !ended) {
    expect(accepted.slice(0, items.length)).toEqual(items);
    if (received.includes("end")) expect({ endBegun, items }).toEqual({ endBegun: true, items: accepted });
  } else if (!aborted) {
    expect(items).toEqual(accepted);
    expect(received.at(-1)).toBe("end");
  } else {
    expect(accepted.slice(0, items.length)).toEqual(items);
  }
}

test("any sequence of operations on a memory pair keeps the promises of a stream", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (operations, maxBufferedItems) => {
        const [from, to] = memoryPair<number>({ maxBufferedItems });
        await check(operations, from, to);
      },
    ),
  );
});

test("and through wrappers", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const clock = new VirtualClock();
      const [from, to] = memoryPair<number>({ maxBufferedItems: 2, clock });
      await check(
        operations,
        progress(new MetadataStream(from, { side: "from" }), { onProgress() {} }),
        new MetadataStream(to, {}),
      );
    }),
  );
});

/** A stream of bytes whose items are numbers, four bytes each, with boundaries of their own. */
class Numbers extends StreamLayer<number, number, Uint8Array, Uint8Array> {
  send(item: number, options?: SendOptions): Promise<void> {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, item);
    return this.inner.send(bytes, options);
  }

  async receive(options?: WaitOptions): Promise<number | undefined> {
    const bytes = await this.inner.receive(options);
    return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }
}

const loopTurns = (count: number): Promise<void> => eventLoopTurns(Math.ceil(count / 4));

const numbers = (stream: ObjectStream<Uint8Array>): ObjectStream<number> => new Numbers(lengthPrefixed(stream));

const carriers: Record<
  string,
  () => Promise<{ from: ObjectStream<number>; to: ObjectStream<number>; release?(): Promise<void> }>
> = {
  "web streams": async () => {
    const [from, to] = memoryPair<number>({ maxBufferedItems: 2 });
    return { from: streamFromWeb(toWeb(from)), to: streamFromWeb(toWeb(to)) };
  },
  "Node duplexes": async () => {
    const [from, to] = memoryPair<Uint8Array>({ maxBufferedItems: 2 });
    return { from: numbers(streamFromDuplex(toDuplex(from))), to: numbers(streamFromDuplex(toDuplex(to))) };
  },
  TCP: async () => {
    const [from, to] = await socketPair();
    return { from: numbers(streamFromDuplex(from)), to: numbers(streamFromDuplex(to)) };
  },
  "in-band WebSockets": async () => {
    const { client, server, release } = await webSocketPair("ws");
    const [from, to] = [client, server].map((socket) => new Numbers(streamFromWebSocket(socket, { inBand: true })));
    return { from: from as Numbers, to: to as Numbers, release };
  },
};

test.each(Object.entries(carriers))("and over %s", async (_, connect) => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
      const { from, to, release } = await connect();
      try {
        await check(operations, from, to, loopTurns);
      } finally {
        from.abort();
        to.abort();
        await release?.();
      }
    }),
    { numRuns: 40 },
  );
});
