/** Outlier detection (gRFC A50) in virtual time: the two algorithms, and what a channel makes of them. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { checkOptionNames } from "@trunkline/base";
import { VirtualClock } from "@trunkline/streams/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type OutlierDetection, resolveOutlierDetection } from "../../src/client/outlier-config.js";
import { EndpointOutcomes, OutlierDetector } from "../../src/client/outlier-detection.js";
import {
  Channel,
  type ChannelOptions,
  type ConnectionEvent,
  connectionEventsChannel,
  createClient,
  GrpcError,
  type ServiceConfig,
  Status,
} from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection, settle, until } from "../support.js";
import { Fleet } from "./support/fleet.js";

afterEach(() => {
  vi.restoreAllMocks();
});

const resolve = (config: OutlierDetection) => resolveOutlierDetection(config, "outlierDetection", checkOptionNames);

/** A detector with endpoints, and the numbers of those that are ejected. */
function detector(config: OutlierDetection, count: number) {
  const clock = new VirtualClock();
  let changes = 0;
  const detector = new OutlierDetector(resolve(config), clock, () => (changes += 1));
  const endpoints = Array.from({ length: count }, () => new EndpointOutcomes());
  for (const endpoint of endpoints) detector.add(endpoint);
  return {
    clock,
    detector,
    endpoints,
    get changes() {
      return changes;
    },
    get ejected() {
      return endpoints.flatMap(({ ejectedAtMs }, index) => (ejectedAtMs === undefined ? [] : [index]));
    },
    /** Counts so many calls of each endpoint, so many of them failed. */
    calls(each: number, ...failed: number[]) {
      for (const [index, endpoint] of endpoints.entries())
        for (let call = 0; call < each; call++) endpoint.count(call >= (failed[index] ?? 0));
    },
  };
}

// The cases of grpc-go's TestEjectUnejectSuccessRate and TestEjectFailureRate, and their neighbours.
describe("the failure percentage", () => {
  const algorithm = { threshold: 50, minimumHosts: 3, requestVolume: 3 };

  it("ejects an endpoint whose calls fail", () => {
    const test = detector({ failurePercentageEjection: algorithm }, 3);
    test.calls(5, 0, 0, 5);
    test.clock.advance(9_999);
    expect(test.ejected).toEqual([]);
    test.clock.advance(1);
    expect(test.ejected).toEqual([2]);
    expect(test.changes).toBe(1);
  });

  it.each<[string, OutlierDetection, number, number[]]>([
    ["while none fails", { failurePercentageEjection: algorithm }, 5, []],
    ["at the threshold itself", { failurePercentageEjection: { ...algorithm, threshold: 100 } }, 5, [0, 0, 5]],
    ["with too few calls", { failurePercentageEjection: algorithm }, 2, [0, 0, 2]],
    ["with too few endpoints", { failurePercentageEjection: { ...algorithm, minimumHosts: 4 } }, 5, [0, 0, 5]],
    ["with enforcement at 0", { failurePercentageEjection: { ...algorithm, enforcementPercentage: 0 } }, 5, [0, 0, 5]],
    ["with maxEjectionPercent at 0", { maxEjectionPercent: 0, failurePercentageEjection: algorithm }, 5, [0, 0, 5]],
    ["without an algorithm", {}, 5, [0, 0, 5]],
  ])("ejects none %s", (_, config, each, failed) => {
    const test = detector(config, 3);
    test.calls(each, ...failed);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([]);
  });

  it("ejects one whatever maxEjectionPercent above 0 is, and further ones only below it", () => {
    const failing = [5, 5, 5, 0, 0];
    for (const [maxEjectionPercent, ejected] of [
      [1, [0]],
      [20, [0]],
      [21, [0, 1]],
      [60, [0, 1, 2]],
    ] as const) {
      const test = detector({ maxEjectionPercent, failurePercentageEjection: algorithm }, 5);
      test.calls(5, ...failing);
      test.clock.advance(10_000);
      expect(test.ejected).toEqual(ejected);
    }
  });

  it("is enforced by chance", () => {
    const random = vi.spyOn(Math, "random");
    const config = { failurePercentageEjection: { ...algorithm, enforcementPercentage: 30 } };
    for (const [chance, ejected] of [
      [0.299, [2]],
      [0.3, []],
    ] as const) {
      random.mockReturnValue(chance);
      const test = detector(config, 3);
      test.calls(5, 0, 0, 5);
      test.clock.advance(10_000);
      expect(test.ejected).toEqual(ejected);
    }
  });

  it("looks at the calls of one interval only", () => {
    const test = detector({ failurePercentageEjection: algorithm }, 3);
    test.calls(2, 2, 2, 2);
    test.clock.advance(10_000);
    test.calls(2, 2, 2, 2);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([]);
  });
});

describe("the success rate", () => {
  const algorithm = { stdevFactor: 500, minimumHosts: 3, requestVolume: 3 };

  it("ejects an endpoint that is far below the mean", () => {
    const test = detector({ successRateEjection: algorithm }, 3);
    test.calls(5, 0, 0, 5);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([2]);
  });

  it("ejects none while all fail alike", () => {
    const test = detector({ successRateEjection: algorithm }, 3);
    test.calls(5, 4, 4, 4);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([]);
  });

  it("asks for as many deviations as stdevFactor says", () => {
    // The rates are 1, 1, 1, 1 and 0: the mean is 0.8, the deviation 0.4, and the outlier two of them below.
    for (const [stdevFactor, ejected] of [
      [1_999, [4]],
      [2_001, []],
    ] as const) {
      const test = detector({ successRateEjection: { ...algorithm, stdevFactor } }, 5);
      test.calls(10, 0, 0, 0, 0, 10);
      test.clock.advance(10_000);
      expect(test.ejected).toEqual(ejected);
    }
  });

  it("does not divide by zero where an endpoint has no calls", () => {
    const test = detector({ successRateEjection: { stdevFactor: 0, minimumHosts: 0, requestVolume: 0 } }, 3);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([]);
    test.endpoints[0]?.count(false);
    test.endpoints[1]?.count(true);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([0]);
  });
});

describe("an ejection", () => {
  const config: OutlierDetection = { failurePercentageEjection: { threshold: 50, minimumHosts: 1, requestVolume: 1 } };

  /** The number of looks for which the endpoint stays ejected, after a first at which it is. */
  function looks(test: ReturnType<typeof detector>): number {
    for (let look = 1; look < 100; look++) {
      test.clock.advance(10_000);
      if (test.ejected.length === 0) return look;
    }
    return Number.POSITIVE_INFINITY;
  }

  const eject = (test: ReturnType<typeof detector>): void => {
    test.calls(1, 1, 0);
    test.clock.advance(10_000);
    expect(test.ejected).toEqual([0]);
  };

  it("ends after baseEjectionTime, and lasts longer each time in a row", () => {
    const test = detector(config, 2);
    eject(test);
    // The time has to be over: at 30 s exactly it is not.
    expect(looks(test)).toBe(4);
    eject(test);
    expect(looks(test)).toBe(7);
    expect(test.changes).toBe(4);
  });

  it("lasts no longer than maxEjectionTime, which is never below baseEjectionTime", () => {
    const test = detector({ ...config, maxEjectionTime: "45s" }, 2);
    for (const expected of [4, 5, 5]) {
      eject(test);
      expect(looks(test)).toBe(expected);
    }
    const short = detector({ ...config, maxEjectionTime: "1s" }, 2);
    eject(short);
    expect(looks(short)).toBe(4);
  });

  it("is short again after as many good intervals as there were ejections", () => {
    const test = detector(config, 2);
    for (const expected of [4, 7]) {
      eject(test);
      expect(looks(test)).toBe(expected);
    }
    test.clock.advance(20_000);
    eject(test);
    expect(looks(test)).toBe(4);
  });
});

describe("another config", () => {
  const counting: OutlierDetection = {
    interval: "9s",
    failurePercentageEjection: { threshold: 50, minimumHosts: 1, requestVolume: 1 },
  };

  // grpc-go: TestDurationOfInterval.
  it("keeps the time that has passed of the interval", () => {
    const test = detector({ ...counting, interval: "8s" }, 2);
    test.clock.advance(5_000);
    test.detector.reconfigure(resolve(counting));
    test.calls(1, 1);
    test.clock.advance(3_999);
    expect(test.ejected).toEqual([]);
    test.clock.advance(1);
    expect(test.ejected).toEqual([0]);
  });

  it("without an algorithm takes all endpoints back, and waits for nothing", () => {
    const test = detector(counting, 2);
    test.calls(1, 1);
    test.clock.advance(9_000);
    expect(test.ejected).toEqual([0]);
    test.detector.reconfigure(resolve({}));
    expect(test.ejected).toEqual([]);
    expect(test.changes).toBe(2);
    expect(test.clock.pending).toBe(0);
    test.calls(1, 1);
    test.detector.reconfigure(resolve(counting));
    test.clock.advance(9_000);
    expect(test.ejected).toEqual([]);
  });

  it("holds no timer once the last endpoint has left", () => {
    const test = detector(counting, 2);
    for (const endpoint of test.endpoints) test.detector.delete(endpoint);
    expect(test.clock.pending).toBe(0);
  });
});

describe("a channel with outlier detection", () => {
  let fleet: Fleet;
  /** The handlers of these servers fail. */
  let failing: Set<number>;

  beforeEach(() => {
    fleet = new Fleet();
    failing = new Set([2]);
  });

  afterEach(() => fleet.close());

  const serve = (count: number) =>
    fleet.serve(count, (index) => () => {
      if (failing.has(index)) throw new GrpcError(Status.INTERNAL, "broken");
      return { text: String(index) };
    });

  const detection: OutlierDetection = {
    interval: "1s",
    baseEjectionTime: "2s",
    maxEjectionPercent: 40,
    failurePercentageEjection: { threshold: 50, minimumHosts: 3, requestVolume: 5 },
  };
  const bySuccess: OutlierDetection = {
    ...detection,
    failurePercentageEjection: undefined,
    successRateEjection: { stdevFactor: 50, minimumHosts: 3, requestVolume: 5 },
  };
  const config = (given: OutlierDetection, child = "round_robin"): ServiceConfig => ({
    loadBalancingConfig: [
      { outlier_detection_experimental: { ...given, childPolicy: [{ unknown: {} }, { [child]: {} }] } },
    ],
  });

  // grpc-go: TestOutlierDetectionAlgorithmsE2E.
  it.each<[string, ChannelOptions]>([
    ["failure percentage, in a service config", { serviceConfig: config(detection) }],
    ["success rate, in a service config", { serviceConfig: config(bySuccess) }],
    ["failure percentage, as an option", { loadBalancing: "round_robin", outlierDetection: detection }],
  ])("sends no calls to a server that fails, and later does again (%s)", async (_, options) => {
    await serve(3);
    const channel = fleet.channel(options);
    await fleet.untilAllAnswer(channel, "01x");
    const events: ConnectionEvent[] = [];
    const listener = (event: unknown): void => void events.push(event as ConnectionEvent);
    subscribe(connectionEventsChannel, listener);
    await fleet.say(channel, 18);
    fleet.clock.advance(1_000);
    expect(await fleet.say(channel, 12)).toMatch(/^(?:01|10)+[01]?$/);
    expect(channel.endpoints.map(({ state, ejected }) => [state, ejected])).toEqual([
      ["READY", false],
      ["READY", false],
      ["TRANSIENT_FAILURE", true],
    ]);
    expect(channel.endpoints[2]?.problem).toMatch(
      /trunkline-fleet.* was ejected, since too many of its calls have failed$/,
    );
    expect(channel.endpoints[0]?.problem).toBeUndefined();
    expect(channel.state).toBe("READY");
    failing.clear();
    fleet.clock.advance(3_000);
    expect(new Set(await fleet.say(channel, 3))).toEqual(new Set("012"));
    expect(channel.endpoints.every(({ ejected }) => !ejected)).toBe(true);
    unsubscribe(connectionEventsChannel, listener);
    expect(events.map(({ event, peer }) => [event, peer])).toEqual([
      ["ejected", fleet.addresses[2]],
      ["returned", fleet.addresses[2]],
    ]);
  });

  // grpc-go: TestNoopConfiguration.
  it("can begin to count with a later config of the resolver", async () => {
    await serve(3);
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: config({ interval: "1s" }) });
    const channel = fleet.channel();
    await fleet.untilAllAnswer(channel, "01x");
    await fleet.say(channel, 30);
    fleet.clock.advance(5_000);
    expect(await fleet.say(channel, 3)).toContain("x");
    const { lookups } = fleet;
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: config(detection) });
    fleet.clock.advance(60_000);
    await until(() => fleet.lookups > lookups, "the lookup");
    await settle();
    expect(channel.endpoints.map(({ state }) => state)).toEqual(["READY", "READY", "READY"]);
    await fleet.say(channel, 30);
    fleet.clock.advance(1_000);
    expect(await fleet.say(channel, 12)).not.toContain("x");
  });

  // grpc-go: TestPickFirstHealthListenerDisabled.
  it("has no effect on pick_first", async () => {
    failing = new Set([0]);
    await serve(1);
    const serviceConfig = config(
      { ...detection, failurePercentageEjection: { minimumHosts: 0, requestVolume: 2 } },
      "pick_first",
    );
    const channel = fleet.channel({ serviceConfig });
    expect(await fleet.say(channel, 10)).toBe("xxxxxxxxxx");
    fleet.clock.advance(3_000);
    expect(channel.state).toBe("READY");
  });

  it("does not count calls that the caller has given up, but those whose deadline has passed", async () => {
    let hang = true;
    let begun = 0;
    await fleet.serve(3, (index) => async (_, call) => {
      begun += 1;
      if (hang && index === 2) await new Promise<void>((done) => call.signal.addEventListener("abort", () => done()));
      return { text: String(index) };
    });
    const channel = fleet.channel({ loadBalancing: "round_robin", outlierDetection: detection });
    hang = false;
    await fleet.untilAllAnswer(channel, "012");
    fleet.clock.advance(1_000);
    hang = true;
    const client = createClient(Echo, channel);
    const given = async (end: (controller: AbortController) => void): Promise<string[]> => {
      const controller = new AbortController();
      begun = 0;
      const calls = Array.from({ length: 30 }, () =>
        client.say({}, { signal: controller.signal, timeoutMs: 500 }).then(
          ({ text }) => text,
          (error: GrpcError) => error.code,
        ),
      );
      await until(() => begun === 30, "all handlers");
      await settle();
      end(controller);
      return Promise.all(calls);
    };
    expect(await given((controller) => controller.abort())).toContain("CANCELLED");
    fleet.clock.advance(1_000);
    expect(channel.endpoints[2]?.ejected).toBe(false);
    expect(await given(() => fleet.clock.advance(500))).toContain("DEADLINE_EXCEEDED");
    fleet.clock.advance(500);
    expect(channel.endpoints[2]?.ejected).toBe(true);
  });

  it("counts a server's CANCELLED, but no message that this side does not take", async () => {
    await fleet.serve(3, (index) => () => {
      if (index === 2) throw new GrpcError(Status.CANCELLED, "by the server");
      return { text: String(index) };
    });
    const channel = fleet.channel({ loadBalancing: "round_robin", outlierDetection: detection });
    const calls = (options = {}) =>
      Promise.all(
        Array.from({ length: 30 }, () =>
          createClient(Echo, channel)
            .say({}, options)
            .then(
              ({ text }) => text,
              ({ code }: GrpcError) => code,
            ),
        ),
      );
    await channel.connect();
    await until(() => channel.endpoints.every(({ state }) => state === "READY"), "all connections");
    expect(new Set(await calls())).toEqual(new Set(["0", "1", "CANCELLED"]));
    expect(new Set(await calls({ maxReceiveMessageBytes: 1 }))).toEqual(new Set(["RESOURCE_EXHAUSTED", "CANCELLED"]));
    fleet.clock.advance(1_000);
    expect(channel.endpoints.map(({ ejected }) => ejected)).toEqual([false, false, true]);
  });

  it("fails calls at once where all endpoints are ejected, and says so", async () => {
    failing = new Set([0, 1]);
    await serve(2);
    const all: OutlierDetection = {
      interval: "1s",
      maxEjectionPercent: 100,
      failurePercentageEjection: { minimumHosts: 1, requestVolume: 1 },
    };
    const channel = fleet.channel({ loadBalancing: "round_robin", outlierDetection: all });
    await channel.connect();
    await until(() => channel.endpoints.every(({ state }) => state === "READY"), "both connections");
    await fleet.say(channel, 4);
    fleet.clock.advance(1_000);
    expect(channel.state).toBe("TRANSIENT_FAILURE");
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toMatch(
      /was ejected, since too many of its calls have failed.*\(the next attempt is in 1000 ms\)$/,
    );
    failing.clear();
    const patient = createClient(Echo, channel).say({}, { waitForReady: true });
    fleet.clock.advance(31_000);
    expect((await patient).text).toMatch(/[01]/);
    await channel.close();
    expect(fleet.clock.pending).toBe(0);
  });

  it.each<[ChannelOptions, string]>([
    [{ outlierDetection: {} }, "outlierDetection is for loadBalancing policies that connect to all endpoints"],
    [{ loadBalancing: "round_robin", outlierDetection: 1 as never }, "outlierDetection must be an object"],
    [
      { loadBalancing: "round_robin", outlierDetection: { interval: "1" } },
      'outlierDetection.interval must be a duration such as "1.5s", not 1',
    ],
    [
      { loadBalancing: "round_robin", outlierDetection: { maxEjectionPercent: 101 } },
      "maxEjectionPercent must be a whole number from 0 to 100, not 101",
    ],
    [
      { loadBalancing: "round_robin", outlierDetection: { successRateEjection: { stdevFactor: -1 } } },
      "successRateEjection.stdevFactor must be a whole number",
    ],
    [
      { loadBalancing: "round_robin", outlierDetection: { failurePercentageEjection: { threshold: 1.5 } } },
      "failurePercentageEjection.threshold must be a whole number from 0 to 100",
    ],
    [
      { loadBalancing: "round_robin", outlierDetection: { failurePercentageEjection: [] as never } },
      "failurePercentageEjection must be an object",
    ],
    [{ loadBalancing: "round_robin", outlierDetection: { intervall: "1s" } as never }, "intervall"],
    [
      { serviceConfig: { loadBalancingConfig: [{ outlier_detection_experimental: {} }] } },
      "childPolicy must be an array of policies",
    ],
    [{ serviceConfig: config({}, "xds") }, "childPolicy names no policy that is known here"],
    [
      {
        serviceConfig: {
          loadBalancingConfig: [{ outlier_detection_experimental: { childPolicy: config({}).loadBalancingConfig } }],
        },
      },
      "outlier detection cannot stand within outlier detection",
    ],
  ])("refuses %j", (options, message) => {
    expect(() => new Channel("ipv4:127.0.0.1:1,127.0.0.1:2", options)).toThrow(message);
  });
});
