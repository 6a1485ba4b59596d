import { expect, test } from "vitest";
import { pause } from "../src/index.js";
import { VirtualClock } from "../src/testing/index.js";

test("a pause ends at its time", async () => {
  const clock = new VirtualClock();
  let isOver = false;
  const paused = pause(clock, 100, "work", undefined).then(() => {
    isOver = true;
  });
  clock.advance(99);
  await Promise.resolve();
  expect(isOver).toBe(false);
  clock.advance(1);
  await paused;
});

test("a pause ends as soon as its signal aborts, and leaves nothing behind", async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const paused = pause(clock, 100, "work", controller.signal);
  controller.abort();
  await paused;
  expect(clock.pending).toBe(0);
  await pause(clock, 100, "work", controller.signal);
  expect(clock.pending).toBe(0);
});
