import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { Metadata } from "../src/index.js";
import { bytes, errorOf } from "./support.js";

describe("values", () => {
  test("text is printable ASCII without a space at either end, or empty", () => {
    const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => 0x20 + index)).trim();
    const metadata = new Metadata({ a: printable, b: "", c: "two  words" });
    expect(metadata.get("a")).toBe(printable);
    expect(metadata.get("b")).toBe("");
    expect(metadata.get("c")).toBe("two  words");
  });

  test.each([
    ["é", "has U+00E9 at index 0"],
    ["tab\t", "has U+0009 at index 3"],
    ["a\r\nb: c", "has U+000D at index 1"],
    ["\u007f", "has U+007F at index 0"],
    ["ok 😀", "has U+1F600 at index 3"],
    [" a", "begins or ends with a space"],
    ["a ", "begins or ends with a space"],
    [" ", "begins or ends with a space"],
  ])("text %j is refused: it %s", (value, what) => {
    const error = errorOf(() => new Metadata({ key: value }));
    expect(error.message).toContain(`value of metadata key "key" ${what}`);
    expect(error).toMatchObject({ name: "MetadataError", code: "METADATA_VALUE", key: "key" });
    expect(error).toBeInstanceOf(TypeError);
  });

  test("an error about a value never holds the value", () => {
    expect(errorOf(() => new Metadata({ token: "secret\n" })).message).not.toContain("secret");
    expect(
      errorOf(() => Metadata.fromWire([{ name: "token-bin", value: "se.cret" }]).get("token-bin")).message,
    ).not.toContain("se.cret");
  });

  test("bytes and text are not taken for each other", () => {
    expect(errorOf(() => new Metadata([["a-bin", "text"]])).message).toBe(
      'value of metadata key "a-bin" must be a Uint8Array, since the key ends in "-bin", but is string',
    );
    expect(errorOf(() => new Metadata({ a: bytes(1) })).message).toBe(
      'value of metadata key "a" must be a string, but is a Uint8Array; a key for bytes ends in "-bin"',
    );
    expect(errorOf(() => new Metadata().append("a", 1 as unknown as string)).message).toContain(
      "must be a string, but is number",
    );
    expect(errorOf(() => new Metadata().append("a", null as unknown as string)).message).toContain("but is null");
    expect(errorOf(() => new Metadata().append("a", ["x"] as unknown as string)).message).toContain("but is an array");
  });

  test("bytes are copied in and out", () => {
    const mine = bytes(1, 2, 3);
    const metadata = new Metadata({ "a-bin": mine });
    mine[0] = 9;
    const theirs = metadata.get("a-bin") as Uint8Array;
    expect(theirs).toEqual(bytes(1, 2, 3));
    theirs[0] = 9;
    expect(metadata.get("a-bin")).toEqual(bytes(1, 2, 3));
  });

  // connect-es#658: under Jest, jsdom and node:vm, a Uint8Array is no instance of this realm's class.
  test("bytes of another realm are bytes", () => {
    const foreign = runInNewContext("new Uint8Array([1, 2, 3])") as Uint8Array;
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    expect(new Metadata({ "a-bin": foreign }).get("a-bin")).toEqual(bytes(1, 2, 3));
    expect(new Metadata({ "a-bin": [foreign, bytes(4)] }).getAll("a-bin")).toEqual([bytes(1, 2, 3), bytes(4)]);
    expect(errorOf(() => new Metadata({ a: foreign })).message).toContain("but is a Uint8Array");
  });

  test("an object that only calls itself a Uint8Array is refused", () => {
    const impostor = { [Symbol.toStringTag]: "Uint8Array", length: 1, 0: 65 } as unknown as Uint8Array;
    expect(errorOf(() => new Metadata([["a-bin", impostor]])).message).toContain("must be a Uint8Array");
  });

  test("a Buffer is taken as bytes, and a plain Uint8Array comes out", () => {
    const value = new Metadata({ "a-bin": Buffer.from("hi") }).get("a-bin");
    expect(value).toEqual(bytes(0x68, 0x69));
    expect(value?.constructor).toBe(Uint8Array);
  });
});
