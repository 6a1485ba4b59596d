import { VirtualClock } from "@trunkline/base/testing";
import { expect, it } from "vitest";
import { ExpiryTimer } from "../../src/service/expiry-timer.js";

function setUp() {
  const clock = new VirtualClock();
  const begunMs = clock.nowMs();
  let waits: number[] = [];
  const expired: number[] = [];
  const timer = new ExpiryTimer({
    clock,
    nextExpiryMs: () => (waits.length === 0 ? undefined : Math.min(...waits)),
    expire(nowMs) {
      expired.push(...waits.filter((atMs) => atMs <= nowMs).map((atMs) => atMs - begunMs));
      waits = waits.filter((atMs) => atMs > nowMs);
    },
  });
  const wait = (ms: number): void => {
    waits.push(begunMs + ms);
    timer.arm();
  };
  return { clock, timer, expired, wait };
}

it("each wait ends at its time by one timer, whichever has begun first, also one that begins when all are over", () => {
  const { clock, expired, wait } = setUp();
  wait(20);
  wait(10);
  wait(30);
  expect(clock.pending).toBe(1);
  clock.advance(10);
  expect(expired).toEqual([10]);
  clock.advance(10);
  expect(expired).toEqual([10, 20]);
  clock.advance(10);
  expect(expired).toEqual([10, 20, 30]);
  expect(clock.pending).toBe(0);
  wait(40);
  clock.advance(10);
  expect(expired).toEqual([10, 20, 30, 40]);
});

it("no wait ends once the timer is stopped", () => {
  const { clock, timer, expired, wait } = setUp();
  wait(10);
  timer.stop();
  wait(5);
  expect(clock.pending).toBe(0);
  clock.advance(10);
  expect(expired).toEqual([]);
});
