/** The range of each limit: its least and its greatest value are taken, the next ones are refused by name. */
import { describe, expect, it } from "vitest";
import { Router, type RouterLimits } from "../src/index.js";
import { resolveLimits } from "../src/limits.js";

const longestMs = 2 ** 31 - 1;
const most = Number.MAX_SAFE_INTEGER;
const infinite = Number.POSITIVE_INFINITY;

const ranges: { readonly [Name in keyof RouterLimits]-?: readonly [least: number, most: number, infinity?: true] } = {
  maxWaitMs: [1, longestMs],
  maxWaitingPeers: [0, most],
  maxRememberedStreams: [0, most],
  maxCachedTokens: [0, most],
  lingerMs: [1, longestMs, true],
  maxLingeringPeers: [0, most],
  maxDialWaitMs: [1, longestMs],
  maxWaitingDials: [0, most],
  maxListeners: [0, most],
  maxMetadataBytes: [0, most],
  heartbeatMs: [0, longestMs],
  keepaliveIntervalMs: [1, longestMs, true],
  keepaliveTimeoutMs: [1, longestMs],
  maxConcurrentStreams: [1, 2 ** 31 - 1],
  maxConnections: [1, most],
  maxReceiveMessageBytes: [1, 2 ** 32 - 1],
  maxBufferedBytesPerConnection: [65_535, 2 ** 40],
  maxReportedRefusals: [0, most],
  refusalIntervalMs: [1, longestMs],
};

describe("a limit of a router", () => {
  for (const [name, [least, greatest, infinity]] of Object.entries(ranges)) {
    it(`${name} is a whole number from ${least} to ${greatest}${infinity === true ? ", or Infinity" : ""}`, () => {
      const resolve = (value: number): number => resolveLimits({ [name]: value })[name as keyof RouterLimits];
      for (const value of [least, greatest, ...(infinity === true ? [infinite] : [])])
        expect(resolve(value)).toBe(value);
      const wrong = [
        least - 1,
        greatest + 1,
        least + 0.5,
        Number.NaN,
        -infinite,
        ...(infinity === true ? [] : [infinite]),
      ];
      for (const value of wrong) expect(() => resolve(value)).toThrow(new RegExp(`^${name} must be a whole number`));
    });
  }

  it("has its default where it is not given", () => {
    expect(resolveLimits({})).toEqual({
      maxWaitMs: 120_000,
      maxWaitingPeers: 4_096,
      maxRememberedStreams: 100_000,
      maxCachedTokens: 10_000,
      lingerMs: infinite,
      maxLingeringPeers: 4_096,
      maxDialWaitMs: 30_000,
      maxWaitingDials: 4_096,
      maxListeners: 10_000,
      maxMetadataBytes: 8_192,
      heartbeatMs: 20_000,
      keepaliveIntervalMs: 20_000,
      keepaliveTimeoutMs: 35_000,
      maxConcurrentStreams: 16_384,
      maxConnections: 10_000,
      maxReceiveMessageBytes: 4_194_304,
      maxBufferedBytesPerConnection: 134_217_728,
      maxReportedRefusals: 10,
      refusalIntervalMs: 10_000,
    });
  });

  it("is checked when the router is made", () => {
    const keys = [{ secret: "a key that only tests use, and long enough" }];
    expect(() => new Router({ keys, maxListeners: -1 })).toThrow(
      "maxListeners must be a whole number from 0 on, not -1",
    );
  });
});
