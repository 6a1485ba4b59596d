import { expect, test } from "vitest";
import { History, historyColumns, historyPoints } from "../src/history.js";
import { numbersOfNothing } from "./support/fake-router.js";

const at = (name: (typeof historyColumns)[number]): number => historyColumns.indexOf(name);

test("a point has the rates of five seconds and the present numbers", () => {
  const history = new History();
  history.take({ ...numbersOfNothing, bytesToDialler: 1_000 }, 0);
  history.take({ ...numbersOfNothing, bytesToDialler: 2_000, eventLoopDelayMs: 30 }, 2_000);
  expect(history.taken).toBe(0);
  history.take({ ...numbersOfNothing, bytesToDialler: 6_000, liveStreams: 3, refused: 10 }, 5_000);
  const [point] = history.since(0);
  expect(point?.[at("atUnixMs")]).toBe(5_000);
  expect(point?.[at("bytesToDialler")]).toBe(1_000);
  expect(point?.[at("refusals")]).toBe(2);
  expect(point?.[at("liveStreams")]).toBe(3);
  expect(point?.[at("eventLoopDelayMs")]).toBe(30);
});

test("the points of an hour are kept, and no more", () => {
  const history = new History();
  for (let step = 0; step <= historyPoints + 10; step += 1) history.take(numbersOfNothing, step * 5_000);
  const points = history.since(0);
  expect(points).toHaveLength(historyPoints);
  expect(points[0]?.[0]).toBe(11 * 5_000);
  expect(history.since(history.taken - 1)).toHaveLength(1);
  expect(history.since(history.taken)).toEqual([]);
});

test("a clock that is set back makes no point with a wrong rate", () => {
  const history = new History();
  history.take(numbersOfNothing, 100_000);
  history.take({ ...numbersOfNothing, bytesToListener: 500 }, 50_000);
  history.take({ ...numbersOfNothing, bytesToListener: 1_000 }, 55_000);
  expect(history.since(0).map((point) => point[at("bytesToListener")])).toEqual([100]);
});
