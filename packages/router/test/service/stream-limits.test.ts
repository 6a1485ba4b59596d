/** The rate and the time of streams that a policy limits. Times are virtual. */
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import type { PolicyRule, RouterPolicy, RouterStream } from "../../src/index.js";
import type { IdentityLimits } from "../../src/policy/access.js";
import { StreamLimits } from "../../src/service/stream-limits.js";
import { advance, rejection, settle, type TestRouter, testRouter, until } from "../support/router.js";

const rate = 65_536;
const rules = (user: Partial<PolicyRule>): RouterPolicy => ({
  rules: [
    { identities: ["user"], dial: ["*"], ...user },
    { identities: ["*"], listen: ["*"], dial: ["*"] },
  ],
});

function world(user: Partial<PolicyRule>) {
  const clock = new VirtualClock();
  return { clock, test: testRouter({ clock, policy: rules(user) }) };
}

/** Opens a stream; `resume` says whether it is a session. */
async function joined(test: TestRouter, dialler = "user", resume = false): Promise<[RouterStream, RouterStream]> {
  await using listener = await (await test.client("board")).listen("web", { resume });
  const client = await test.client(dialler);
  const [there, here] = await Promise.all([listener.accept(), client.dial("web", { resume })]);
  if (there === undefined) throw new Error("the listener has ended");
  await Promise.all([here.joined(), there.joined()]);
  return [there, here];
}

interface Flow {
  bytes: number;
  failure?: Error;
  stop(): void;
}

/** Sends as fast as it can from one to the other, until it is stopped, and counts what arrives. */
function flow(from: RouterStream, to: RouterStream, itemBytes = 8_192): Flow {
  let isOver = false;
  const state: Flow = {
    bytes: 0,
    stop() {
      isOver = true;
    },
  };
  const failed = (error: Error): void => {
    state.failure ??= error;
  };
  void (async () => {
    while (!isOver) await from.send(new Uint8Array(itemBytes));
  })().catch(failed);
  void (async () => {
    for await (const item of to) state.bytes += item.length;
  })().catch(failed);
  return state;
}

describe("maxBytesPerSecond", () => {
  it("limits each way of each stream of its dialler, and nothing of others", async () => {
    const { clock, test } = world({ maxBytesPerSecond: rate });
    await using _ = test;
    const [there, here] = await joined(test);
    const flows = [flow(here, there), flow(there, here)];
    const [otherThere, otherHere] = await joined(test, "other");
    const free = flow(otherHere, otherThere);
    await until(() => free.bytes > 60 * rate, "bytes without a limit, in no time");
    free.stop();
    await advance(clock, 20_000, 100);
    for (const one of flows) one.stop();
    for (const { bytes, failure } of flows) {
      expect(failure).toBeUndefined();
      expect(bytes).toBeGreaterThan(20 * rate * 0.9);
      expect(bytes).toBeLessThan(20 * rate * 1.1);
    }
  });

  it("of a policy that changes holds at once, also where it is gone", async () => {
    const { clock, test } = world({});
    await using _ = test;
    const [there, here] = await joined(test);
    const sending = flow(here, there);
    await until(() => sending.bytes > 10 * rate, "bytes before the limit");
    test.router.updatePolicy(rules({ maxBytesPerSecond: rate }));
    await advance(clock, 1_000, 100);
    const before = sending.bytes;
    await advance(clock, 10_000, 100);
    expect(sending.bytes - before).toBeLessThan(12 * rate);
    test.router.updatePolicy(rules({}));
    const slow = sending.bytes;
    await until(() => sending.bytes > slow + 20 * rate, "bytes without a limit");
    sending.stop();
  });

  it("does not make a session that sends both ways look dead", async () => {
    const { clock, test } = world({ maxBytesPerSecond: rate });
    await using _ = test;
    const [there, here] = await joined(test, "user", true);
    const flows = [flow(here, there, 32_768), flow(there, here, 32_768)];
    await advance(clock, 180_000, 500);
    for (const { bytes, failure } of flows) {
      expect(failure).toBeUndefined();
      expect(bytes).toBeGreaterThan(180 * rate * 0.8);
    }
    for (const one of flows) one.stop();
    expect(test.router.stats.brokenPairs).toBe(0);
  });

  it("leaves no appointment behind, and ends no wait late", async () => {
    const clock = new VirtualClock();
    const limits = new StreamLimits({ clock, startedAtMs: 0, onLate() {} });
    const set = { maxListeners: 1, maxStreams: 1, maxBytesPerSecond: 100, maxStreamSeconds: 60 };
    limits.update(set);
    expect(limits.pace(0, 1_000)).toBeUndefined();
    expect(limits.pace(1, 5)).toBeUndefined();
    const wait = limits.pace(0, 1);
    expect(wait).toBeInstanceOf(Promise);
    limits.update(set);
    let isOver = false;
    void wait?.then(() => {
      isOver = true;
    });
    clock.advance(9_900);
    await settle(1);
    expect(isOver).toBe(false);
    clock.advance(20);
    await settle(1);
    expect(isOver).toBe(true);
    const last = limits.pace(0, 1_000) ?? limits.pace(0, 1);
    limits.stop();
    await last;
    expect(clock.pending).toBe(0);
    expect(limits.pace(0, 1)).toBeUndefined();
    limits.update(set);
    expect(clock.pending).toBe(0);
  });
});

describe("maxStreamSeconds", () => {
  it.each([false, true])(
    "ends a stream of its dialler at its second, whatever goes on (session: %s)",
    async (resume) => {
      const { clock, test } = world({ maxStreamSeconds: 60 });
      await using _ = test;
      const [there, here] = await joined(test, "user", resume);
      const [otherThere, otherHere] = await joined(test, "other", resume);
      const ends = [rejection(there.receive()), rejection(here.receive())];
      await advance(clock, 59_999);
      expect(test.router.stats.livePairs).toBe(2);
      await advance(clock, 1);
      for (const end of ends) {
        expect(await end).toMatchObject({ status: Status.PERMISSION_DENIED });
        expect((await end).message).toContain('ends streams of the identity "user" after 60 s (maxStreamSeconds)');
      }
      expect(test.router.stats.livePairs).toBe(1);
      await otherHere.send(new Uint8Array(3));
      expect(await otherThere.receive()).toHaveLength(3);
    },
  );

  it("of a policy that changes holds for the streams that there are, from their dial on", async () => {
    const { clock, test } = world({});
    await using _ = test;
    const [there] = await joined(test);
    const end = rejection(there.receive());
    await advance(clock, 100_000);
    test.router.updatePolicy(rules({ maxStreamSeconds: 110 }));
    await advance(clock, 9_999);
    expect(test.router.stats.livePairs).toBe(1);
    test.router.updatePolicy(rules({ maxStreamSeconds: 105 }));
    await advance(clock, 1);
    expect((await end).message).toContain("after 105 s");
  });

  it("counts a session from its dial on, by whichever router it goes on", async () => {
    const { clock, test } = world({ maxStreamSeconds: 60 });
    await using _ = test;
    const [there, here] = await joined(test, "user", true);
    await advance(clock, 30_000);
    for (const link of test.links) link.cut();
    await advance(clock, 5_000, 100);
    await here.send(new Uint8Array(3));
    expect(await there.receive()).toHaveLength(3);
    const end = rejection(there.receive());
    await advance(clock, 24_000);
    expect(test.router.stats.livePairs).toBe(1);
    await advance(clock, 1_000);
    expect((await end).message).toContain("after 60 s");
  });

  it("lets nobody come back to a session whose time is over", async () => {
    const { clock, test } = world({ maxStreamSeconds: 60 });
    await using _ = test;
    const [there] = await joined(test, "user", true);
    await advance(clock, 59_000);
    const end = rejection(there.receive());
    test.newLinksAreSilent = true;
    for (const link of test.links) link.cut();
    await advance(clock, 2_000);
    test.newLinksAreSilent = false;
    for (const link of test.links) link.cut();
    for (let second = 0; second < 30; second += 1) await advance(clock, 1_000);
    expect(await end).toMatchObject({ status: Status.PERMISSION_DENIED });
  });
});

it("the time of a stream is over at maxStreamSeconds, and not a millisecond before", () => {
  const clock = new VirtualClock();
  let ends = 0;
  const limits = new StreamLimits({ clock, startedAtMs: clock.nowMs(), onLate: () => void ends++ });
  limits.update({ maxBytesPerSecond: Number.POSITIVE_INFINITY, maxStreamSeconds: 5 } as IdentityLimits);
  clock.advance(4_999);
  expect(ends).toBe(0);
  clock.advance(1);
  expect(ends).toBe(1);
});
