/**
 * A router stream is a stream like every other: through a router, between peers that know each other and plain ones,
 * and over one call.
 */
import { createClient, type ServerCall } from "@trunkline/grpc";
import { channelFor } from "@trunkline/grpc/testing";
import { complianceTests, type StreamPair, type VirtualClock } from "@trunkline/streams/testing";
import { describe, it } from "vitest";
import { quickOf } from "../../../base/test/support/sizes.js";
import {
  type Frame,
  featuresKey,
  openRouterStream,
  ownFeatures,
  RouterService,
  RouterStream,
} from "../../src/index.js";
import { jwt, settle, streamClaims, testRouter, until } from "../support/router.js";

/** Two connections to one router, which has a clock of its own: its appointments are not those of the streams. */
async function throughRouter(clock: VirtualClock): Promise<StreamPair> {
  const test = testRouter();
  const token = jwt(streamClaims("s"));
  const peerFeatures = new Set(ownFeatures);
  const first = await openRouterStream(test.connect({ clock }), { token, peerFeatures });
  const second = await openRouterStream(test.connect({ clock }), { token, peerFeatures });
  await until(() => test.router.stats.livePairs === 1, "the pairing");
  return { first, second, release: async () => await test[Symbol.asyncDispose]() };
}

/** Two plain peers, as Jumpstarter's are, on one connection. */
async function plainThroughRouter(clock: VirtualClock): Promise<StreamPair> {
  const test = testRouter();
  const channel = test.connect({ clock });
  const calls = [test.plainCall("s", {}, channel), test.plainCall("s", {}, channel)] as const;
  for (const call of calls) await call.start();
  await until(() => test.router.stats.livePairs === 1, "the pairing");
  const [first, second] = calls.map((call) => new RouterStream(call));
  return {
    first: first as RouterStream,
    second: second as RouterStream,
    release: async () => await test[Symbol.asyncDispose](),
  };
}

/** The two sides of one call: no router between them. */
async function overOneCall(clock: VirtualClock, known: boolean): Promise<StreamPair> {
  let served = (_: ServerCall<Frame, Frame>): void => {};
  const serverCall = new Promise<ServerCall<Frame, Frame>>((resolve) => {
    served = resolve;
  });
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const stream = {
    async open(call: ServerCall<Frame, Frame>): Promise<void> {
      served(call);
      await finished;
    },
  };
  const { channel, close } = channelFor([[RouterService, { stream }]], { channel: { clock }, server: { clock } });
  const call = createClient(RouterService, channel).stream.open(
    known ? { metadata: { [featuresKey]: ownFeatures.join(",") } } : {},
  );
  await call.start();
  const first = new RouterStream(call);
  const second = new RouterStream(await serverCall);
  if (known) await first.receivePeerFeatures();
  return {
    first,
    second,
    async release() {
      finish();
      await close();
    },
  };
}

const options = { settle: () => settle(30), maxUnreadBytes: 4 * 1024 * 1024 };

describe("a stream through a router", () => {
  for (const { title, run } of quickOf(complianceTests({ ...options, connect: throughRouter, maxItemBytes: 65_536 })))
    it(title, run);
});

describe("a stream through a router, of items that are cut", () => {
  const tests = complianceTests({ ...options, connect: throughRouter, keepsBoundaries: false });
  // What is cut still keeps its empty items.
  for (const { title, run } of tests.filter(({ title }) => !title.startsWith("an empty item"))) it(title, run);
});

describe("a stream between plain peers", () => {
  for (const { title, run } of quickOf(
    complianceTests({ ...options, connect: plainThroughRouter, maxItemBytes: 65_536 }),
  ))
    it(title, run);
});

describe("a stream over one call", () => {
  const connect = (clock: VirtualClock): Promise<StreamPair> => overOneCall(clock, true);
  for (const { title, run } of quickOf(complianceTests({ ...options, connect, maxItemBytes: 65_536 }))) it(title, run);
});

describe("a stream over one call, of plain peers", () => {
  const connect = (clock: VirtualClock): Promise<StreamPair> => overOneCall(clock, false);
  for (const { title, run } of quickOf(complianceTests({ ...options, connect, maxItemBytes: 65_536 }))) it(title, run);
});
