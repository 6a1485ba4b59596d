import { Metadata } from "@trunkline/metadata";
import { describe, expect, test } from "vitest";
import {
  BrokenStreamError,
  copy,
  type ForwardResult,
  forward,
  MetadataNotCarriedError,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  type SendOptions,
  stapled,
} from "../../src/index.js";
import { WrappedStream } from "../../src/kit/index.js";
import { ManualSignal } from "../../src/testing/index.js";

/** A stream that cannot carry metadata, such as a socket. */
class WithoutMetadata<T extends {}> extends WrappedStream<T> {
  override get carriesMetadata(): boolean {
    return false;
  }

  override send(item: T, options?: SendOptions): Promise<void> {
    if (options?.metadata !== undefined)
      return Promise.reject(new MetadataNotCarriedError("this stream cannot carry metadata"));
    return super.send(item);
  }
}

function relay<T extends {}>(wrap: (stream: ObjectStream<T>) => ObjectStream<T> = (stream) => stream) {
  const [first, left] = memoryPair<T>({ maxBufferedItems: 1 });
  const [right, second] = memoryPair<T>({ maxBufferedItems: 1 });
  const signal = new ManualSignal();
  const done = forward(left, wrap(right), { signal });
  const outcome = done.catch((error: unknown) => error);
  return { first, second, done, outcome, signal };
}

async function errorFrom(promise: Promise<unknown>): Promise<Error> {
  const outcome: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(Error);
  return outcome as Error;
}

describe("forward", () => {
  test("passes items and ends on both ways, counts them, and tells who ended first", async () => {
    const { first, second, done } = relay<Uint8Array>();
    await first.send(new Uint8Array(3));
    await first.send(new Uint8Array(4));
    expect(await second.receive()).toHaveLength(3);
    expect(await second.receive()).toHaveLength(4);
    await second.sendEof();
    expect(await first.receive()).toBeUndefined();
    await first.send(new Uint8Array(5));
    expect(await second.receive()).toHaveLength(5);
    await first.sendEof();
    expect(await second.receive()).toBeUndefined();
    expect(await done).toEqual({
      aToB: { items: 3, bytes: 12 },
      bToA: { items: 0, bytes: 0 },
      endedFirst: "b",
      how: "end",
    });
  });

  test("counts items that are not bytes as items only", async () => {
    const { first, second, done } = relay<string>();
    await first.send("text");
    await first.sendEof();
    await second.sendEof();
    expect(await second.receive()).toBe("text");
    expect(await done).toEqual({
      aToB: { items: 1, bytes: 0 },
      bToA: { items: 0, bytes: 0 },
      endedFirst: "a",
      how: "end",
    });
  });

  test("carries the metadata of each message, in both directions", async () => {
    const { first, second } = relay<string>();
    const metadata = new Metadata([
      ["b", "1"],
      ["a", "2"],
      ["b", "3"],
    ]).freeze();
    await first.send("there", { metadata });
    const there = await second.receiveWithMetadata();
    expect(there).toEqual({ data: "there", metadata });
    await second.send("back", { metadata });
    expect((await first.receiveWithMetadata())?.metadata.toJSON()).toEqual(metadata.toJSON());
  });

  test("a message whose metadata the other side cannot carry breaks both, and nothing is lost silently", async () => {
    const { first, second, outcome } = relay<string>((stream) => new WithoutMetadata(stream));
    await first.send("plain");
    expect(await second.receive()).toBe("plain");
    await first.send("tagged", { metadata: { tag: "x" } });
    const error = await outcome;
    expect(error).toBeInstanceOf(MetadataNotCarriedError);
    for (const end of [first, second]) {
      const broken = await errorFrom(end.receive());
      expect(broken).toBeInstanceOf(BrokenStreamError);
      expect(broken.cause).toBe(error);
    }
  });

  test("when one side breaks, the other is aborted with the same cause, through any number of forwards", async () => {
    const [first, a] = memoryPair<string>();
    const [b, c] = memoryPair<string>();
    const [d, last] = memoryPair<string>();
    const relays = [forward(a, b), forward(c, d)].map(errorFrom);
    const cause = new Error("cable pulled");
    first.abort(cause);
    const broken = await errorFrom(last.receive());
    expect(broken).toBeInstanceOf(BrokenStreamError);
    expect(broken.cause).toBe(cause);
    for (const error of await Promise.all(relays)) expect(error).toMatchObject({ name: "BrokenStreamError", cause });
  });

  test("a break after one end still breaks the other direction, and is not an end", async () => {
    const { first, second, outcome } = relay<string>();
    await second.sendEof();
    expect(await first.receive()).toBeUndefined();
    first.abort(new Error("gone"));
    expect(await errorFrom(second.receive())).toMatchObject({ cause: { message: "gone" } });
    expect(await outcome).toBeInstanceOf(BrokenStreamError);
  });

  test("the signal aborts both sides with its reason", async () => {
    const { first, second, outcome, signal } = relay<string>();
    const reason = new Error("shutting down");
    signal.abort(reason);
    expect(await outcome).toBe(reason);
    expect((await errorFrom(first.receive())).cause).toBe(reason);
    expect((await errorFrom(second.receive())).cause).toBe(reason);
    expect(signal.listenerCount).toBe(0);
  });

  test("a signal that has fired already aborts at once", async () => {
    const [first, left] = memoryPair<string>();
    const [right, second] = memoryPair<string>();
    const signal = new ManualSignal();
    signal.abort(new Error("too late"));
    await expect(forward(left, right, { signal })).rejects.toThrow("too late");
    await expect(first.receive()).rejects.toThrow("too late");
    await expect(second.receive()).rejects.toThrow("too late");
    expect(signal.listenerCount).toBe(0);
  });

  test("a signal that fires after the end changes nothing and has no listener left", async () => {
    const { first, second, done, signal } = relay<string>();
    await first.sendEof();
    await second.sendEof();
    await done;
    expect(signal.listenerCount).toBe(0);
    signal.abort();
    expect(await second.receive()).toBeUndefined();
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("the log is full");
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("the log is full");
      },
    ],
  ])("an onFinish that %s changes neither the error nor the result", async (_, onFinish) => {
    const [client, left] = memoryPair<string>();
    const forwarding = forward(left, memoryPair<string>()[0], { onFinish });
    client.abort(new Error("cable pulled"));
    await expect(forwarding).rejects.toMatchObject({ cause: new Error("cable pulled") });

    const [one, leftEnd] = memoryPair<string>();
    const [rightEnd, other] = memoryPair<string>();
    const ended = forward(leftEnd, rightEnd, { onFinish });
    await Promise.all([one.sendEof(), other.sendEof()]);
    expect(await ended).toMatchObject({ how: "end" });
  });

  test("a slow reader on one side stops the writer on the other", async () => {
    const { first, second } = relay<number>();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 20; sent++) await first.send(sent);
    })();
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    expect(sent).toBeLessThan(6);
    for (let item = 0; item < 20; item++) expect(await second.receive()).toBe(item);
    await sending;
  });
});

describe("copy", () => {
  test("moves everything one way, the end included", async () => {
    const [source, from] = memoryPair<Uint8Array>();
    const [to, sink] = memoryPair<Uint8Array>();
    await source.send(new Uint8Array(7), { metadata: { tag: "x" } });
    await source.sendEof();
    expect(await copy(from, to)).toEqual({ items: 1, bytes: 7 });
    expect((await sink.receiveWithMetadata())?.metadata.get("tag")).toBe("x");
    expect(await sink.receive()).toBeUndefined();
    await sink.send(new Uint8Array(1));
    expect(await to.receive()).toHaveLength(1);
  });

  test("a broken source aborts the target, a broken target the source", async () => {
    const [source, from] = memoryPair<string>();
    const [to, sink] = memoryPair<string>();
    source.abort(new Error("source"));
    await expect(copy(from, to)).rejects.toBeInstanceOf(BrokenStreamError);
    expect(await errorFrom(sink.receive())).toMatchObject({ cause: { message: "source" } });

    const [otherSource, otherFrom] = memoryPair<string>();
    const [otherTo, otherSink] = memoryPair<string>();
    otherSink.abort(new Error("sink"));
    await otherSource.send("x");
    await expect(copy(otherFrom, otherTo)).rejects.toBeInstanceOf(BrokenStreamError);
    expect(await errorFrom(otherSource.receive())).toMatchObject({ cause: { message: "sink" } });
  });
});

describe("a break is noticed at once", () => {
  /** Fills everything on the way to `second`, which is not read. */
  async function stuck() {
    const [first, left] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
    const [right, second] = memoryPair<Uint8Array>({ maxBufferedItems: 1 });
    const reports: ForwardResult[] = [];
    const outcome = forward(left, right, { onFinish: (report) => reports.push(report) }).catch(
      (error: unknown) => error,
    );
    const sends = Array.from({ length: 8 }, () => first.send(new Uint8Array(2)).catch(() => {}));
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    return { first, second, outcome, reports, sends };
  }

  test("while the pump waits on the other side, which is aborted with the same cause", async () => {
    const { first, second, outcome, reports } = await stuck();
    const cause = new Error("cable pulled");
    first.abort(cause);
    expect(await outcome).toMatchObject({ name: "BrokenStreamError", cause });
    expect((await errorFrom(second.receive())).cause).toBe(cause);
    expect(reports).toEqual([
      {
        aToB: { items: 1, bytes: 2 },
        bToA: { items: 0, bytes: 0 },
        endedFirst: "a",
        how: "broken",
        error: await outcome,
      },
    ]);
  });

  test("also of a side whose pump waits on neither", async () => {
    const { second, first, outcome, reports } = await stuck();
    second.abort(new Error("gone"));
    expect((await errorFrom(first.receive())).message).toContain("gone");
    expect(await outcome).toMatchObject({ cause: { message: "gone" } });
    expect(reports).toMatchObject([{ endedFirst: "b", how: "broken" }]);
  });

  test("of a side that broke before", async () => {
    const [first, left] = memoryPair<string>();
    const [right, second] = memoryPair<string>();
    first.abort(new Error("before"));
    await expect(forward(left, right)).rejects.toThrow("before");
    expect((await errorFrom(second.receive())).message).toContain("before");
  });

  test("through wrappers and stapled halves, and leaves no listener behind", async () => {
    const [first, left] = memoryPair<string>();
    const [right, second] = memoryPair<string>();
    const [other] = memoryPair<string>();
    const done = forward(new MetadataStream(stapled<string>(left, left), {}), stapled<string>(right, right)).catch(
      (error: unknown) => error,
    );
    first.abort(new Error("wrapped"));
    expect(await done).toMatchObject({ cause: { message: "wrapped" } });
    expect((await errorFrom(second.receive())).message).toContain("wrapped");
    const either = stapled<string>(other, right).brokenSignal;
    let calls = 0;
    const count = (): void => {
      calls++;
    };
    either?.addEventListener("abort", count);
    either?.removeEventListener("abort", count);
    expect(calls).toBe(0);
  });

  test("the report says that the signal came before either end", async () => {
    const [, left] = memoryPair<string>();
    const [right] = memoryPair<string>();
    const signal = new ManualSignal();
    const reports: ForwardResult[] = [];
    const done = forward(left, right, { signal, onFinish: (report) => reports.push(report) }).catch(() => {});
    signal.abort();
    await done;
    expect(reports).toMatchObject([{ endedFirst: undefined, how: "cancelled" }]);
    expect(signal.listenerCount).toBe(0);
  });

  test("the brokenSignal of an end does not fire for its own abort, nor after both ends", async () => {
    const [first, second] = memoryPair<string>();
    first.abort();
    expect(first.brokenSignal?.aborted).toBe(false);
    expect(second.brokenSignal?.reason).toBeInstanceOf(BrokenStreamError);
    second.abort();
    expect(first.brokenSignal?.aborted).toBe(false);
    const [one, two] = memoryPair<string>();
    await Promise.all([one.close(), two.close()]);
    one.abort();
    expect(two.brokenSignal?.aborted).toBe(false);
  });
});
