/** The parts of the page that need no browser. */
import { describe, expect, test } from "vitest";
import { counted, formatBytes, formatDuration, formatRate } from "../page/logic/format.ts";
import { EventReader } from "../page/logic/messages.ts";
import { matcher, sortRows } from "../page/logic/rows.ts";
import { verdictsOn } from "../page/logic/verdict.ts";
import { streamOf } from "./support/fake-router.js";

describe("numbers", () => {
  test("are written with three digits and a unit", () => {
    expect([0, 999, 1_000, 1_234, 99_960, 999_400, 1_500_000_000].map(formatBytes)).toEqual([
      "0 B",
      "999 B",
      "1.00 kB",
      "1.23 kB",
      "100 kB",
      "999 kB",
      "1.50 GB",
    ]);
    expect([formatRate(0), formatRate(1_500)]).toEqual(["–", "1.50 kB/s"]);
    expect([0, 61_000, 3_660_000, 90_000_000].map(formatDuration)).toEqual([
      "0 s",
      "1 min 1 s",
      "1 h 1 min",
      "1 d 1 h",
    ]);
    expect([counted(1, "stream"), counted(1_200, "stream")]).toEqual(["1 stream", "1,200 streams"]);
  });
});

describe("rows", () => {
  test("match a filter by all of its words, and none of those with a minus", () => {
    const rows = ["alice lab", "bob lab", "alice web"];
    const matching = (filter: string): string[] => rows.filter(matcher(filter, (row) => row));
    expect(matching("ALICE lab")).toEqual(["alice lab"]);
    expect(matching("lab -bob")).toEqual(["alice lab"]);
    expect(matching(" ")).toEqual(rows);
    expect(matching("(")).toEqual([]);
  });

  test("are sorted by size or letters, in both directions, and equal ones stay as they are", () => {
    const rows = [
      { name: "b", size: 10 },
      { name: "a", size: 9 },
      { name: "c", size: 9 },
    ];
    expect(sortRows([...rows], ({ size }) => size, false).map(({ name }) => name)).toEqual(["a", "c", "b"]);
    expect(sortRows([...rows], ({ name }) => name, true).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  });

  test("of ten thousand streams are sorted and filtered in a blink", () => {
    const rows = Array.from({ length: 10_000 }, (_, index) => streamOf(`s${index}`, { bytesToDialler: index % 977 }));
    const chosen = sortRows(
      rows.filter(matcher("lab", ({ name }) => name)),
      ({ bytesToDialler }) => bytesToDialler,
      true,
    );
    expect(chosen[0]?.bytesToDialler).toBe(976);
  });
});

describe("an event stream", () => {
  test("is read whatever the pieces it comes in", () => {
    const text = 'retry: 1000\nevent: hello\ndata: {"a":": "}\n\nevent: delta\ndata: 2\n\n';
    const events = [
      { event: "hello", data: '{"a":": "}' },
      { event: "delta", data: "2" },
    ];
    expect(new EventReader().take(text)).toEqual(events);
    const reader = new EventReader();
    expect([...text].flatMap((letter) => reader.take(letter))).toEqual(events);
  });
});

describe("a verdict", () => {
  const stream = (on: string, sinceUnixMs = 0, direction = "to-dialler") =>
    streamOf("s", { waits: [{ direction, on, sinceUnixMs, bufferedBytes: 2_000 }] });

  test("names the cause, the party, the time and the bytes", () => {
    const [verdict] = verdictsOn(stream("router-outgoing-window"), 61_000);
    expect(verdict?.sentence).toBe(
      "The dialler alice (10.0.0.1:1) has given no credit for more bytes for 1 min 1 s; 2.00 kB wait in the router.",
    );
    expect(verdict?.isStall).toBe(true);
  });

  test("names the other party for the other direction", () => {
    const [verdict] = verdictsOn(stream("peer-detached", 0, "to-listener"), 5_000);
    expect(verdict?.sentence).toMatch(/^The listener board \(10\.0\.0\.2:2\) has lost its way/);
  });

  test("is given on no stream that flows, waits for an instant, or waits for an unknown thing", () => {
    expect(verdictsOn(stream("nobody"), 60_000)).toEqual([]);
    expect(verdictsOn(stream("rate-limit"), 1_999)).toEqual([]);
    expect(verdictsOn(stream("moon"), 60_000)).toEqual([]);
    expect(verdictsOn(stream("sender-idle"), 60_000)[0]?.isStall).toBe(false);
  });
});
