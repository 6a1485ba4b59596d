/** The admin service through a client: the same state as in the router's process. Times are virtual. */
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { type RouterUpdate, Trunkline } from "../../src/index.js";
import { advance, rejection, settle, type TestRouter, testRouter } from "../support/router.js";

async function operator(test: TestRouter, clock: VirtualClock): Promise<Trunkline> {
  const token = await test.router.mintToken({ identity: "ops", lifetimeMs: 3_600_000, admin: "act" });
  return new Trunkline({ endpoint: test.target, token, clock });
}

describe("the view of a router from elsewhere", () => {
  it("has the same snapshot as the one in its process, whole also where it comes in parts", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxListeners: 2_000 });
    const board = await test.client("board");
    await Promise.all(Array.from({ length: 700 }, (_, index) => board.listen(`n${index}`, { metadata: { a: "b" } })));
    const user = await test.client("user");
    await user.dial("n7");
    await settle();
    const ops = await operator(test, clock);
    const seen = await ops.admin.snapshot();
    const own = test.router.admin.snapshot();
    const plain = ({ numbers: _, events, ...update }: RouterUpdate) =>
      JSON.parse(JSON.stringify({ ...update, events }));
    expect(plain(seen)).toEqual(plain(own));
    expect(seen.names).toHaveLength(700);
    const { eventLoopDelayMs: _, residentBytes: __, heapBytes: ___, ...numbers } = own.numbers;
    expect(seen.numbers).toMatchObject(numbers);
    await ops.close({ closeTimeoutMs: 0 });
  });

  it("watches until its signal aborts, and acts", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, onDrain() {} });
    const ops = await operator(test, clock);
    const board = await test.client("board");
    await board.listen("web");
    const stop = new AbortController();
    const watch = ops.admin.watch({ intervalMs: 100, signal: stop.signal });
    expect((await watch.next()).value).toMatchObject({ snapshot: true, names: [{ name: "web" }] });
    expect(await ops.admin.evictName({ name: "web" })).toEqual({ listeners: 1, streams: 0 });
    const next = watch.next();
    await advance(clock, 300, 100);
    expect((await next).value).toMatchObject({ snapshot: false, names: [], namesGone: [expect.any(String)] });
    await ops.admin.drain({ deadlineMs: 5 });
    expect(test.events).toContainEqual({ kind: "drain-requested", operator: "ops", deadlineMs: 5 });
    expect(await rejection(ops.admin.killStream("none"))).toMatchObject({ status: Status.NOT_FOUND });
    await expect(ops.admin.killStream("none", "\n")).rejects.toThrow(RangeError);
    const last = watch.next();
    stop.abort();
    await advance(clock, 200, 100);
    for (let end = await last; end.done !== true; end = await watch.next());
    await ops.close({ closeTimeoutMs: 0 });
  });

  it("refuses a time for draining that cannot be, and options that it does not know", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const { admin } = await test.client("user");
    for (const deadlineMs of [0.5, -1, Number.NaN])
      await expect(admin.drain({ deadlineMs })).rejects.toThrow("deadlineMs must be a whole number");
    await expect(admin.drain({ deadline: 5 } as never)).rejects.toThrow('drain has no option "deadline"');
    await expect(test.router.drain({ deadline: 5 } as never)).rejects.toThrow('drain has no option "deadline"');
  });

  it("fails without the right", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const client = await test.client("user");
    expect(await rejection(client.admin.snapshot())).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(await rejection(client.admin.watch().next())).toMatchObject({ status: Status.PERMISSION_DENIED });
  });
});
