import { expect, it } from "vitest";
import { LoopDelay } from "../../src/admin/loop-delay.js";

it("the delay of the event loop is measured until each user has released it, and from then on it is none", async () => {
  const [used, released] = [new LoopDelay(), new LoopDelay()];
  for (const delay of [used, released]) {
    delay.acquire();
    delay.acquire();
  }
  used.release();
  released.release();
  released.release();
  let longestMs = 0;
  while (longestMs < 10) {
    const untilMs = performance.now() + 50;
    while (performance.now() < untilMs);
    await new Promise((resolve) => setImmediate(resolve));
    longestMs = used.takeMs();
    expect(released.takeMs()).toBe(0);
  }
  used.release();
  expect(used.takeMs()).toBe(0);
});
