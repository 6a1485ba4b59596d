import { expect, it } from "vitest";
import { parseIp, sharesPrefix } from "../../src/proxy/ip.js";

it("addresses share a prefix if they are of one family and its bits are the same", () => {
  const share = (one: string, other: string, bits: number) =>
    sharesPrefix(parseIp(one) as Uint8Array, parseIp(other) as Uint8Array, bits);
  expect(share("10.1.2.3", "10.1.255.3", 16)).toBe(true);
  expect(share("10.1.2.3", "10.1.255.3", 17)).toBe(false);
  expect(share("10.1.2.3", "10.1.3.3", 23)).toBe(true);
  expect(share("10.1.2.3", "10.1.3.3", 24)).toBe(false);
  expect(share("10.1.2.3", "10.1.2.3", 32)).toBe(true);
  expect(share("10.1.2.3", "11.1.2.3", 0)).toBe(true);
  expect(share("::1", "0.0.0.1", 0)).toBe(false);
});
