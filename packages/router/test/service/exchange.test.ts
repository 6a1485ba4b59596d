/** The exchange's guards: who may take a name, and how much of it. Times are virtual. */
import { type ClientCall, createClient, Status } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { ExchangeService, type ListenResponse } from "../../src/gen/trunkline/v1/exchange_pb.js";
import type { RouterEvent } from "../../src/index.js";
import { advance, epochMs, rejection, settle, type TestRouter, testRouter, until } from "../support/router.js";

type Request = {
  readonly name: string;
  readonly features?: string[];
  readonly metadata?: { readonly fields: { readonly key: string; readonly value: Uint8Array<ArrayBuffer> }[] };
};
type ListenCall = ClientCall<Request, ListenResponse>;

/** A caller of the exchange without a client library: it says what it likes. */
async function caller(test: TestRouter, identity: string, channel = test.connect()) {
  const token = await test.router.mintToken({ identity, lifetimeMs: 86_400_000 });
  const metadata = { authorization: `Bearer ${token}` };
  const exchange = createClient(ExchangeService, channel);
  return {
    /** Registers, and waits until the exchange has confirmed it. */
    async listen(request: Request | string): Promise<ListenCall> {
      const call = exchange.listen.open({ metadata }) as unknown as ListenCall;
      await call.send(typeof request === "string" ? { name: request } : request);
      expect((await call.receive())?.event.case).toBe("listening");
      return call;
    },
    dial: (request: Request & { readonly waitMs?: number }, signal?: AbortSignal) =>
      exchange.dial(request, { metadata, signal }),
    list: async () => (await exchange.list({}, { metadata })).listeners.map(({ name }) => name),
  };
}

/** Metadata of so many bytes. */
const field = (bytes: number) => ({ fields: [{ key: "x", value: new Uint8Array(bytes - 1).fill(97) }] });

const kinds = (events: readonly RouterEvent[]): string[] => events.map(({ kind }) => kind);

describe("a name", () => {
  it("is not taken over by another identity, and its listener stays", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const owner = await caller(test, "owner");
    const listening = await owner.listen("web");
    const thief = await caller(test, "thief");
    const error = await rejection(thief.listen("web"));
    expect(error).toMatchObject({ status: Status.ALREADY_EXISTS });
    expect(error.message).toContain('the name "web" has a listener of another identity');
    await (await caller(test, "dialler")).dial({ name: "web" });
    expect((await listening.receive())?.event.case).toBe("offer");
  });

  it("passes to a later listener of the same identity, and the earlier one ends with ABORTED", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const owner = await caller(test, "owner");
    const earlier = await owner.listen("web");
    const later = await owner.listen("web");
    expect(await rejection(earlier.receive())).toMatchObject({ status: Status.ABORTED });
    await owner.dial({ name: "web" });
    expect((await later.receive())?.event.case).toBe("offer");
    expect(test.router.stats.listeners).toBe(1);
    await settle();
    expect(test.events.filter(({ kind }) => kind === "listener-removed")).toEqual([
      { kind: "listener-removed", name: "web", identity: "owner", reason: "superseded" },
    ]);
  });

  it("is free again once its listener's call has ended", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const call = await (await caller(test, "owner")).listen("web");
    call.cancel();
    await until(() => test.router.stats.listeners === 0, "the end of the listener");
    await (await caller(test, "another")).listen("web");
  });
});

describe("maxListeners", () => {
  it("bounds the names with a listener; one more is refused with RESOURCE_EXHAUSTED that names the limit", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxListeners: 2 });
    const one = await caller(test, "one");
    for (const name of ["a", "b"]) await one.listen(name);
    const error = await rejection(one.listen("c"));
    expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
    expect(error.message).toContain("3 listeners would be more than maxListeners (2)");
    expect(await one.list()).toEqual(["a", "b"]);
    await one.listen("b"); // takes the place of its own earlier self
    expect(await one.list()).toEqual(["a", "b"]);
  });
});

describe("what a listener or a dialler says of itself", () => {
  it("is metadata of maxMetadataBytes at most", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxMetadataBytes: 100 });
    const one = await caller(test, "one");
    const listening = await one.listen({ name: "a", metadata: field(100) });
    await one.dial({ name: "a", metadata: field(100) });
    expect((await listening.receive())?.event.case).toBe("offer");
    for (const refused of [
      one.listen({ name: "b", metadata: field(101) }),
      one.dial({ name: "a", metadata: field(101) }),
    ]) {
      const error = await rejection(refused);
      expect(error).toMatchObject({ status: Status.INVALID_ARGUMENT });
      expect(error.message).toContain("metadata of 101 bytes is larger than maxMetadataBytes (100)");
    }
  });

  it("is metadata that headers could hold", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const one = await caller(test, "one");
    const metadata = { fields: [{ key: "te", value: new Uint8Array([97]) }] };
    const error = await rejection(one.listen({ name: "a", metadata }));
    expect(error).toMatchObject({ status: Status.INVALID_ARGUMENT });
    expect(error.message).toContain('field "te" is reserved');
  });

  const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);
  it("is 32 features at most", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const one = await caller(test, "one");
    await one.listen({ name: "a", features: many(32) });
    const error = await rejection(one.listen({ name: "b", features: many(33) }));
    expect(error).toMatchObject({ status: Status.INVALID_ARGUMENT });
    expect(error.message).toContain("33 features are more than 32");
  });

  it("is features of 32 characters at most", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const one = await caller(test, "one");
    await one.listen({ name: "a", features: ["f".repeat(32)] });
    const error = await rejection(one.listen({ name: "b", features: ["f".repeat(33)] }));
    expect(error).toMatchObject({ status: Status.INVALID_ARGUMENT });
    expect(error.message).toContain("a feature of 33 characters is longer than 32");
  });
});

describe("a message to the exchange", () => {
  it("is as large as its parts may be, and no larger", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxMetadataBytes: 100 });
    const one = await caller(test, "one");
    const limit = 16_384 + 8 * 100;
    const overhead = 4; // field number and length of the name
    expect(await rejection(one.dial({ name: "n".repeat(limit - overhead) }))).toMatchObject({
      status: Status.INVALID_ARGUMENT, // a name that is too long
    });
    for (const request of [one.dial, one.listen]) {
      expect(await rejection(request({ name: "n".repeat(limit - overhead + 1) }))).toMatchObject({
        status: Status.RESOURCE_EXHAUSTED,
        message: expect.stringContaining(`${limit}`),
      });
    }
  });

  it("may hold metadata of one byte a field, up to maxMetadataBytes", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const one = await caller(test, "one");
    const fields = Array.from({ length: 8_192 }, () => ({ key: "x", value: new Uint8Array(0) }));
    await one.listen({ name: "a", metadata: { fields } });
  });
});

describe("a dialler's wait", () => {
  /** The time for which the tokens of a stream are good. */
  async function lifetimeMs(test: TestRouter, waitMs: number): Promise<number> {
    const one = await caller(test, "one");
    const listening = await one.listen("web");
    const { token } = await one.dial({ name: "web", waitMs });
    const offer = (await listening.receive())?.event;
    const expiry = (jwt: string): number =>
      (JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString()) as { exp: number }).exp;
    expect(offer?.case === "offer" && expiry(offer.value.token)).toBe(expiry(token));
    return expiry(token) * 1_000 - epochMs;
  }

  for (const [title, waitMs, expected] of [
    ["is what it asks for", 4_000, 4_000],
    ["is what it asks for, up to maxDialWaitMs", 5_000, 5_000],
    ["is never longer than maxDialWaitMs", 5_001, 5_000],
    ["is never longer than maxDialWaitMs, whatever it asks for", 2 ** 31 - 1, 5_000],
    ["is maxDialWaitMs where it asks for nothing", 0, 5_000],
  ] as const) {
    it(title, async () => {
      await using test = testRouter({ clock: new VirtualClock(), maxDialWaitMs: 5_000 });
      expect(await lifetimeMs(test, waitMs)).toBe(expected);
    });
  }

  it("is one of maxWaitingDials where its listener takes none; one more is RESOURCE_EXHAUSTED", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxWaitingDials: 10 });
    await (await caller(test, "one")).listen("web"); // and never receives again
    const dialler = await caller(test, "dialler");
    const refused: Error[] = [];
    let taken = 0;
    const dials = 100; // a window of offers, 32 that the call holds, and 10 that wait
    for (let index = 0; index < dials; index++) {
      dialler.dial({ name: "web", metadata: field(8_000) }).then(
        () => taken++,
        (error: Error) => refused.push(error),
      );
    }
    await until(
      () => refused.length > 0 && refused.length + taken === dials - 32 - 10,
      "all dials but those that wait",
    );
    for (const error of refused) {
      expect(error).toMatchObject({ status: Status.RESOURCE_EXHAUSTED });
      expect(error.message).toContain('11 dials would wait for the listener of "web", more than maxWaitingDials (10)');
    }
  });

  for (const count of [30, 60]) {
    const where = count > 32 ? "before its turn" : "while the listener has no room";
    it(`does not reach the listener once its dialler has given up ${where}`, async () => {
      await using test = testRouter({ clock: new VirtualClock() });
      const listening = await (await caller(test, "one")).listen("web");
      const dialler = await caller(test, "dialler");
      const dial = () => dialler.dial({ name: "web", metadata: field(8_000) });
      const patient = [dial()];
      // Its token is known from then on, and the order of the dials is that in which they come.
      await until(() => test.router.stats.dials > 0, "the first offer");
      patient.push(...Array.from({ length: count - 1 }, dial));
      const enough = new AbortController();
      const { signal } = enough;
      const impatient = ["x-given-up", "x-given-up"].map((key) =>
        rejection(dialler.dial({ name: "web", metadata: { fields: [{ key, value: new Uint8Array() }] } }, signal)),
      );
      await settle(200);
      enough.abort();
      await Promise.all(impatient);
      await settle(60);
      let offers = 0;
      for (; offers < count; offers++) {
        const event = (await listening.receive())?.event;
        expect(event?.case === "offer" && event.value.metadata?.fields[0]?.key).toBe("x");
      }
      await Promise.all(patient);
      expect(test.router.stats.dials).toBe(count);
    });
  }
});

describe("heartbeats", () => {
  it("come every heartbeatMs", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, heartbeatMs: 1_000 });
    const call = await (await caller(test, "one")).listen("web");
    let beats = 0;
    void (async () => {
      for await (const { event } of call) if (event.case === "heartbeat") beats += 1;
    })().catch(() => {});
    await advance(clock, 999, 333);
    expect(beats).toBe(0);
    await advance(clock, 1, 1);
    expect(beats).toBe(1);
    await advance(clock, 3_000);
    expect(beats).toBe(4);
  });

  it("do not come where heartbeatMs is 0", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, heartbeatMs: 0 });
    const call = await (await caller(test, "one")).listen("web");
    let received = 0;
    void call.receive().then(
      () => received++,
      () => {},
    );
    await advance(clock, 300_000, 10_000);
    expect(received).toBe(0);
  });

  it("that a listener leaves untaken three times cost it its name", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, heartbeatMs: 1_000, maxWaitingDials: 0 });
    await (await caller(test, "one")).listen("web"); // and never receives again
    const dialler = await caller(test, "dialler");
    let full = false;
    const onRefused = (): void => {
      full = true;
    };
    for (let index = 0; index < 120; index++) dialler.dial({ name: "web", metadata: field(8_000) }).catch(onRefused);
    await until(() => full, "a full listener");
    await advance(clock, 3_000);
    expect(test.router.stats.listeners).toBe(1);
    await advance(clock, 1_000);
    expect(test.router.stats.listeners).toBe(0);
    expect(test.events).toContainEqual({
      kind: "listener-removed",
      name: "web",
      identity: "one",
      reason: "unresponsive",
    });
    await (await caller(test, "another")).listen("web");
  });
});

describe("a listener whose connection is dead", () => {
  it("loses its name within a minute, and diallers hear that it has no listener (frp#3493)", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const channel = test.connect();
    await (await caller(test, "one", channel)).listen("web");
    test.links[0]?.silence();
    await advance(clock, 60_000);
    expect(test.router.stats.listeners).toBe(0);
    const other = await caller(test, "another");
    expect(await rejection(other.dial({ name: "web" }))).toMatchObject({ status: Status.NOT_FOUND });
    await other.listen("web");
  });

  it("that is only quiet for half a minute keeps it", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const call = await (await caller(test, "one")).listen("web");
    void (async () => {
      for await (const _ of call);
    })().catch(() => {});
    await advance(clock, 600_000, 5_000);
    expect(test.router.stats.listeners).toBe(1);
  });
});

describe("a caller without a token", () => {
  it("is refused from its headers, before its message has come", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const exchange = createClient(ExchangeService, test.connect());
    for (const call of [exchange.dial.open(), exchange.list.open(), exchange.listen.open()]) {
      await call.start();
      expect(await rejection(call.receive())).toMatchObject({ status: Status.UNAUTHENTICATED });
    }
    await settle();
    expect(kinds(test.events)).toEqual(["refused", "refused", "refused"]);
  });
});
