/** The halves of sessions at a router, and the tickets at its exchange. Times are virtual. */
import { createClient, type GrpcError, Status } from "@trunkline/grpc";
import type { MetadataInit } from "@trunkline/metadata";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { ExchangeService, type Offer } from "../../src/gen/trunkline/v1/exchange_pb.js";
import type { RouterPolicy } from "../../src/index.js";
import { ownFeatures } from "../../src/index.js";
import { resumeFeature } from "../../src/stream/features.js";
import { RouterFrameType } from "../../src/stream/frame.js";
import {
  advance,
  bytes,
  epochMs,
  jwt,
  rejection,
  streamClaims,
  type TestRouter,
  testRouter,
  text,
  until,
} from "../support/router.js";

/** The call of one attempt of a side of the session "s", with a connection of its own. */
async function half(test: TestRouter, role: "dial" | "listen", attempt: number) {
  const token = jwt({ ...streamClaims("s", epochMs), jti: `${role} ${attempt}`, role, attempt });
  const call = test.plainCall("s", { authorization: `Bearer ${token}` }, test.connect());
  const before = test.events.length;
  await call.start();
  await until(() => test.events.length > before, "the router to decide about the half");
  return call;
}

describe("the halves of a session", () => {
  it("are joined by role, whatever their attempts are", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const dial = await half(test, "dial", 7);
    const listen = await half(test, "listen", 2);
    await dial.send({ frameType: RouterFrameType.DATA, payload: bytes("hello") });
    expect(text((await listen.receive())?.payload)).toBe("hello");
  });

  it("give way to a later attempt of their side at once, and their other halves come back", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const [first, widowed] = [await half(test, "dial", 1), await half(test, "listen", 1)];
    const errors = [first, widowed].map((call) => rejection(call.receive()));
    const second = await half(test, "dial", 2);
    const [superseded, alone] = (await Promise.all(errors)) as [GrpcError, GrpcError];
    expect(superseded).toMatchObject({ status: Status.ABORTED });
    expect(superseded.metadata.get("trunkline-final")).toBe("superseded");
    expect(superseded.metadata.get("trunkline-attempt")).toBe("2");
    expect(alone).toMatchObject({ status: Status.UNAVAILABLE });
    expect(alone.metadata.get("trunkline-final")).toBeUndefined();
    const again = await half(test, "listen", 2);
    await again.send({ frameType: RouterFrameType.DATA, payload: bytes("hello") });
    expect(text((await second.receive())?.payload)).toBe("hello");
    expect(test.router.stats.livePairs).toBe(1);
  });

  it("of an earlier attempt, or the same one, are refused for as long as their tokens are good", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    await half(test, "dial", 2);
    for (const attempt of [1, 2]) {
      const refused = (await rejection((await half(test, "dial", attempt)).receive())) as GrpcError;
      expect(refused.metadata.get("trunkline-attempt")).toBe("2");
    }
    await advance(clock, 10_000);
    const refused = (await rejection((await half(test, "dial", 2)).receive())) as GrpcError;
    expect(refused.metadata.get("trunkline-final")).toBe("superseded");
  });

  it("wait for five seconds, and leave nothing", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const waiting = rejection((await half(test, "dial", 1)).receive());
    expect(test.router.stats.waitingPeers).toBe(1);
    await advance(clock, 4_000);
    expect(test.router.stats.waitingPeers).toBe(1);
    await advance(clock, 1_000);
    expect(await waiting).toMatchObject({ status: Status.UNAVAILABLE });
    expect(test.router.stats.waitingPeers).toBe(0);
  });

  it("are bounded by maxRememberedStreams", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxRememberedStreams: 0 });
    expect(await rejection((await half(test, "dial", 1)).receive())).toMatchObject({
      status: Status.RESOURCE_EXHAUSTED,
    });
  });

  for (const [what, claims] of [
    ["0", { role: "dial", attempt: 0 }],
    ["1.5", { role: "dial", attempt: 1.5 }],
    ["without a role", { attempt: 1 }],
  ] as const) {
    it(`are refused with an attempt of ${what}`, async () => {
      await using test = testRouter({ clock: new VirtualClock() });
      const token = jwt({ ...streamClaims("s", epochMs), ...claims });
      const call = test.plainCall("s", { authorization: `Bearer ${token}` });
      const error = await rejection(call.receive());
      expect(error).toMatchObject({ status: Status.UNAUTHENTICATED });
      expect(error.message).toContain("its attempt is no whole number above 0, or it has no role");
    });
  }
});

/** A session between two callers of the exchange that speak for themselves. */
async function sessionOf(test: TestRouter) {
  const as = async (identity: string) => {
    const token = await test.router.mintToken({ identity, lifetimeMs: 86_400_000 });
    const metadata: MetadataInit = { authorization: `Bearer ${token}` };
    return { client: createClient(ExchangeService, test.connect()), metadata };
  };
  const [owner, dialler, thief] = [await as("owner"), await as("dialler"), await as("thief")];
  const features = [...ownFeatures, resumeFeature];
  const listening = owner.client.listen.open({ metadata: owner.metadata });
  await listening.send({ name: "web", features });
  await listening.receive();
  const answer = await dialler.client.dial({ name: "web", features }, { metadata: dialler.metadata });
  const nextOffer = async (): Promise<Offer> => (await listening.receive())?.event.value as Offer;
  const offer = await nextOffer();
  return { owner, dialler, thief, answer, offer, nextOffer };
}

describe("a ticket", () => {
  it("gives its side the way for each attempt, and a fresh ticket", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const { dialler, owner, answer, offer } = await sessionOf(test);
    expect(answer.resumption?.session).toBe(offer.resumption?.session);
    await advance(clock, 5 * 86_400_000, 86_400_000 / 2);
    const renewed = await dialler.client.attach(
      { ticket: answer.resumption?.ticket ?? "", attempt: 0 },
      {
        metadata: { authorization: `Bearer ${await test.router.mintToken({ identity: "dialler", lifetimeMs: 9e9 })}` },
      },
    );
    expect(renewed).toMatchObject({ endpoint: "", token: "" });
    expect(renewed.ticket).not.toBe(answer.resumption?.ticket);
    expect(owner).toBeDefined();
  });

  const bad: [what: string, ticket: (given: string) => string, status: Status, message: string][] = [
    ["of nothing", () => "", Status.UNAUTHENTICATED, "invalid ticket: it is not a signed JWT"],
    ["that was changed", (given) => `${given.slice(0, -4)}AAAA`, Status.UNAUTHENTICATED, "its signature fits no key"],
    ["that is another kind of token", () => jwt(streamClaims("s", epochMs)), Status.UNAUTHENTICATED, "another"],
  ];
  for (const [what, ticket, status, message] of bad) {
    it(`${what} is refused`, async () => {
      await using test = testRouter({ clock: new VirtualClock() });
      const { dialler, answer } = await sessionOf(test);
      const error = await rejection(
        dialler.client.attach(
          { ticket: ticket(answer.resumption?.ticket ?? ""), attempt: 2 },
          { metadata: dialler.metadata },
        ),
      );
      expect(error).toMatchObject({ status });
      expect(error.message).toContain(message);
    });
  }

  it("is of no use to another identity, and not after a week", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock });
    const { dialler, thief, answer, offer } = await sessionOf(test);
    for (const { resumption } of [answer, offer]) {
      const ticket = resumption?.ticket ?? "";
      for (const ask of [
        () => thief.client.attach({ ticket, attempt: 2 }, { metadata: thief.metadata }),
        () => thief.client.leave({ ticket, status: 1 }, { metadata: thief.metadata }),
      ]) {
        const error = (await rejection(ask())) as GrpcError;
        expect(error).toMatchObject({ status: Status.PERMISSION_DENIED, message: "the ticket is of another identity" });
        expect(error.metadata.get("trunkline-final")).toBe("denied");
      }
    }
    await advance(clock, 7 * 86_400_000 + 1_000, 86_400_000 / 2);
    const token = await test.router.mintToken({ identity: "dialler", lifetimeMs: 86_400_000 });
    const late = dialler.client.attach(
      { ticket: answer.resumption?.ticket ?? "", attempt: 2 },
      { metadata: { authorization: `Bearer ${token}` } },
    );
    expect((await rejection(late)).message).toContain("it has expired");
  });

  it("is good only for what the policy still allows", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const { dialler, answer } = await sessionOf(test);
    const policy: RouterPolicy = { rules: [{ identities: ["dialler"], dial: ["other"] }] };
    test.router.updatePolicy(policy);
    const error = (await rejection(
      dialler.client.attach({ ticket: answer.resumption?.ticket ?? "", attempt: 2 }, { metadata: dialler.metadata }),
    )) as GrpcError;
    expect(error).toMatchObject({ status: Status.PERMISSION_DENIED });
    expect(error.metadata.get("trunkline-final")).toBe("denied");
  });

  it("of a session that its other side has left says so, with status and message", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const { dialler, owner, answer, offer } = await sessionOf(test);
    await owner.client.leave(
      { ticket: offer.resumption?.ticket ?? "", status: Status.CANCELLED, message: "enough" },
      { metadata: owner.metadata },
    );
    const error = (await rejection(
      dialler.client.attach({ ticket: answer.resumption?.ticket ?? "", attempt: 2 }, { metadata: dialler.metadata }),
    )) as GrpcError;
    expect(error).toMatchObject({ status: Status.NOT_FOUND, message: "enough" });
    expect(error.metadata.get("trunkline-final")).toBe("unknown");
    expect(error.metadata.get("trunkline-status")).toBe("1");
  });

  it("offers the stream again where the dialler has not heard of its other side", async () => {
    await using test = testRouter({ clock: new VirtualClock() });
    const { dialler, answer, offer, nextOffer } = await sessionOf(test);
    await dialler.client.attach(
      { ticket: answer.resumption?.ticket ?? "", attempt: 2, again: { name: "web", features: ["end"] } },
      { metadata: dialler.metadata },
    );
    const again = await nextOffer();
    expect(again.resumption?.session).toBe(offer.resumption?.session);
    expect(again.features).toEqual(["end"]);
  });
});
