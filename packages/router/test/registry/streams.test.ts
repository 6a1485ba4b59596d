/** The table of the streams that were dialled: what it counts, and what it forgets. */
import { describe, expect, it } from "vitest";
import { OfferRecord } from "../../src/registry/offer-record.js";
import { type DialledStream, StreamTable } from "../../src/registry/streams.js";

const party = (identity: string) => ({ identity, tokenId: undefined });
const dialled = (stream: string, dialler = "me"): DialledStream => {
  return {
    stream,
    name: "web",
    dialler: party(dialler),
    listener: party("owner"),
    record: new OfferRecord(),
    startedAtMs: 0,
    metadata: {},
  };
};

describe("the table of streams", () => {
  it("counts what an identity has dialled until it has ended", () => {
    const table = new StreamTable(10);
    expect(table.add(dialled("a"), 1_000, 0)).toBe(true);
    expect(table.add(dialled("b"), 1_000, 0)).toBe(true);
    table.add(dialled("c", "other"), 1_000, 0);
    expect(table.dialledBy("me", 0)).toBe(2);
    table.ended("a");
    table.ended("a");
    table.ended("never there");
    expect(table.dialledBy("me", 0)).toBe(1);
    expect(table.find("a")).toBeUndefined();
    expect(table.find("b")?.name).toBe("web");
  });

  it("forgets a stream to which no peer can come any more, and keeps one whose peers are joined", () => {
    const table = new StreamTable(10);
    table.add(dialled("lives"), 1_000, 0);
    table.add(dialled("expires"), 1_000, 0);
    table.joined("lives");
    expect(table.dialledBy("me", 1_999)).toBe(2);
    expect(table.dialledBy("me", 2_000)).toBe(1);
    expect(table.size).toBe(1);
    expect(table.find("lives")).toBeDefined();
    table.ended("lives");
    expect(table.dialledBy("me", 2_000)).toBe(0);
    expect(table.size).toBe(0);
  });

  it("has room for so many streams that wait for their peers, however many are joined", () => {
    const table = new StreamTable(2);
    table.add(dialled("a"), 1_000, 0);
    table.add(dialled("b"), 1_000, 0);
    expect(table.add(dialled("c"), 1_000, 0)).toBe(false);
    expect(table.find("c")).toBeUndefined();
    table.joined("a");
    expect(table.add(dialled("c"), 1_000, 0)).toBe(true);
    expect(table.add(dialled("d"), 5_000, 2_000)).toBe(true);
    expect(table.size).toBe(2);
  });
});
