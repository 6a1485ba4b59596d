/** The parts of `trunkline top` that know no terminal: the model, the keys and the table. */
import type { RoutedStream, RouterNumbers, RouterUpdate } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { TopModel } from "../../src/top/model.js";
import { newScreen, pressed, type Screen, shownStreams } from "../../src/top/screen.js";
import { plainLines, topLines } from "../../src/top/table.js";

const numbers: RouterNumbers = {
  bytesToDialler: 0,
  bytesToListener: 0,
  liveStreams: 2,
  waitingStreams: 1,
  detachedSessions: 0,
  listeners: 1,
  streamsOpened: 2,
  refused: 3,
  resumed: 0,
  connections: 4,
  eventLoopDelayMs: 2,
  residentBytes: 120_000_000,
  heapBytes: 0,
  state: "serving",
  startedUnixMs: 0,
  version: "0.1.0",
  limits: [],
};
const party = (identity: string) => ({ identity, peer: "127.0.0.1:4000", tokenId: "", attached: true, roundTripMs: 0 });
const stream = (id: string, more: Partial<RoutedStream> = {}): RoutedStream => ({
  id,
  name: `name-${id}`,
  dialler: party("user"),
  listener: party("board"),
  state: "live",
  sinceUnixMs: 0,
  bytesToDialler: 0,
  bytesToListener: 0,
  attempts: 1,
  metadata: {},
  waits: [],
  ...more,
});
const update = (atUnixMs: number, streams: RoutedStream[], more: Partial<RouterUpdate> = {}): RouterUpdate => ({
  snapshot: false,
  atUnixMs,
  numbers,
  names: [],
  namesGone: [],
  streams,
  streamsGone: [],
  streamsLeftOut: 0,
  events: [],
  ...more,
});
const modelOf = (...updates: RouterUpdate[]): TopModel => {
  const model = new TopModel();
  for (const each of updates) model.apply(each);
  return model;
};
const look = { endpoint: "router:7420", isColoured: false, trouble: undefined };

describe("the model of top", () => {
  test("has the rate of each stream between two messages, and none for one that is not told again", () => {
    const model = modelOf(
      update(0, [stream("a"), stream("b", { bytesToDialler: 500 })], { snapshot: true }),
      update(2_000, [stream("a", { bytesToListener: 4_000, bytesToDialler: 1_000 })], {
        numbers: { ...numbers, bytesToListener: 8_000 },
      }),
    );
    const rates = () => model.streams.map(({ stream: { id }, toDialler, toListener }) => [id, toDialler, toListener]);
    expect(rates()).toEqual([
      ["a", 500, 2_000],
      ["b", 0, 0],
    ]);
    expect(model.rates).toEqual({ toDialler: 0, toListener: 4_000 });
    model.apply(update(3_000, [stream("b", { bytesToDialler: 1_500 })], { streamsGone: ["a"] }));
    expect(rates()).toEqual([["b", 1_000, 0]]);
    model.apply(update(4_000, [stream("c")], { snapshot: true }));
    expect(rates()).toEqual([["c", 0, 0]]);
  });

  test("keeps the rates that a full message has left out", () => {
    const busy = (bytes: number) =>
      Array.from({ length: 600 }, (_, index) => stream(`${index}`, { bytesToDialler: bytes }));
    const model = modelOf(update(0, busy(0), { snapshot: true }), update(1_000, busy(1_000)));
    model.apply(update(2_000, busy(2_000).slice(0, 500)));
    expect(model.streams.every(({ toDialler }) => toDialler === 1_000)).toBe(true);
    model.apply(update(3_000, busy(3_000).slice(500)));
    expect(model.streams.at(-1)).toMatchObject({ toDialler: 1_000 });
  });
});

describe("the keys of top", () => {
  const model = modelOf(
    update(0, [stream("a"), stream("b", { bytesToDialler: 5, sinceUnixMs: 10 }), stream("c", { name: "xyz" })], {
      snapshot: true,
    }),
  );
  const press = (screen: Screen, ...keys: (string | { name: string; ctrl?: boolean })[]) => {
    let effect: unknown;
    let now = screen;
    for (const key of keys) {
      const text = typeof key === "string" ? key : undefined;
      const given = typeof key === "string" ? { name: key } : key;
      ({ screen: now, effect } = pressed(now, shownStreams(model.streams, now), text, given, 2));
    }
    return { screen: now, effect };
  };
  const screen = newScreen("name", "");
  const ids = (of: Screen) => shownStreams(model.streams, of).map(({ stream: { id } }) => id);

  test("choose, sort and reverse", () => {
    expect(press(screen, { name: "down" }, { name: "down" }, { name: "down" }).screen.selected).toBe("c");
    expect(press(screen, { name: "end" }, { name: "up" }).screen.selected).toBe("b");
    expect(press(screen, { name: "pagedown" }, { name: "home" }).screen.selected).toBe("a");
    expect(ids(press(screen, "r").screen)).toEqual(["c", "b", "a"]);
    expect(press(screen, "s").screen.order).toBe("dialler");
    expect(ids(newScreen("bytes", ""))).toEqual(["b", "a", "c"]);
    expect(ids(newScreen("age", ""))).toEqual(["a", "c", "b"]);
  });

  test("filter as they are typed, and escape takes the old filter back", () => {
    const typed = press(screen, "/", "x", "Y", "q", { name: "backspace" }).screen;
    expect(typed.filter).toBe("xY");
    expect(ids(typed)).toEqual(["c"]);
    expect(press(typed, { name: "return" }, { name: "escape" }).screen.filter).toBe("");
    expect(press(typed, { name: "escape" }).screen).toMatchObject({ filter: "", prompt: undefined });
    const long = press(screen, "/", ..."x".repeat(300)).screen;
    expect(long.filter).toHaveLength(255);
    expect(press(screen, "/", "\u0007").screen.filter).toBe("");
  });

  test("end a stream only after a yes", () => {
    const asked = press(screen, { name: "down" }, "x");
    expect(asked.screen.prompt).toEqual({ kind: "kill", id: "b" });
    expect(asked.effect).toBeUndefined();
    for (const no of ["n", "x", "q"]) {
      const answer = press(asked.screen, no);
      expect(answer.effect).toBeUndefined();
      expect(answer.screen).toMatchObject({ prompt: undefined, message: "nothing was ended" });
    }
    expect(press(asked.screen, "y").effect).toEqual({ kind: "kill", id: "b" });
    expect(press(newScreen("name", "none of them"), "x").screen.message).toBe("there is no stream to end");
  });

  test.each([["q"], [{ name: "c", ctrl: true }], [{ name: "d", ctrl: true }]])("%j ends it", (key) => {
    expect(press(screen, key).effect).toEqual({ kind: "end" });
  });

  test("end it with Ctrl-C also while a question is open", () => {
    expect(press(screen, "x", { name: "c", ctrl: true }).effect).toEqual({ kind: "end" });
    expect(press(screen, "/", { name: "c", ctrl: true }).effect).toEqual({ kind: "end" });
  });
});

describe("the table of top", () => {
  const wait = { sinceUnixMs: 0, bufferedBytes: 0 } as const;
  const model = modelOf(
    update(0, [stream("63583ba3-2e5a", { name: "lab/7" }), stream("b", { state: "detached" })], { snapshot: true }),
    update(90_000, [
      stream("63583ba3-2e5a", {
        name: "lab/7",
        bytesToListener: 9_000_000,
        waits: [
          { direction: "to-dialler", on: "sender-idle", ...wait },
          { direction: "to-listener", on: "nobody", ...wait },
        ],
      }),
    ]),
  );

  test("shows what fits, the most important first", () => {
    const at = (columns: number) => topLines(model, newScreen("rate", ""), look, { columns, rows: 10 });
    expect(at(40)).toEqual([
      "router:7420  serving  2 streams",
      "to diallers 0 B/s  to listeners 0 B/s",
      "2 by rate",
      "  NAME                STATE      ",
      "> lab/7               live       ",
      "  name-b              detached   ",
      "s sort  r turn  / find  x end  q quit",
    ]);
    expect(at(80).at(-1)).toBe("up, down: choose  s: sort  r: reverse  /: filter  x: end  q: quit");
    expect(at(100)).toEqual([
      "router:7420  serving  2 streams  1 waiting  0 detached  0 listeners  4 connections",
      "to diallers 0 B/s  to listeners 0 B/s  3 refused  memory 120 MB  loop 2 ms  version 0.1.0",
      "2 by rate",
      "  ID        NAME                DIALLER         LISTENER        STATE        TO DIALLER  TO LISTENER",
      "> 63583ba…  lab/7               user            board           live                  -     100 kB/s",
      "  b         name-b              user            board           detached              -            -",
      "up, down: choose   s: sort   r: reverse   /: filter   x: end the stream   q: quit",
    ]);
    expect(at(240)[4]).toContain("< sender-idle  > nobody");
    expect(at(240)[4]).toContain("127.0.0.1:4000");
  });

  test("is never wider or higher than the terminal, and always shows the selected stream", () => {
    const many = modelOf(
      update(
        0,
        Array.from({ length: 100 }, (_, index) => stream(`s${index}`)),
        { snapshot: true, streamsLeftOut: 7 },
      ),
    );
    for (const columns of [1, 2, 20, 33, 60, 80, 300])
      for (const rows of [1, 3, 6, 7, 24, 200]) {
        const screen = { ...newScreen("name", ""), selected: "s42" };
        const lines = topLines(many, screen, look, { columns, rows });
        expect(lines.length).toBeLessThanOrEqual(rows);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        if (columns >= 20 && rows >= 6) expect(lines.filter((line) => line.startsWith("> "))).toHaveLength(1);
      }
  });

  test("escapes whatever could steer a terminal", () => {
    const evil = "\u001b]0;owned\u0007\u202e";
    const bad = stream(evil, { name: evil, dialler: party(evil), listener: party(evil), state: evil as "live" });
    const hostile = modelOf(update(0, [bad], { snapshot: true }));
    const screens = [
      newScreen("rate", ""),
      { ...newScreen("rate", ""), prompt: { kind: "kill", id: evil } as const },
      { ...newScreen("rate", evil), prompt: { kind: "filter", before: "" } as const },
      { ...newScreen("rate", ""), message: evil },
    ];
    const all = screens.flatMap((screen) => topLines(hostile, screen, look, { columns: 300, rows: 20 }));
    const plain = plainLines(hostile, newScreen("rate", ""), evil);
    for (const line of [...all, ...plain]) expect(line).toMatch(/^[\x20-\x7e…]*$/);
  });

  test("has colours only where they are wanted, and says what is wrong", () => {
    const coloured = topLines(model, newScreen("rate", ""), { ...look, isColoured: true }, { columns: 80, rows: 24 });
    expect(coloured.join("")).toContain("\u001b[7m> 63583ba");
    expect(coloured.join("")).toContain("\u001b[33m  b");
    const lost = topLines(model, newScreen("rate", ""), { ...look, trouble: "it is gone" }, { columns: 80, rows: 24 });
    expect(lost[2]).toBe("it is gone");
    expect(lost.join("")).not.toContain("\u001b");
  });

  test("is plain text with all columns elsewhere", () => {
    const lines = plainLines(model, newScreen("name", ""), "router:7420");
    expect(lines[2]).toMatch(/^ID +NAME +DIALLER +LISTENER +DIALLER AT +LISTENER AT +STATE +AGE +TO DIALLER/);
    expect(lines[3]).toMatch(/^63583ba3-2e5a +lab\/7 +user +board +127.0.0.1:4000 +127.0.0.1:4000 +live +1 min 30 s/);
  });
});
