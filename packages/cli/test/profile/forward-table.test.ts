import { describe, expect, test } from "vitest";
import { type ForwardTable, keyAction, tableLines } from "../../src/profile/forward-table.js";

const table: ForwardTable = {
  profile: "lab",
  endpoint: "router.example.org:7420",
  open: 2,
  selected: 1,
  forwards: [
    { forward: "127.0.0.1:0:web", name: "web", state: "ready", address: "127.0.0.1:41234" },
    { forward: "127.0.0.1:5432:lab/db", name: "lab/db", state: "waiting", error: '"lab/db" is not exposed' },
    { forward: "udp:127.0.0.1:5353:dns", name: "dns", state: "off" },
  ],
};

describe("the table of forwards", () => {
  test("shows each with its state, its address where that is not said, and why it is not ready", () => {
    expect(tableLines(table, { columns: 80, rows: 24 })).toEqual([
      "lab at router.example.org:7420, 2 connections open",
      "",
      "  [x] ready     127.0.0.1:0:web         127.0.0.1:41234",
      '> [x] waiting   127.0.0.1:5432:lab/db   "lab/db" is not exposed',
      "  [ ] off       udp:127.0.0.1:5353:dns",
      "",
      "up, down: choose   space: on, off   a: all on   n: none   q: end",
    ]);
  });

  test("says what is wrong with the file of profiles in its place above the forwards", () => {
    const lines = tableLines({ ...table, trouble: "config.yaml:3: nonsense" }, { columns: 80, rows: 24 });
    expect(lines.slice(0, 3)).toEqual([
      "lab at router.example.org:7420, 2 connections open",
      "config.yaml:3: nonsense",
      "  [x] ready     127.0.0.1:0:web         127.0.0.1:41234",
    ]);
  });

  test("shortens a long forward before the address that another one got", () => {
    const forward = "127.0.0.1:18080:a-rather-long-name-of-a-service/with-a-path/and-more";
    const long = { ...table, forwards: [...table.forwards.slice(0, 1), { forward, name: "a", state: "off" as const }] };
    expect(tableLines(long, { columns: 80, rows: 24 }).slice(2, 4)).toEqual([
      "  [x] ready     127.0.0.1:0:web                                  127.0.0.1:41234",
      "> [ ] off       127.0.0.1:18080:a-rather-long-name-of-a-servic…",
    ]);
  });

  test("is cut to a terminal that is narrow, with its keys in fewer words", () => {
    expect(tableLines(table, { columns: 40, rows: 24 }).at(-1)).toBe("space on/off  a all  n none  q end");
    for (const columns of [1, 10, 40])
      for (const line of tableLines(table, { columns, rows: 24 })) expect(line.length).toBeLessThanOrEqual(columns);
  });

  test.each([0, 1, 2])("shows the selected line (%i) on a terminal that is low", (selected) => {
    const lines = tableLines({ ...table, selected }, { columns: 80, rows: 5 });
    expect(lines).toHaveLength(5);
    expect(lines.filter((line) => line.startsWith("> "))).toHaveLength(1);
    expect(lines).toContain("  … 2 more");
  });
});

test.each([
  [{ name: "up" }, "up"],
  [{ name: "j" }, "down"],
  [{ name: "space" }, "toggle"],
  [{ name: "q" }, "end"],
  [{ name: "c", ctrl: true }, "interrupt"],
  [{ name: "c" }, undefined],
  [{ name: "a", ctrl: true }, undefined],
  [{ name: "constructor" }, undefined],
  [{}, undefined],
])("the key %j does %s", (key, action) => {
  expect(keyAction(key)).toBe(action);
});
