/** A stream with TLS inside is a stream like every other. */
import { complianceTests, type StreamPair, type VirtualClock } from "@trunkline/streams/testing";
import { describe, it } from "vitest";
import { quickOf } from "../../../base/test/support/sizes.js";
import type { RouterStream } from "../../src/index.js";
import { trusting } from "../support/identities.js";
import { settle, testRouter } from "../support/router.js";

async function secured(clock: VirtualClock): Promise<StreamPair> {
  const test = testRouter();
  // The router has a clock of its own, and answers no PING while the virtual one leaps.
  const never = { clock, keepaliveIntervalMs: Number.POSITIVE_INFINITY, pingIntervalMs: Number.POSITIVE_INFINITY };
  const listening = await test.client("l", never);
  const dialling = await test.client("d", never);
  const listener = await listening.listen("web", { resume: false, endToEnd: trusting("server", "client") });
  const dialled = await dialling.dial("web", { resume: false, endToEnd: trusting("client", "server") });
  return {
    first: dialled,
    second: (await listener.accept()) as RouterStream,
    release: async () => await test[Symbol.asyncDispose](),
  };
}

describe("a stream with TLS inside", () => {
  const tests = quickOf(
    complianceTests({
      connect: secured,
      settle: () => settle(120),
      maxItemBytes: 65_536,
      maxUnreadBytes: 4 * 1024 * 1024,
    }),
  );
  for (const { title, run } of tests) it(title, run);
});
