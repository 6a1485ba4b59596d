import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { Metadata } from "../src/index.js";
import { bytes } from "./support.js";

const metadata = new Metadata([
  ["authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.secret"],
  ["tag", "a, b"],
  ["tag", "c"],
  ["trace-bin", bytes(1, 2)],
  ["blob-bin", new Uint8Array(3_000)],
]);

describe("inspect, and so console.log", () => {
  test("prints keys and values, several values as an array", () => {
    expect(inspect(new Metadata({ a: "1", b: ["2", "3"], "c-bin": bytes(1, 2) }))).toBe(
      "Metadata { a: '1', b: [ '2', '3' ], 'c-bin': 'AQI' }",
    );
    expect(inspect(Metadata.empty)).toBe("Metadata {}");
  });

  test("shortens credentials and long bytes, with their lengths", () => {
    const text = inspect(metadata);
    expect(text).toContain("authorization: 'Bearer … (27 characters)'");
    expect(text).toContain("'blob-bin': 'AAAAAAAAAAAAAAAAAAAAAAAA… (3000 bytes)'");
    expect(text).not.toContain("secret");
    expect(text).not.toContain("eyJ");
  });

  test("shows 18 bytes whole, and shortens 19", () => {
    const text = inspect(new Metadata({ "a-bin": new Uint8Array(18), "b-bin": new Uint8Array(19) }));
    expect(text).toContain(`'a-bin': '${"A".repeat(24)}'`);
    expect(text).toContain(`'b-bin': '${"A".repeat(24)}… (19 bytes)'`);
  });

  test.each(["authorization", "proxy-authorization", "cookie", "set-cookie"])("shows no character of %s", (key) => {
    expect(inspect(new Metadata([[key, "hunter2"]]))).toContain("'… (7 characters)'");
  });

  test("prints inside an error and an object, down to the depth that is asked for", () => {
    const error = Object.assign(new Error("no"), { metadata: new Metadata({ a: "1" }) });
    expect(inspect(error)).toContain("metadata: Metadata { a: '1' }");
    expect(inspect({ deep: { metadata } }, { depth: 0 })).not.toContain("Metadata");
    expect(inspect({ metadata }, { depth: 0 })).toBe("{ metadata: [Metadata] }");
  });

  test("prints received values that cannot be read, and keys that objects treat specially", () => {
    const received = Metadata.fromWire([
      { name: "bad-bin", value: "no base64" },
      { name: "__proto__", value: "1" },
    ]);
    expect(inspect(received)).toBe("Metadata { 'bad-bin': 'no base64', ['__proto__']: '1' }");
  });
});

describe("JSON", () => {
  test("is pairs in order, with bytes as base64", () => {
    expect(JSON.stringify(new Metadata({ a: "1", "b-bin": bytes(1, 2) }))).toBe('[["a","1"],["b-bin","AQI"]]');
  });

  test("shortens credentials and long bytes, while the wire has them whole", () => {
    expect(metadata.toJSON()).toEqual([
      ["authorization", "Bearer … (27 characters)"],
      ["tag", "a, b"],
      ["tag", "c"],
      ["trace-bin", "AQI"],
      ["blob-bin", "AAAAAAAAAAAAAAAAAAAAAAAA… (3000 bytes)"],
    ]);
    expect(metadata.toWire()[0]?.value).toBe("Bearer eyJhbGciOiJIUzI1NiJ9.secret");
    expect(metadata.toWire()[4]?.value).toHaveLength(4_000);
  });
});
