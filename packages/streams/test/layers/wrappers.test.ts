import { describe, expect, test } from "vitest";
import {
  buffered,
  counted,
  forward,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  progress,
  type SendOptions,
  stapled,
  tap,
  type WaitOptions,
} from "../../src/index.js";
import { metadataRefusal, StreamLayer } from "../../src/kit/index.js";
import { small, suite } from "../support/suite.js";

describe("compliance of MetadataStream over memory pairs", () => {
  suite({
    ...small,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      return {
        first: new MetadataStream(first, { side: "first" }),
        second: new MetadataStream(second, { side: "second" }),
      };
    },
  });
});

describe("compliance of progress over memory pairs", () => {
  suite({
    ...small,
    connect(clock) {
      const [first, second] = memoryPair<Uint8Array>({ clock });
      const watched = (stream: ObjectStream<Uint8Array>): ObjectStream<Uint8Array> =>
        progress(stream, { onProgress() {} });
      return { first: watched(first), second: watched(second) };
    },
  });
});

/** Both ends of a pair, each split into two one-way streams that end on their own. */
describe("compliance of stapled streams", () => {
  suite({
    ...small,
    connect(clock) {
      const [aToB, fromA] = memoryPair<Uint8Array>({ clock });
      const [bToA, fromB] = memoryPair<Uint8Array>({ clock });
      // The halves that are not used end at once, as those of a one-way stream do not exist.
      void fromA.sendEof();
      void fromB.sendEof();
      return { first: stapled(fromB, aToB), second: stapled(fromA, bToA) };
    },
  });
});

describe("compliance of two memory pairs that forward joins", () => {
  suite({
    ...small,
    connect(clock) {
      const [first, left] = memoryPair<Uint8Array>({ clock });
      const [right, second] = memoryPair<Uint8Array>({ clock });
      forward(left, right).catch(() => {});
      return { first, second };
    },
  });
});

describe("compliance of wrappers in a heap, through forward", () => {
  suite({
    ...small,
    connect(clock) {
      const [first, left] = memoryPair<Uint8Array>({ clock });
      const [right, second] = memoryPair<Uint8Array>({ clock });
      forward(new MetadataStream(left, { side: "left" }), progress(right, { onProgress() {} })).catch(() => {});
      return {
        first: progress(new MetadataStream(first, { side: "first" }), { onProgress() {} }),
        second: new MetadataStream(second, {}),
      };
    },
  });
});

/** A layer with other items than the stream below, and something to say before the end. */
class TextLayer extends StreamLayer<Uint8Array, Uint8Array, string, string> {
  override get carriesMetadata(): boolean {
    return false;
  }

  send(item: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal("this layer", options);
    return refusal === undefined
      ? this.sendBelow(Buffer.from(item).toString("latin1"), options)
      : Promise.reject(refusal);
  }

  async receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    const text = await this.inner.receive(options);
    if (text !== "over and out") return text === undefined ? undefined : new Uint8Array(Buffer.from(text, "latin1"));
    const end = await this.inner.receive(options);
    if (end !== undefined) throw new Error("something came after the last item");
    return undefined;
  }

  protected override async endOutput(): Promise<void> {
    await this.allSentBelow();
    await this.inner.send("over and out");
    await super.endOutput();
  }
}

describe("compliance of a layer that translates items and says something before the end", () => {
  suite({
    ...small,
    connect(clock) {
      const [first, second] = memoryPair<string>({ clock });
      return { first: new TextLayer(first), second: new TextLayer(second) };
    },
  });
});

describe("disposal of a wrapper after the wrapped stream's own sendEof", () => {
  for (const [name, wrap] of [
    ["MetadataStream", (stream: ObjectStream<Uint8Array>) => new MetadataStream(stream, {})],
    ["tap", (stream: ObjectStream<Uint8Array>) => tap(stream, {})],
    ["counted", (stream: ObjectStream<Uint8Array>) => counted(stream)],
    ["buffered", (stream: ObjectStream<Uint8Array>) => buffered(stream)],
  ] as const) {
    test(`${name}: closes, and the other side sees an end`, async () => {
      const [inner, other] = memoryPair<Uint8Array>();
      const wrapper = wrap(inner);
      await inner.send(Uint8Array.of(1));
      await inner.sendEof();
      const disposed = wrapper[Symbol.asyncDispose]();
      expect(await other.receive()).toEqual(Uint8Array.of(1));
      expect(await other.receive()).toBeUndefined();
      await other.sendEof();
      await disposed;
    });
  }
});
