import { setTimeout } from "node:timers";
import { expect, it, vi } from "vitest";
import { turns, until } from "./support/waiting.js";

it("until waits for what comes late, and does not count turns", async () => {
  let late = false;
  setTimeout(() => {
    late = true;
  }, 50);
  let looks = 0;
  await until(() => {
    looks += 1;
    return late;
  }, "the timer");
  expect(late).toBe(true);
  expect(looks).toBeGreaterThan(1);
});

it("until and turns wait in real time while a test's timers are fake", async () => {
  vi.useFakeTimers();
  try {
    let looks = 0;
    await until(() => {
      looks += 1;
      return looks > 600;
    }, "600 looks");
    await turns(3);
    expect(looks).toBe(601);
  } finally {
    vi.useRealTimers();
  }
});
