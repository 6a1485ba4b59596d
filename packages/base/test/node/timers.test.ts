/** Timers that a test framework has replaced do not stop what runs on those of base (nock#2200). */
import { afterEach, expect, it, vi } from "vitest";
import {
  clearImmediate,
  clearInterval,
  clearTimeout,
  monotonicMs,
  nextTick,
  queueMicrotask,
  setImmediate,
  setInterval,
  setTimeout,
} from "../../src/node/index.js";

afterEach(() => {
  vi.useRealTimers();
});

it("timers and immediates run while the global ones stand still", async () => {
  vi.useFakeTimers();
  await new Promise<void>((resolve) => void setImmediate(resolve));
  await new Promise<void>((resolve) => void setTimeout(resolve, 1));
  await new Promise<void>((resolve) => {
    const interval = setInterval(() => {
      clearInterval(interval);
      resolve();
    }, 1);
  });
  const before = monotonicMs();
  vi.advanceTimersByTime(60_000);
  expect(monotonicMs() - before).toBeLessThan(60_000);
});

it("can be cancelled while the global ones stand still", async () => {
  vi.useFakeTimers();
  const never = vi.fn();
  clearImmediate(setImmediate(never));
  clearTimeout(setTimeout(never, 1));
  await new Promise<void>((resolve) => void setTimeout(resolve, 5));
  expect(never).not.toHaveBeenCalled();
});

it("ticks and microtasks are those of the time at which the module was loaded, since Jest replaces both", async () => {
  const called: string[] = [];
  const real = { nextTick: process.nextTick, queueMicrotask: globalThis.queueMicrotask };
  process.nextTick = () => {};
  globalThis.queueMicrotask = () => {};
  nextTick(() => called.push("tick"));
  queueMicrotask(() => called.push("microtask"));
  process.nextTick = real.nextTick;
  globalThis.queueMicrotask = real.queueMicrotask;
  await new Promise<void>((resolve) => void setImmediate(resolve));
  expect(called.toSorted()).toEqual(["microtask", "tick"]);
});
