/** Names that several listeners share. Times are virtual. */
import { createClient, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { ExchangeService } from "../../src/gen/trunkline/v1/exchange_pb.js";
import { type Listener, peerKey, type RouterPolicy, type Sharing, type Trunkline } from "../../src/index.js";
import { advance, advanceUntil, rejection, type TestRouter, testRouter, until } from "../support/router.js";

const sharing = (exposers: Sharing, maxExposers?: number): RouterPolicy => ({
  rules: [{ identities: ["*"], listen: ["*"], dial: ["*"] }],
  names: [{ names: ["pool", "pool/*"], exposers, maxExposers }],
});

interface Pool {
  readonly test: TestRouter;
  readonly clock: VirtualClock;
  readonly listeners: readonly Listener[];
  readonly user: Trunkline;
  /** Dials so many streams, which live, and returns the numbers of the listeners that have got them. */
  dial(count: number): Promise<string>;
}

/** Three listeners of one identity under one name. */
async function pool(test: TestRouter, clock: VirtualClock, name = "pool"): Promise<Pool> {
  const listeners: Listener[] = [];
  let taken = "";
  for (const index of [0, 1, 2]) {
    const listener = await (await test.client("worker")).listen(name);
    listeners.push(listener);
    void (async () => {
      for await (const _stream of listener) taken += index;
    })().catch(() => {});
  }
  const user = await test.client("user");
  return {
    test,
    clock,
    listeners,
    user,
    async dial(count) {
      taken = "";
      const { pairs } = test.router.stats;
      for (let number = 1; number <= count; number += 1) {
        await user.dial(name);
        await until(() => taken.length === number, "the stream at a listener");
        await until(() => test.router.stats.pairs === pairs + number, "both peers");
      }
      return taken;
    },
  };
}

/** A listener that takes its offers and never comes for a stream. */
async function absentListener(test: TestRouter, name: string, peerId = "absent"): Promise<{ offers(): number }> {
  const token = await test.router.mintToken({ identity: "absent", lifetimeMs: 86_400_000 });
  const call = createClient(ExchangeService, test.connect()).listen.open({
    metadata: { authorization: `Bearer ${token}`, [peerKey]: peerId },
  });
  await call.send({ name });
  await call.receive();
  let offers = 0;
  void (async () => {
    for (let event = await call.receive(); event !== undefined; event = await call.receive())
      if (event.event.case === "offer") offers += 1;
  })().catch(() => {});
  return { offers: () => offers };
}

describe("a shared name", () => {
  it("with first gives all streams to the earliest listener, and a standby takes over when that leaves", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("first") });
    const { listeners, dial } = await pool(test, clock);
    expect(await dial(3)).toBe("000");
    await listeners[0]?.close();
    await until(() => test.router.stats.listeners === 2, "the end of the first");
    expect(await dial(2)).toBe("11");
  });

  it("with round-robin gives each listener its turn", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("round-robin") });
    const { listeners, dial } = await pool(test, clock);
    expect(await dial(6)).toBe("012012");
    await listeners[1]?.close();
    await until(() => test.router.stats.listeners === 2, "the end of the second");
    expect(await dial(4)).toBe("0202");
  });

  it("with least-streams gives a stream to the listener that has the fewest", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("least-streams") });
    const { user, dial } = await pool(test, clock);
    expect(await dial(4)).toBe("0120");
    const last = await user.dial("pool");
    await until(() => test.router.stats.livePairs === 5, "the fifth");
    // Now 0 and 1 have two each, and 2 has one.
    expect(await dial(1)).toBe("2");
    last.abort();
    await until(() => test.router.stats.livePairs === 5, "the end of one");
    expect(await dial(1)).toBe("1");
  });

  it("is listed once, and every listener counts", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("first") });
    const { user } = await pool(test, clock, "pool/a");
    expect((await user.list()).map(({ name }) => name)).toEqual(["pool/a"]);
    expect(test.router.stats.listeners).toBe(3);
  });

  it("may have listeners of several identities, and a name that is not shared may not", async () => {
    await using test = testRouter({ clock: new VirtualClock(), policy: sharing("first") });
    await (await test.client("one")).listen("pool");
    await (await test.client("two")).listen("pool");
    await (await test.client("one")).listen("web");
    const error = await rejection((await test.client("two")).listen("web"));
    expect(error).toMatchObject({ status: Status.ALREADY_EXISTS });
  });

  it("has as many listeners as maxExposers allows, and one more is refused", async () => {
    await using test = testRouter({ clock: new VirtualClock(), policy: sharing("first", 2) });
    const client = await test.client("worker");
    await client.listen("pool");
    const second = await client.listen("pool");
    const error = await rejection(client.listen("pool"));
    expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(error.message).toContain("maxExposers (2)");
    await second.close();
    await until(() => test.router.stats.listeners === 1, "the end of the second");
    await client.listen("pool");
  });

  it("puts a listener that was lost and comes back behind those who stayed", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("first", 3) });
    const { dial } = await pool(test, clock);
    test.links[0]?.cut();
    await until(() => test.router.stats.listeners === 2, "the loss of the first");
    expect(await dial(1)).toBe("1");
    await advance(clock, 5_000);
    await until(() => test.router.stats.listeners === 3, "its return");
    expect(await dial(1)).toBe("1");
  });

  it("lets a listener replace its own entry before its loss was noticed", async () => {
    await using test = testRouter({ clock: new VirtualClock(), policy: sharing("first") });
    const token = await test.router.mintToken({ identity: "worker", lifetimeMs: 86_400_000 });
    const listen = async (id: string) => {
      const metadata = { authorization: `Bearer ${token}`, "trunkline-peer": id };
      const call = createClient(ExchangeService, test.connect()).listen.open({ metadata });
      await call.send({ name: "pool" });
      await call.receive();
      return call;
    };
    const earlier = await listen("a");
    await listen("b");
    await listen("a");
    expect(await rejection(earlier.receive())).toMatchObject({ status: Status.ABORTED });
    expect(test.router.stats.listeners).toBe(2);
  });

  it("keeps its order where the router is elsewhere, which tells nothing of the peers that come", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("first"), routerEndpoint: "router.example:443" });
    const first = await absentListener(test, "pool", "first");
    const standby = await absentListener(test, "pool", "standby");
    const token = await test.router.mintToken({ identity: "user", lifetimeMs: 86_400_000 });
    const exchange = createClient(ExchangeService, test.connect());
    for (const count of [1, 2, 3]) {
      await exchange.dial({ name: "pool" }, { metadata: { authorization: `Bearer ${token}` } });
      await until(() => first.offers() === count, "the offer");
      await advance(clock, 35_000);
    }
    expect(standby.offers()).toBe(0);
  });
});

describe("an exposer that does not take its offers", () => {
  it("is left out while another one takes them, and tried again half a minute later", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("first") });
    const absent = await absentListener(test, "pool");
    const { dial, user } = await pool(test, clock);
    await user.dial("pool", { waitMs: 6_000 });
    await until(() => absent.offers() === 1, "the first offer");
    await advance(clock, 5_000);
    expect(await dial(2)).toBe("00");
    await advance(clock, 4_000);
    expect(await dial(1)).toBe("0");
    expect(absent.offers()).toBe(1);
    await advance(clock, 30_000);
    await user.dial("pool");
    await until(() => absent.offers() === 2, "another try");
  });

  it("and reads nothing holds up a dial for 5 s, and then another one gets it", async () => {
    const clock = new VirtualClock();
    const fillers = 20;
    const policy: RouterPolicy = {
      ...sharing("first"),
      rules: [
        { identities: ["filler"], dial: ["*"], maxStreams: fillers },
        { identities: ["stalled", "worker", "user"], listen: ["*"], dial: ["*"] },
      ],
    };
    await using test = testRouter({ clock, policy });
    const token = await test.router.mintToken({ identity: "stalled", lifetimeMs: 86_400_000 });
    const stalled = createClient(ExchangeService, test.connect()).listen.open({
      metadata: { authorization: `Bearer ${token}` },
    });
    await stalled.send({ name: "pool" });
    await stalled.receive();
    // Offers of 160 kB fill the way to it. Once one dial too many is refused, all of them have been made.
    const filler = await test.client("filler");
    const metadata = { x: "a".repeat(8_000) };
    let refusals = 0;
    for (let count = 0; count <= fillers; count += 1) {
      filler.dial("pool", { metadata }).catch(({ status }) => {
        if (status === Status.RESOURCE_EXHAUSTED) refusals += 1;
      });
    }
    await until(() => refusals === 1, "the refusal");
    const listener = await (await test.client("worker")).listen("pool");
    let dialled = false;
    const user = await test.client("user");
    // A token is verified by a thread the first time, which takes as long as it takes: turns of the loop are too few.
    await user.list();
    const dialling = user.dial("pool").then(() => {
      dialled = true;
    });
    await advance(clock, 4_900, 100);
    expect(dialled).toBe(false);
    // The dial may have reached the exchange some steps later.
    await advanceUntil(clock, dialling);
    expect(await listener.accept()).toBeDefined();
  });

  it("gets streams where there is no other one", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("round-robin") });
    const absent = await absentListener(test, "pool");
    const user = await test.client("user");
    await user.dial("pool");
    await advance(clock, 6_000);
    await user.dial("pool");
    await until(() => absent.offers() === 2, "both offers");
  });
});

describe("a change of the policy", () => {
  it("ends the later listeners of a name that is shared no more", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, policy: sharing("round-robin") });
    const { dial } = await pool(test, clock);
    test.router.updatePolicy({ rules: sharing("first").rules });
    expect(test.router.stats.listeners).toBe(1);
    expect(await dial(3)).toBe("000");
    const denied = test.events.filter(({ kind }) => kind === "listener-removed");
    expect(denied).toHaveLength(2);
    expect(denied[0]).toMatchObject({ name: "pool", reason: "denied" });
  });
});

it("an operator ends the streams of one listener of a name, or of all of them, and none of another name", async () => {
  const clock = new VirtualClock();
  await using test = testRouter({ clock, policy: sharing("round-robin") });
  for (const name of ["pool", "pool/other"]) expect(await (await pool(test, clock, name)).dial(3)).toBe("012");
  const { admin } = test.router;
  const listenerId = admin.snapshot().names.find(({ name }) => name === "pool")?.listenerId as string;
  expect(admin.evictName({ name: "pool", listenerId, killStreams: true })).toEqual({ listeners: 1, streams: 1 });
  await until(() => test.router.stats.livePairs === 5, "the end of one stream");
  expect(admin.evictName({ name: "pool", killStreams: true })).toEqual({ listeners: 2, streams: 2 });
  await until(() => test.router.stats.livePairs === 3, "the end of the other streams of the name");
  expect(admin.snapshot().names.map(({ name }) => name)).toEqual(["pool/other", "pool/other", "pool/other"]);
});
