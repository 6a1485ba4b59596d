import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeBase64, encodeBase64, unpadded } from "../src/binary.js";

test("base64 agrees with Buffer in both directions", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (value) => {
      const expected = Buffer.from(value).toString("base64");
      expect(encodeBase64(value)).toBe(expected.replaceAll("=", ""));
      expect(decodeBase64(unpadded(expected))).toEqual(value);
    }),
  );
  const large = new Uint8Array(20_000).map((_, index) => index * 7);
  expect(encodeBase64(large)).toBe(Buffer.from(large).toString("base64").replaceAll("=", ""));
  expect(decodeBase64(encodeBase64(large))).toEqual(large);
});

test("decoding any text gives bytes that Buffer agrees with, or a reason", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."AZaz09+/=-_ é".split("")), maxLength: 12 }), (value) => {
      const bytes = decodeBase64(value);
      if (typeof bytes === "string") {
        expect(/[^A-Za-z0-9+/]/.test(value) || value.length % 4 === 1).toBe(true);
      } else {
        expect(bytes).toEqual(new Uint8Array(Buffer.from(value, "base64")));
      }
    }),
  );
});
