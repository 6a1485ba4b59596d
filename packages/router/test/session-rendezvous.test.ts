import { expect, it } from "vitest";
import { SessionRendezvous } from "../src/session-rendezvous.js";

const arrival = (stream: string, role: "dial" | "listen", attempt = 1) =>
  ({ stream, role, attempt, tokenUntilMs: 1_000 }) as const;

it("a session is remembered while one of its halves is there, and then until its tokens are over", () => {
  const table = new SessionRendezvous<string>(1);
  expect(table.arrive("a", arrival("s", "listen"), 0)).toMatchObject({ kind: "wait" });
  expect(table.arrive("b", arrival("s", "dial"), 0)).toMatchObject({ kind: "pair", other: "a" });
  table.ended("s", "dial", "b");
  expect(table.arrive("c", arrival("t", "listen"), 2_000)).toEqual({ kind: "full" });
  table.ended("s", "listen", "a");
  expect(table.arrive("c", arrival("t", "listen"), 999)).toEqual({ kind: "full" });
  expect(table.arrive("c", arrival("t", "listen"), 1_001)).toMatchObject({ kind: "wait" });
});
