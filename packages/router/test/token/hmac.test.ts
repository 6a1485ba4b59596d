import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HmacKey } from "../../src/token/hmac.js";

const text = fc.array(fc.integer({ min: 0x20, max: 0x7e }), { maxLength: 3_000 }).map((codes) => {
  return String.fromCharCode(...codes);
});

describe("an HMAC of two hashes", () => {
  it.each(["sha256", "sha384", "sha512"] as const)("is that of Node for any key and text (%s)", (name) => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.array(text, { maxLength: 4 }),
        (secret, texts) => {
          const key = new HmacKey(name, secret);
          for (const each of texts)
            expect(key.sign(each)).toBe(createHmac(name, secret).update(each).digest("base64url"));
        },
      ),
    );
  });

  it("keeps nothing of an earlier, longer text", () => {
    const secret = new Uint8Array(40).fill(7);
    const key = new HmacKey("sha256", secret);
    const before = key.sign("short");
    key.sign("x".repeat(2_048));
    key.sign("x".repeat(2_049));
    expect(key.sign("short")).toBe(before);
  });
});
