/** Listeners whose targets fail are left out until they are well again. */
import { createClient, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { ExchangeService } from "../../src/gen/trunkline/v1/exchange_pb.js";
import { type Listener, peerKey, type RouterEvent, type RouterPolicy, unhealthyKey } from "../../src/index.js";
import { advance, rejection, settle, testRouter } from "../support/router.js";

const policy: RouterPolicy = {
  rules: [{ identities: ["*"], listen: ["*"], dial: ["*"] }],
  names: [{ names: ["pool"], exposers: "round-robin" }],
};

describe("a listener whose target fails", () => {
  it("gets no streams while another one is well, and gets them again after that", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy });
    let order = "";
    const listeners: Listener[] = [];
    for (const index of [0, 1]) {
      const listener = await (await test.client("l")).listen("pool");
      listeners.push(listener);
      void (async () => {
        for await (const _ of listener) order += index;
      })();
    }
    const user = await test.client("d");
    const dial = async (count: number): Promise<string> => {
      order = "";
      for (let number = 0; number < count; number += 1) {
        await user.dial("pool");
        await settle();
      }
      return order;
    };
    listeners[0]?.setProblem("connection refused");
    await settle();
    expect(await dial(3)).toBe("111");
    await advance(clock, 1_000);
    listeners[0]?.setProblem(undefined);
    await settle();
    expect([...(await dial(4))].sort().join("")).toBe("0011");
    const healths = test.events.filter(
      (event): event is RouterEvent & { kind: "listener-health" } => event.kind === "listener-health",
    );
    expect(healths.map(({ problem }) => problem)).toEqual(["connection refused", undefined]);
  });

  it("is what the error of a dial names where there is no other one", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const listener = await (await test.client("l")).listen("web", { problem: "HTTP status 503" });
    const user = await test.client("d");
    const error = await rejection(user.dial("web"));
    expect(error).toMatchObject({
      status: Status.UNAVAILABLE,
      message: 'the target of "web" fails its health check: HTTP status 503',
    });
    expect((error as { metadata?: { get(key: string): unknown } }).metadata?.get(unhealthyKey)).toBe("1");
    expect((await user.list()).map(({ name }) => name)).toEqual(["web"]);
    listener.setProblem(undefined);
    await settle();
    await user.dial("web");
  });

  it("tells its health again after the loss of the exchange", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const listener = await (await test.client("l")).listen("web");
    listener.setProblem("it sleeps");
    await settle();
    for (const link of test.links) link.cut();
    await advance(clock, 5_000);
    expect((await rejection((await test.client("d")).dial("web"))).message).toContain("it sleeps");
  });

  it("that changes all the time is told less often, and its last word counts", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const listener = await (await test.client("l")).listen("web");
    const user = await test.client("d");
    for (const problem of ["one", undefined, "two", undefined, "three"]) {
      listener.setProblem(problem);
      await settle();
    }
    await advance(clock, 3_000);
    expect((await rejection(user.dial("web"))).message).toContain("three");
    expect(test.events.filter(({ kind }) => kind === "listener-health").length).toBeLessThanOrEqual(3);
  });
});

describe("a report", () => {
  const reporting = async (identity: string, name: string, reason: string) => {
    const test = testRouter({ clock: new VirtualClock() });
    await (await test.client("l")).listen("web");
    const token = await test.router.mintToken({ identity, lifetimeMs: 60_000 });
    const metadata = { authorization: `Bearer ${token}`, [peerKey]: "guessed" };
    const client = createClient(ExchangeService, test.connect());
    return { test, report: client.report({ name, health: { failing: true, reason } }, { metadata }) };
  };

  it.each([
    ["another identity", "other", "web"],
    ["another peer of the same identity", "l", "web"],
    ["a name that nobody has", "l", "nothing"],
  ])("of %s changes nothing", async (_, identity, name) => {
    const { test, report } = await reporting(identity, name, "gone");
    await using __ = test;
    expect(await rejection(report)).toMatchObject({ status: Status.NOT_FOUND });
    await (await test.client("d")).dial("web");
  });

  it("has its reason cut and made printable", async () => {
    await using test = testRouter();
    await (await test.client("l")).listen("web", { problem: `\u001b[31m${"x".repeat(1_000)}` });
    const { message } = await rejection((await test.client("d")).dial("web"));
    expect(message).toContain("?[31mxxx");
    expect(message.length).toBeLessThan(320);
  });
});
