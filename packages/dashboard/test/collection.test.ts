import { expect, test } from "vitest";
import { Collection } from "../src/collection.js";

test("a reader gets all entries first, then what changes", () => {
  const entries = new Collection<number>();
  entries.set("a", 1);
  const reader = entries.newReader();
  expect(reader.take(10)).toEqual({ changed: ["1"], gone: [] });
  expect(reader.hasMore).toBe(false);
  entries.set("b", 2);
  entries.delete("a");
  expect(reader.take(10)).toEqual({ changed: ["2"], gone: ["a"] });
});

test("a slow reader gets the last state of an entry only, and nothing is kept for it but keys", () => {
  const entries = new Collection<number>();
  const reader = entries.newReader();
  for (let value = 0; value < 1_000; value += 1) entries.set("a", value);
  expect(reader.take(10)).toEqual({ changed: ["999"], gone: [] });
  expect(reader.take(10)).toEqual({ changed: [], gone: [] });
});

test("an entry that changes again and again does not keep the others waiting", () => {
  const entries = new Collection<string>();
  const reader = entries.newReader();
  const keys = ["a", "b", "c", "d"];
  const told = new Set<string>();
  for (let round = 0; round < 4; round += 1) {
    for (const key of keys) entries.set(key, key);
    for (const json of reader.take(1).changed) told.add(JSON.parse(json));
  }
  expect([...told]).toEqual(keys);
});

test("keeping only some keys tells that the others are gone", () => {
  const entries = new Collection<number>();
  entries.set("a", 1);
  entries.set("b", 2);
  const reader = entries.newReader();
  reader.take(10);
  entries.keepOnly(new Set(["b"]));
  expect(reader.take(10)).toEqual({ changed: [], gone: ["a"] });
  expect(entries.size).toBe(1);
});
