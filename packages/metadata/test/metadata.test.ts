import { runInNewContext } from "node:vm";
import { describe, expect, test, vi } from "vitest";
import { Metadata, MetadataError, type MetadataInit, type MetadataValue } from "../src/index.js";
import { bytes, errorOf } from "./support.js";

describe("order and duplicates", () => {
  test("keeps the order across keys and within a key, with duplicates and commas", () => {
    const metadata = new Metadata([
      ["b", "2"],
      ["a", "x, y"],
      ["b", "1"],
      ["b", "2"],
      ["0", ""],
    ]);
    expect([...metadata]).toEqual([
      ["b", "2"],
      ["a", "x, y"],
      ["b", "1"],
      ["b", "2"],
      ["0", ""],
    ]);
    expect(metadata.getAll("b")).toEqual(["2", "1", "2"]);
    expect(metadata.get("b")).toBe("2");
    expect(metadata.get("0")).toBe("");
    expect(metadata.size).toBe(5);
    expect([...metadata.keys()]).toEqual(["b", "a", "0"]);
  });

  test("set puts the new values where the first old one stood and leaves the rest in order", () => {
    const metadata = new Metadata([
      ["a", "1"],
      ["b", "1"],
      ["c", "1"],
      ["b", "2"],
      ["a", "2"],
    ]);
    metadata.set("b", ["x", "y"]);
    expect(metadata.toJSON()).toEqual([
      ["a", "1"],
      ["b", "x"],
      ["b", "y"],
      ["c", "1"],
      ["a", "2"],
    ]);
  });

  test("set of an absent key appends, set of no values removes, and delete says whether there was anything", () => {
    const metadata = new Metadata({ a: "1" });
    metadata.set("b", "2").set("a", []);
    expect(metadata.toJSON()).toEqual([["b", "2"]]);
    expect(metadata.delete("a")).toBe(false);
    expect(metadata.delete("B")).toBe(true);
    expect(metadata.size).toBe(0);
  });

  test("a failing set or append changes nothing", () => {
    const metadata = new Metadata({ a: ["1", "2"] });
    expect(errorOf(() => metadata.set("a", ["3", "é"])).code).toBe("METADATA_VALUE");
    expect(errorOf(() => metadata.append("a b", "3")).code).toBe("METADATA_KEY");
    expect(metadata.getAll("a")).toEqual(["1", "2"]);
  });

  test("an iteration sees the metadata as it was when it began", () => {
    const metadata = new Metadata({ a: "1", b: "2" });
    const seen: string[] = [];
    for (const [key] of metadata) {
      seen.push(key);
      metadata.append("c", "3");
      metadata.delete("b");
    }
    expect(seen).toEqual(["a", "b"]);
  });

  test("keys are case-insensitive", () => {
    const metadata = new Metadata({ "Auth-Token": "x", "Trace-BIN": bytes(1) });
    expect(metadata.get("AUTH-token")).toBe("x");
    expect(metadata.has("auth-token")).toBe(true);
    expect(metadata.get("trace-bin")).toEqual(bytes(1));
    expect([...metadata.keys()]).toEqual(["auth-token", "trace-bin"]);
  });
});

describe("what it is made from", () => {
  test("an object with values and arrays, pairs, a Map, other metadata", () => {
    const pairs: [string, MetadataValue][] = [
      ["a", "1"],
      ["a", "2"],
      ["b-bin", bytes(0xff)],
    ];
    const expected = [
      ["a", "1"],
      ["a", "2"],
      ["b-bin", "/w"],
    ];
    expect(new Metadata({ a: ["1", "2"], "b-bin": bytes(0xff) }).toJSON()).toEqual(expected);
    expect(new Metadata(pairs).toJSON()).toEqual(expected);
    expect(new Metadata(new Metadata(pairs)).toJSON()).toEqual(expected);
    expect(new Metadata(new Map([["a", "1"]])).toJSON()).toEqual([["a", "1"]]);
    expect(new Metadata().size).toBe(0);
  });

  test("from gives the same object for metadata and makes a new one otherwise", () => {
    const metadata = new Metadata({ a: "1" });
    expect(Metadata.from(metadata)).toBe(metadata);
    expect(Metadata.from({ a: "1" }).toJSON()).toEqual([["a", "1"]]);
    expect(Metadata.from().size).toBe(0);
  });

  test("anything else is refused with what it was", () => {
    expect(() => new Metadata("a: 1" as unknown as MetadataInit)).toThrow(
      "metadata is made from an object, pairs or other metadata, not from string",
    );
    expect(() => new Metadata(null as unknown as MetadataInit)).toThrow("not from null");
    expect(() => new Metadata([["a"]] as unknown as MetadataInit)).toThrow(
      'value of metadata key "a" must be a string, but is undefined',
    );
    expect(() => new Metadata([[1, "x"]] as unknown as MetadataInit)).toThrow(
      "a metadata key must be a string, but is number",
    );
  });

  test.each<[string, unknown, string]>([
    ["a promise, which has no keys", Promise.resolve({ a: "1" }), "a promise: await it first"],
    ["a Date", new Date(0), "an instance of Date"],
    ["bytes", bytes(1), "an iterable of number"],
    ["a flat pair, whose strings would be taken for pairs of characters", ["ab", "cd"], "an iterable of string"],
    ["metadata of another library", new (class HttpHeaders {})(), "an instance of HttpHeaders"],
    ["an instance of a class without a name", new (class {})(), "such an object"],
    ["an object whose constructor is no class", Object.create({ constructor: 1 }), "such an object"],
  ])("%s is refused, not taken for empty metadata", (_, init, what) => {
    expect(() => new Metadata(init as MetadataInit)).toThrow(
      new TypeError(`metadata is made from an object, pairs or other metadata, not from ${what}`),
    );
  });

  test("objects without a prototype, and objects, pairs and maps of another realm, are taken", () => {
    expect(new Metadata(Object.assign(Object.create(null), { a: "1" })).toJSON()).toEqual([["a", "1"]]);
    for (const source of ["({ a: ['1', '2'] })", "[['a', '1'], ['a', '2']]", "new Map([['a', '1']])"]) {
      expect(new Metadata(runInNewContext(source) as MetadataInit).get("a")).toBe("1");
    }
  });

  // connect-es#544: two copies of a package in one process, as npm installs them for two versions.
  test("metadata of another copy of the package is taken as it is, received values included", async () => {
    vi.resetModules();
    const copy = (await import("../src/index.js")) as typeof import("../src/index.js");
    expect(copy.Metadata).not.toBe(Metadata);
    const foreign = copy.Metadata.fromWire([
      { name: "a", value: "caf\u00e9" },
      { name: "b-bin", value: "no base64" },
    ]);
    expect(foreign).not.toBeInstanceOf(Metadata);
    const own = Metadata.from(foreign);
    expect(own).toBeInstanceOf(Metadata);
    expect(own.toWire()).toEqual(foreign.toWire());
    expect(new Metadata({ a: "1", c: "2" }).merge(foreign).get("a")).toBe("café");
    const refusal = errorOf(() => new copy.Metadata({ a: "\n" }));
    expect(refusal).toBeInstanceOf(MetadataError);
  });
});

describe("freezing, copying, merging", () => {
  test("frozen metadata refuses every change and names the key and the way out", () => {
    const metadata = new Metadata({ a: "1" }).freeze();
    expect(metadata.frozen).toBe(true);
    for (const change of [() => metadata.set("a", "2"), () => metadata.append("b", "2"), () => metadata.delete("a")]) {
      const error = errorOf(change);
      expect(error.code).toBe("METADATA_FROZEN");
      expect(error.message).toMatch(
        /^metadata key "[ab]" cannot be changed: this metadata is frozen; change a clone\(\) of it$/,
      );
    }
    expect(metadata.toJSON()).toEqual([["a", "1"]]);
    expect(Metadata.empty.frozen).toBe(true);
    expect(Metadata.empty.size).toBe(0);
  });

  test("a clone can be changed and does not change the original", () => {
    const original = Metadata.fromWire([{ name: "a", value: "1" }]);
    const copy = original.clone().append("a", "2");
    expect(copy.frozen).toBe(false);
    expect(copy.getAll("a")).toEqual(["1", "2"]);
    expect(original.getAll("a")).toEqual(["1"]);
  });

  test("merge replaces by key, in place, and adds what is new at the end", () => {
    const inner = new Metadata([
      ["a", "1"],
      ["b", "1"],
      ["a", "2"],
    ]).freeze();
    const merged = inner.merge([
      ["c", "x"],
      ["a", "y"],
      ["c", "z"],
    ]);
    expect(merged.toJSON()).toEqual([
      ["a", "y"],
      ["b", "1"],
      ["c", "x"],
      ["c", "z"],
    ]);
    expect(merged.frozen).toBe(false);
    expect(inner.size).toBe(3);
  });

  test("merge takes over received values that could not be set", () => {
    const merged = new Metadata({ a: "1" }).merge(Metadata.fromWire([{ name: "a", value: "caf\u00e9" }]));
    expect(merged.get("a")).toBe("café");
  });
});

describe("from and to the wire", () => {
  test("received metadata is frozen, and tabs and octets from 0x80 are kept as Latin-1", () => {
    const metadata = Metadata.fromWire([{ name: "a", value: "tab\tand \xff" }]);
    expect(metadata.frozen).toBe(true);
    expect(metadata.get("a")).toBe("tab\tand \xff");
    expect(metadata.toWire()).toEqual([{ name: "a", value: "tab\tand \xff" }]);
  });

  test("nothing of the fields is touched before something is read", () => {
    const field = {
      get name(): string {
        throw new Error("read");
      },
      value: "",
    };
    const metadata = Metadata.fromWire([field]);
    expect(metadata.frozen).toBe(true);
    expect(() => metadata.size).toThrow("read");
  });

  test("joined base64 values are several values, padded or not, with white space or empty", () => {
    const metadata = Metadata.fromWire([
      { name: "a-bin", value: "AQI,AwQ" }, // grpclib corrupts these
      { name: "a-bin", value: "BQ==, Bg==" },
      { name: "a-bin", value: "Bw,,CA==" },
      { name: "a-bin", value: "" },
    ]);
    expect(metadata.getAll("a-bin")).toEqual([
      bytes(1, 2),
      bytes(3, 4),
      bytes(5),
      bytes(6),
      bytes(7),
      bytes(),
      bytes(8),
      bytes(),
    ]);
    expect(metadata.size).toBe(8);
    expect(metadata.toWire().map((field) => field.value)).toEqual(["AQI", "AwQ", "BQ", "Bg", "Bw", "", "CA", ""]);
  });

  test.each([
    ["A", "1 characters cannot be whole bytes"],
    ["AQ=", "the character at index 2 is not in its alphabet"],
    ["A===", "the character at index 1 is not in its alphabet"],
    ["====", "the character at index 0 is not in its alphabet"],
    ["AQ I", "the character at index 2 is not in its alphabet"],
    ["_-8", "the character at index 0 is not in its alphabet"],
    ["AQ\u00e9\u00e9", "the character at index 2 is not in its alphabet"],
    ["AQI\n", "the character at index 3 is not in its alphabet"],
  ])("base64 %j fails the reading of its key only", (value, what) => {
    const metadata = Metadata.fromWire([
      { name: "first", value: "1" },
      { name: "bad-bin", value },
      { name: "good-bin", value: "AQI" },
    ]);
    const error = errorOf(() => metadata.get("bad-bin"));
    expect(error.message).toBe(`value of metadata key "bad-bin" is not base64: ${what}`);
    expect(error).toMatchObject({ code: "METADATA_VALUE", key: "bad-bin" });
    expect(errorOf(() => metadata.getAll("bad-bin")).key).toBe("bad-bin");
    expect(errorOf(() => [...metadata]).key).toBe("bad-bin");
    expect(metadata.get("first")).toBe("1");
    expect(metadata.get("good-bin")).toEqual(bytes(1, 2));
    expect([...metadata.keys()]).toEqual(["first", "bad-bin", "good-bin"]);
    expect(metadata.toWire()).toHaveLength(3);
  });

  test("a bad value among good ones of the same key hides only itself", () => {
    const metadata = Metadata.fromWire([
      { name: "a-bin", value: "AQI" },
      { name: "a-bin", value: "!" },
    ]);
    expect(metadata.get("a-bin")).toEqual(bytes(1, 2));
    expect(errorOf(() => metadata.getAll("a-bin")).key).toBe("a-bin");
  });

  test("received fields that are passed on keep their values and their other properties", () => {
    const fields = [{ name: "authorization", value: "Bearer x", neverIndexed: true }];
    expect(Metadata.fromWire(fields).clone().toWire()).toEqual(fields);
  });

  test("any iterable of fields will do", () => {
    const metadata = Metadata.fromWire(new Set([{ name: "a", value: "1" }]));
    expect(metadata.get("a")).toBe("1");
  });

  test("the array from toWire belongs to the caller", () => {
    const metadata = new Metadata({ a: "1" });
    metadata.toWire().pop();
    expect(metadata.size).toBe(1);
  });
});
