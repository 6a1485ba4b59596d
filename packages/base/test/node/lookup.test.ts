import dns from "node:dns";
import { afterEach, describe, expect, it, vi } from "vitest";
import { interleaved, systemLookup } from "../../src/node/lookup.js";

afterEach(() => void vi.restoreAllMocks());

describe("the lookup of the system", () => {
  it("answers an IP address at once and by itself", () => {
    const lookup = vi.spyOn(dns, "lookup");
    const answers: unknown[] = [];
    systemLookup("127.0.0.1", (...answer) => answers.push(answer));
    systemLookup("::1", (...answer) => answers.push(answer));
    expect(answers).toEqual([
      [null, [{ address: "127.0.0.1", family: 4 }]],
      [null, [{ address: "::1", family: 6 }]],
    ]);
    expect(lookup).not.toHaveBeenCalled();
  });

  it("asks for all addresses of a name in the order of the system", () => {
    const lookup = vi.spyOn(dns, "lookup").mockImplementation((() => {}) as never);
    const callback = (): void => {};
    systemLookup("name.example", callback);
    expect(lookup.mock.calls).toEqual([["name.example", { all: true, verbatim: true }, callback]]);
  });
});

describe("addresses of both families", () => {
  const of = (...addresses: string[]) =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

  it("take turns, beginning with the family of the first, and the rest of the longer one follows", () => {
    expect(interleaved(of("::1", "::2", "::3", "1.1.1.1"))).toEqual(of("::1", "1.1.1.1", "::2", "::3"));
    expect(interleaved(of("1.1.1.1", "::1", "::2", "::3"))).toEqual(of("1.1.1.1", "::1", "::2", "::3"));
    expect(interleaved(of("1.1.1.1", "1.1.1.2"))).toEqual(of("1.1.1.1", "1.1.1.2"));
    expect(interleaved([])).toEqual([]);
  });
});
