import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HeaderField } from "../../src/header-field.js";
import { DynamicTable } from "../../src/hpack/dynamic-table.js";
import { tableBytes } from "./helpers.js";

/** RFC 7541 §4 in its own words: newest first, evicted from the end. */
class NaiveTable {
  entries: HeaderField[] = [];
  maxBytes = 200;

  insert(entry: HeaderField): void {
    this.#evictTo(this.maxBytes - tableBytes([entry]));
    if (tableBytes([entry]) <= this.maxBytes) this.entries.unshift(entry);
  }

  resize(maxBytes: number): void {
    this.maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(bytes: number): void {
    while (this.entries.length > 0 && tableBytes(this.entries) > bytes) this.entries.pop();
  }
}

const newestFirst = (table: DynamicTable<HeaderField>) =>
  Array.from({ length: table.length }, (_, age) => table.at(age));
const entry = (value: string): HeaderField => ({ name: "n", value });

describe("the dynamic table", () => {
  it("holds at every step what RFC 7541 §4 says, through growth, eviction and new limits", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.string({ maxLength: 60 }).map(entry) },
      { weight: 1, arbitrary: fc.constantFrom(0, 33, 70, 200, 1_500) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = new DynamicTable<HeaderField>(200);
        const naive = new NaiveTable();
        for (const next of steps) {
          for (const each of [table, naive]) typeof next === "number" ? each.resize(next) : each.insert(next);
          expect(newestFirst(table)).toEqual(naive.entries);
          expect(table.bytes).toBe(tableBytes(naive.entries));
          expect(table.bytes).toBeLessThanOrEqual(table.maxBytes);
          expect(table.at(table.length)).toBeUndefined();
        }
      }),
    );
  });

  it("tells of each evicted entry, oldest first, and goes on counting", () => {
    const evicted: string[] = [];
    const table = new DynamicTable<HeaderField>(100, ({ value }) => evicted.push(value));
    for (const value of ["a", "b", "c", "d"]) table.insert(entry(value));
    expect(evicted).toEqual(["a", "b"]);
    table.resize(0);
    expect(evicted).toEqual(["a", "b", "c", "d"]);
    expect(table.inserted).toBe(4);
  });

  it("is emptied by an entry larger than itself, which does not come in and is not counted", () => {
    const table = new DynamicTable<HeaderField>(100);
    table.insert(entry("a"));
    table.insert(entry("x".repeat(68)));
    expect([table.length, table.bytes, table.inserted]).toEqual([0, 0, 1]);
    table.insert(entry("x".repeat(67)));
    expect([table.length, table.bytes, table.inserted]).toEqual([1, 100, 2]);
  });
});
