import { Metadata, MetadataError } from "@trunkline/metadata";
import { describe, expect, test } from "vitest";
import {
  attribute,
  MetadataNotCarriedError,
  MetadataStream,
  memoryPair,
  type ObjectStream,
  progress,
  streamClock,
  streamMetadata,
} from "../../src/index.js";
import { attributesOver, noAttributes, WrappedStream } from "../../src/kit/index.js";
import { VirtualClock } from "../../src/testing/index.js";

describe("MetadataStream", () => {
  test("the stream's metadata is an attribute, an outer layer's keys over an inner one's", () => {
    const clock = new VirtualClock();
    const [end] = memoryPair<string>({ clock });
    const inner = new MetadataStream(end, [
      ["device", "board-7"],
      ["lease", "1"],
    ]);
    const watched = progress(inner, { onProgress() {} });
    const outer = new MetadataStream(watched, { device: "board-8", user: "kim" });
    expect(inner.metadata.toJSON()).toEqual([
      ["device", "board-7"],
      ["lease", "1"],
    ]);
    const expected = [
      ["device", "board-8"],
      ["lease", "1"],
      ["user", "kim"],
    ];
    expect(outer.metadata.toJSON()).toEqual(expected);
    expect(outer.extra(streamMetadata)?.toJSON()).toEqual(expected);
    expect(outer.extraAttributes.get(streamMetadata)).toBe(outer.metadata);
    expect(watched.extra(streamMetadata)).toBe(inner.metadata);
    expect(outer.metadata.frozen).toBe(true);
    expect(outer.extra(streamClock)).toBe(clock);
  });

  test("metadata that the caller changes later does not change the stream's", () => {
    const metadata = new Metadata({ device: "board-7" });
    const stream = new MetadataStream(memoryPair()[0], metadata);
    metadata.set("device", "board-8");
    expect(stream.metadata.get("device")).toBe("board-7");
  });

  test("metadata that cannot be is refused", () => {
    expect(() => new MetadataStream(memoryPair()[0], { "grpc-x": "1" })).toThrow(MetadataError);
  });

  test("messages() iterates over data together with metadata, and leaving it leaves the stream open", async () => {
    const [mine, theirs] = memoryPair<string>();
    const stream = new MetadataStream(theirs, {});
    await mine.send("one", { metadata: { "auth-token": "t" } });
    await mine.send("two");
    await mine.send("three");
    await mine.sendEof();
    const seen: [string, string | undefined][] = [];
    for await (const { data, metadata } of stream.messages()) {
      seen.push([data, metadata.get("auth-token")]);
      if (data === "two") break;
    }
    for await (const { data } of stream.messages()) seen.push([data, undefined]);
    expect(seen).toEqual([
      ["one", "t"],
      ["two", undefined],
      ["three", undefined],
    ]);
  });

  test("over a stream that cannot carry metadata and would not notice it, a send with it is refused", async () => {
    class Careless extends WrappedStream<string> {
      override get carriesMetadata(): boolean {
        return false;
      }
      override send(item: string): Promise<void> {
        return super.send(item);
      }
    }
    const [end, other] = memoryPair<string>();
    const stream: ObjectStream<string> = new MetadataStream(new Careless(end), { device: "board-7" });
    expect(stream.carriesMetadata).toBe(false);
    await expect(stream.send("x", { metadata: { a: "1", b: "2" } })).rejects.toThrow(
      "the stream below cannot carry metadata with a message, and this message has 2 fields",
    );
    await expect(stream.send("x", { metadata: { a: "1" } })).rejects.toBeInstanceOf(MetadataNotCarriedError);
    await stream.send("plain");
    expect(await other.receive()).toBe("plain");
  });
});

describe("attributes", () => {
  test("two keys of one name are two keys", () => {
    const one = attribute<number>("size");
    const two = attribute<number>("size");
    const attributes = new Map([[one, 1]]);
    expect(attributes.get(two)).toBeUndefined();
  });

  test("the outer layer's value wins, and nothing is copied where there is nothing to merge", () => {
    const key = attribute<number>("size");
    const other = attribute<number>("other");
    const inner = new Map([
      [key, 1],
      [other, 2],
    ]);
    expect(attributesOver(new Map([[key, 3]]), inner)).toEqual(
      new Map([
        [key, 3],
        [other, 2],
      ]),
    );
    expect(attributesOver(noAttributes, inner)).toBe(inner);
    expect(attributesOver(inner, noAttributes)).toBe(inner);
  });

  test("a wrapper may hide a value of the stream below", () => {
    const [end] = memoryPair({ clock: new VirtualClock() });
    class Timeless extends WrappedStream<{}> {
      protected override get ownAttributes() {
        return new Map([[streamClock, undefined]]);
      }
    }
    expect(new Timeless(end).extra(streamClock)).toBeUndefined();
  });
});
