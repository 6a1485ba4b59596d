import vm from "node:vm";
import { describe, expect, test } from "vitest";
import { brandClass, brandKey, hasBrand, isBytes, isError, isUrl } from "../src/index.js";

describe("isBytes (connect-es#658)", () => {
  test("recognises Uint8Arrays and Buffers of this realm and of others", () => {
    expect(isBytes(new Uint8Array(1))).toBe(true);
    expect(isBytes(Buffer.alloc(1))).toBe(true);
    expect(isBytes(vm.runInNewContext("new Uint8Array(1)"))).toBe(true);
  });

  test.each([
    new Uint16Array(1),
    new ArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
    "text",
    undefined,
    null,
    { [Symbol.toStringTag]: "Uint8Array" },
  ])("refuses %s", (value) => {
    expect(isBytes(value)).toBe(false);
  });
});

test("isError recognises errors of other realms and nothing else", () => {
  expect(isError(new TypeError("x"))).toBe(true);
  expect(isError(vm.runInNewContext("new Error('x')"))).toBe(true);
  expect(isError({ message: "x" })).toBe(false);
});

test("isUrl recognises a URL of another class, as jsdom has one, and nothing else", () => {
  class OtherURL {
    readonly href = "https://example.org/";
    readonly [Symbol.toStringTag] = "URL";
  }
  expect(isUrl(new URL("https://example.org"))).toBe(true);
  expect(isUrl(new OtherURL())).toBe(true);
  for (const value of ["https://example.org", undefined, null, {}, new Map()]) expect(isUrl(value)).toBe(false);
});

test("a brand is recognised whichever copy of a package has set it (connect-es#544)", () => {
  const mine = { [brandKey("Thing")]: true };
  expect(hasBrand(mine, Symbol.for("trunkline.Thing"))).toBe(true);
  expect(hasBrand({}, brandKey("Thing"))).toBe(false);
  expect(hasBrand("text", brandKey("Thing"))).toBe(false);
});

describe("brandClass", () => {
  const copy = (): { new (): Error } =>
    class BrandedError extends Error {
      static {
        brandClass(BrandedError, "BrandedError");
      }
    };

  test("makes instanceof recognise the instances of another copy (connect-es#544)", () => {
    const [One, Other] = [copy(), copy()];
    expect(new One()).toBeInstanceOf(Other);
    expect(new Error("plain")).not.toBeInstanceOf(One);
  });

  test("leaves subclasses as they are", () => {
    const One = copy();
    class Special extends One {}
    expect(new Special()).toBeInstanceOf(One);
    expect(new Special()).toBeInstanceOf(Special);
    expect(new One()).not.toBeInstanceOf(Special);
  });
});
