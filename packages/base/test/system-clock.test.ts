/** The real clock over timers that a test moves by hand. */
import { expect, it } from "vitest";
import { createSystemClock, maxTimerMs } from "../src/index.js";

/** A clock over one timer, which fires when the test says so. */
function byHand() {
  const state = { nowMs: 1_000.25, delays: [] as number[], fire: (): void => {}, cleared: 0, unrefs: 0 };
  const clock = createSystemClock({
    nowMs: () => state.nowMs,
    setTimeout: (callback, delayMs) => {
      state.delays.push(delayMs);
      state.fire = callback;
      return { unref: () => (state.unrefs += 1) };
    },
    clearTimeout: () => (state.cleared += 1),
  });
  return { clock, state };
}

it("waits in whole milliseconds that are not too few, and not at all for a time that has passed", () => {
  const { clock, state } = byHand();
  clock.at(1_005.5, () => {}, "work");
  clock.at(900, () => {}, "work");
  expect(state.delays).toEqual([6, 0]);
});

it("waits again after a timer that fires early, and cuts a long wait into pieces that a timer can hold", () => {
  const { clock, state } = byHand();
  let called = 0;
  const cancel = clock.at(1_000.25 + maxTimerMs + 10, () => (called += 1), "work");
  state.nowMs += maxTimerMs;
  state.fire();
  state.nowMs += 9;
  state.fire();
  expect(called).toBe(0);
  state.nowMs += 1;
  state.fire();
  expect(called).toBe(1);
  expect(state.delays).toEqual([2_147_483_647, 10, 1]);
  cancel();
  expect(state.cleared).toBe(1);
});

it("lets the process end while it watches, also where it waits again, but not while it works", () => {
  const { clock, state } = byHand();
  clock.at(1_010, () => {}, "work");
  expect(state.unrefs).toBe(0);
  clock.at(1_010, () => {}, "watch");
  state.fire();
  expect(state.unrefs).toBe(2);
});
