/** A client whose connection to the router dies without a word. Times are virtual. */
import { Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { Channels } from "../../src/connect/channels.js";
import {
  dial,
  openRouterStream,
  ownFeatures,
  type RouterStream,
  Trunkline,
  type TrunklineOptions,
} from "../../src/index.js";
import {
  advance,
  bytes,
  epochMs,
  jwt,
  rejection,
  settle,
  streamClaims,
  type TestRouter,
  testRouter,
  text,
  until,
} from "../support/router.js";

/** A listener that answers each stream with its first item. */
async function answering(test: TestRouter, options: Partial<TrunklineOptions> = {}): Promise<void> {
  const listener = await (await test.client("listener", options)).listen("web");
  void (async () => {
    for await (const stream of listener) {
      void (async () => {
        const item = await stream.receive();
        if (item !== undefined) await stream.send(item);
      })().catch(() => {});
    }
  })();
}

describe("a dialler whose connection is dead (chisel#560)", () => {
  it("gets its stream by a new connection after a third of its time, and from then on at once", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await answering(test);
    const dialler = await test.client("dialler");
    (await dialler.dial("web")).abort();
    test.links[1]?.silence();
    const dialling = dialler.dial("web", { waitMs: 3_000 });
    await settle();
    clock.advance(999);
    await settle();
    expect(test.links).toHaveLength(2);
    clock.advance(1);
    const stream = await dialling;
    expect(test.links).toHaveLength(3);
    await stream.send(bytes("hello"));
    expect(text(await stream.receive())).toBe("hello");
    stream.abort();
    (await dialler.dial("web")).abort();
    expect(clock.nowMs()).toBe(1_000);
    expect(test.links).toHaveLength(3);
  });

  it("waits ten seconds at most before it tries a new connection", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await answering(test);
    const dialler = await test.client("dialler", { keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    await dialler.list();
    test.links[1]?.silence();
    const dialling = dialler.dial("web", { waitMs: 600_000 });
    await settle();
    await advance(clock, 9_999);
    expect(test.links).toHaveLength(2);
    await advance(clock, 1);
    (await dialling).abort();
    expect(test.links).toHaveLength(3);
  });

  it("hears DEADLINE_EXCEEDED only after the time that it gave, where the new connection is dead too", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await answering(test);
    const dialler = await test.client("dialler");
    await dialler.list();
    test.links[1]?.silence();
    test.newLinksAreSilent = true;
    let error: Error | undefined;
    void rejection(dialler.dial("web", { waitMs: 3_000 })).then((reason) => {
      error = reason;
    });
    await settle();
    await advance(clock, 2_999, 1);
    expect(error).toBeUndefined();
    await advance(clock, 1);
    expect(error).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
  });

  it("hears within a minute that its open stream is broken, idle as it is", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await answering(test);
    const stream = await (await test.client("dialler")).dial("web", { resume: false });
    await stream.send(bytes("hello"));
    expect(text(await stream.receive())).toBe("hello");
    test.links[1]?.silence();
    const broken = rejection(stream.receive());
    await advance(clock, 60_000);
    expect(await broken).toMatchObject({ status: Status.UNAVAILABLE });
    expect(test.router.stats.livePairs).toBe(0);
  });

  it("replaces a connection that died while it was idle, before the next dial needs it", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await answering(test);
    const dialler = await test.client("dialler");
    await dialler.list();
    test.links[1]?.silence();
    await advance(clock, 60_000);
    (await dialler.dial("web")).abort(); // no time passes
    expect(test.links).toHaveLength(3);
  });
});

describe("a connection that was left for a new one", () => {
  it("keeps its streams for as long as they live, past the 24.8 days that a timer can hold", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, keepaliveIntervalMs: Number.POSITIVE_INFINITY });
    const channels = new Channels([test.target], { clock });
    const token = jwt(streamClaims("s", epochMs));
    const peerFeatures = new Set(ownFeatures);
    const [one, other] = await Promise.all(
      ["1", "2"].map((peerId) => openRouterStream(channels.get(), { token, peerId, peerFeatures })),
    );
    await until(() => test.router.stats.livePairs === 1, "the pair");
    const old = channels.get();
    channels.retire(old);
    expect(channels.get()).not.toBe(old);
    await advance(clock, 30 * 86_400_000, 12 * 3_600_000);
    await one?.send(bytes("still here"));
    expect(text(await other?.receive())).toBe("still here");
    await channels.close({ closeTimeoutMs: 0 });
    expect(await rejection((one as RouterStream).receive())).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("is not closed under the stream of a client that belongs to nobody", async () => {
    const clock = new VirtualClock();
    // Half days pass at once, and no sign of life would keep up with them.
    const never = Number.POSITIVE_INFINITY;
    const quiet = { keepaliveIntervalMs: never, pingIntervalMs: never };
    await using test = testRouter({ clock, heartbeatMs: 0, keepaliveIntervalMs: never });
    await answering(test, quiet);
    const token = await test.router.mintToken({ identity: "me", lifetimeMs: 86_400_000 });
    const stream = await dial("web", { endpoint: test.target, token, clock, resume: false, ...quiet });
    await until(() => test.router.stats.livePairs === 1, "the pair");
    await settle();
    await advance(clock, 30 * 86_400_000, 12 * 3_600_000);
    await stream.send(bytes("hello"));
    expect(text(await stream.receive())).toBe("hello");
    stream.abort();
  });
});

describe("the endpoints that an exchange names", () => {
  it("are 64 at most, its own included", async () => {
    const channels = new Channels(["127.0.0.1:1"], {});
    for (let port = 2; port <= 64; port++) channels.get(`127.0.0.1:${port}`);
    expect(() => channels.get("127.0.0.1:65")).toThrow("the exchange named more than 64 router endpoints");
    expect(channels.get("127.0.0.1:64")).toBe(channels.get("127.0.0.1:64"));
    expect(channels.get("127.0.0.1:1")).toBe(channels.get());
    await channels.close();
  });

  it("are not connected to once the client is closed", async () => {
    const channels = new Channels(["127.0.0.1:1"], {});
    await channels.close();
    expect(() => channels.get("127.0.0.1:2")).toThrow("the client is closed");
  });
});

it("a channel that is left is told to all who asked, but to those who have forgotten it", async () => {
  const channels = new Channels(["127.0.0.1:1"], {});
  const channel = channels.get();
  const told: string[] = [];
  const forget = channels.onRetired(channel, () => told.push("forgotten"));
  channels.onRetired(channel, () => told.push("waiting"));
  forget();
  channels.retire(channel);
  expect(told).toEqual(["waiting"]);
  await channels.close();
});

describe("pingIntervalMs of a client", () => {
  for (const side of ["dialler", "listener"]) {
    it(`holds for the streams of its ${side}`, async () => {
      const clock = new VirtualClock();
      await using test = testRouter({ clock });
      const often = { pingIntervalMs: 5_000 };
      const listener = await (await test.client("l", side === "listener" ? often : {})).listen("web");
      const dialled = await (await test.client("d", side === "dialler" ? often : {})).dial("web");
      const accepted = await listener.accept();
      for (const stream of [dialled, accepted]) stream?.receive().catch(() => {});
      await until(() => test.router.stats.livePairs === 1, "the pair");
      await settle();
      const before = test.router.stats.frames;
      await advance(clock, 10_000); // the hellos have come within the first interval
      expect(test.router.stats.frames).toBe(before + 2); // the PING and its answer
      dialled.abort();
    });
  }
});

describe("keepalive", () => {
  it("is an option of the client, checked by name", () => {
    const options = { endpoint: "127.0.0.1:1", token: "t" };
    expect(new Trunkline({ ...options, keepaliveIntervalMs: Number.POSITIVE_INFINITY }).endpoint).toBe("127.0.0.1:1");
    expect(() => new Trunkline({ ...options, keepaliveIntervalMs: 0 })).toThrow(/keepaliveIntervalMs must be/);
    expect(() => new Trunkline({ ...options, keepaliveTimeoutMs: 2 ** 31 })).toThrow(/keepaliveTimeoutMs must be/);
  });
});
