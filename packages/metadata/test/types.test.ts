/** The types of keys and values. `tsc -p tsconfig.test.json` fails where a line below `@ts-expect-error` compiles. */
import { describe, expect, expectTypeOf, test } from "vitest";
import { Metadata, MetadataError, type MetadataInit, type MetadataValue } from "../src/index.js";
import { bytes } from "./support.js";

describe("types", () => {
  test("the type of a value follows from its key", () => {
    const metadata = new Metadata();
    expectTypeOf(metadata.get("a")).toEqualTypeOf<string | undefined>();
    expectTypeOf(metadata.get("a-bin")).toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf(metadata.get("A-Bin")).toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf(metadata.getAll("a-bin")).toEqualTypeOf<Uint8Array[]>();
    expectTypeOf(metadata.get("a" as string)).toEqualTypeOf<MetadataValue | undefined>();
    expectTypeOf(metadata.get("x-a" as `x-${string}`)).toEqualTypeOf<MetadataValue | undefined>();
    expectTypeOf(metadata.get("x-bin" as `${string}-bin`)).toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf(metadata.get("a" as "a" | "a-bin")).toEqualTypeOf<MetadataValue | undefined>();
    // @ts-expect-error bytes for a text key
    expect(() => metadata.set("a", bytes(1))).toThrow(MetadataError);
    // @ts-expect-error text for a key of bytes
    expect(() => metadata.append("a-bin", "x")).toThrow(MetadataError);
  });

  test("an object literal may not have text under a key of bytes", () => {
    // @ts-expect-error text for a key of bytes
    expect(() => new Metadata({ "x-bin": "text" })).toThrow(MetadataError);
    // @ts-expect-error text for a key of bytes, however its suffix is written
    expect(() => new Metadata({ "X-Bin": "text" })).toThrow(MetadataError);
    // @ts-expect-error text among the values of a key of bytes
    expect(() => new Metadata({ a: "1", "x-bin": [bytes(1), "text"] })).toThrow(MetadataError);
    // @ts-expect-error the same in an option
    const options: { metadata?: MetadataInit } = { metadata: { "x-bin": "text" } };
    expect(() => Metadata.from(options.metadata)).toThrow(MetadataError);
    // @ts-expect-error the same in merge
    expect(() => new Metadata().merge({ "x-bin": "text" })).toThrow(MetadataError);
    // @ts-expect-error a number
    expect(() => new Metadata({ a: 1 })).toThrow(MetadataError);
  });

  test("objects and pairs of the right types compile", () => {
    const text = { a: "1", b: ["2", "3"] };
    expectTypeOf(text).toExtend<MetadataInit>();
    expectTypeOf({ a: "1", "x-bin": bytes(1), "y-bin": [bytes(1), bytes(2)] }).toExtend<MetadataInit>();
    const frozen = { a: "1", "x-bin": bytes(1) } as const;
    expectTypeOf(frozen).toExtend<MetadataInit>();
    expectTypeOf<Map<string, MetadataValue>>().toExtend<MetadataInit>();
    expectTypeOf<[string, string][]>().toExtend<MetadataInit>();
    expectTypeOf<Metadata>().toExtend<MetadataInit>();
  });

  test("an object whose keys are not known to the type checker is given as pairs", () => {
    const record: Record<string, string> = { a: "1" };
    // @ts-expect-error its keys may end in "-bin", where text is refused
    expect(new Metadata(record).get("a")).toBe("1");
    expect(new Metadata(Object.entries(record)).get("a")).toBe("1");
  });
});
