/** The load balancing policy of a service config (gRFC A24, A62), from options and resolvers (A21). */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  Channel,
  type ChannelOptions,
  createClient,
  type LoadBalancingPolicy,
  type ServiceConfig,
  Status,
} from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection, settle, until } from "../support.js";
import { Fleet, freshSocket } from "./support/fleet.js";

let fleet: Fleet;

beforeEach(() => {
  fleet = new Fleet();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await fleet.close();
});

const roundRobin: ServiceConfig = { loadBalancingConfig: [{ round_robin: {} }] };

/** Chooses always the last of the ready endpoints, by address. */
const lastByName: LoadBalancingPolicy = {
  pickerFor(ready) {
    const last = [...ready].sort((one, other) => (String(one.addresses) < String(other.addresses) ? -1 : 1)).at(-1);
    return () => last as never;
  },
};

describe("loadBalancingConfig in options", () => {
  it("takes the first policy that is known, and passes over the others", async () => {
    await fleet.serve(3);
    const serviceConfig = { loadBalancingConfig: [{ xds: { a: 1 } }, { round_robin: {} }, { pick_first: {} }] };
    const channel = fleet.channel({ serviceConfig });
    await fleet.untilAllAnswer(channel, "012");
    expect([...(await fleet.say(channel, 3))].sort().join("")).toBe("012");
  });

  it.each(["round_robin", "ROUND_ROBIN"])("loadBalancingPolicy %s, the older form, does the same", async (name) => {
    await fleet.serve(2);
    await fleet.untilAllAnswer(fleet.channel({ serviceConfig: { loadBalancingPolicy: name } }), "01");
  });

  it("counts before loadBalancingPolicy", async () => {
    await fleet.serve(2);
    const serviceConfig = { loadBalancingPolicy: "round_robin", loadBalancingConfig: [{ pick_first: {} }] };
    expect(await fleet.say(fleet.channel({ serviceConfig }), 4)).toBe("0000");
  });

  it("makes a registered policy from its config", async () => {
    await fleet.serve(2);
    const configs: unknown[] = [];
    const channel = fleet.channel({
      serviceConfig: { loadBalancingConfig: [{ "acme.last": { by: "name" } }] },
      loadBalancingPolicies: {
        "acme.last": (config) => {
          configs.push(config);
          return lastByName;
        },
      },
    });
    await fleet.untilAllAnswer(channel, "1");
    expect(await fleet.say(channel, 3)).toBe("111");
    expect(configs).toEqual([{ by: "name" }]);
  });

  it("shuffles the addresses of pick_first where it is asked to", async () => {
    await fleet.serve(3);
    vi.spyOn(Math, "random").mockReturnValue(0);
    const loadBalancingConfig = [{ pick_first: { shuffleAddressList: true } }];
    // With 0 each time, the last one changes places with the first, and then the second does.
    expect(await fleet.say(fleet.channel({ serviceConfig: { loadBalancingConfig } }), 2)).toBe("11");
    expect(await fleet.say(fleet.channel({ serviceConfig: { loadBalancingConfig: [{ pick_first: {} }] } }), 2)).toBe(
      "00",
    );
  });

  it.each<[ServiceConfig, string]>([
    [
      { loadBalancingConfig: [{ xds: {} }, { grpclb: {} }] },
      'loadBalancingConfig names no policy that is known here: it has "xds", "grpclb", known are pick_first',
    ],
    [
      { loadBalancingPolicy: "grpclb" },
      'serviceConfig.loadBalancingPolicy names no policy that is known here: it has "grpclb"',
    ],
    [{ loadBalancingPolicy: 7 as never }, "loadBalancingPolicy must be the name of a policy, not 7"],
    [{ loadBalancingConfig: {} as never }, "loadBalancingConfig must be an array"],
    [{ loadBalancingConfig: [{}] }, "loadBalancingConfig[0] must be an object with the name of one policy"],
    [{ loadBalancingConfig: [{ pick_first: {}, round_robin: {} }] }, "must be an object with the name of one policy"],
    [{ loadBalancingConfig: [{ round_robin: null }] }, "loadBalancingConfig[0].round_robin must be an object"],
    [{ loadBalancingConfig: [{ round_robin: { x: 1 } }] }, "x"],
    [{ loadBalancingConfig: [{ pick_first: { shuffleAddressList: 1 } }] }, "must be true or false, not 1"],
    [{ loadBalancingConfig: [{ mine: {} }] }, "loadBalancingPolicies.mine must return an object with pickerFor()"],
  ])("refuses %j", (serviceConfig, message) => {
    const options: ChannelOptions = { serviceConfig, loadBalancingPolicies: { mine: () => ({}) as never } };
    expect(() => new Channel("ipv4:127.0.0.1:1", options)).toThrow(message);
  });

  it.each<[ChannelOptions, string]>([
    [{ loadBalancing: "round_robin", serviceConfig: roundRobin }, "by loadBalancing or by serviceConfig, not by both"],
    [{ loadBalancingPolicies: { round_robin: () => lastByName } }, "the policy round_robin exists already"],
    [{ loadBalancingPolicies: { "a b": () => lastByName } }, '"a b" is no name of a policy'],
    [{ loadBalancingPolicies: { a: 1 as never } }, "loadBalancingPolicies.a must be a function"],
    [{ loadBalancingPolicies: [] as never }, "loadBalancingPolicies must be an object"],
    [{ serviceConfigFromDns: true }, "serviceConfigFromDns is for targets whose name the system looks up"],
    [{ serviceConfigFromDns: 1 as never }, "serviceConfigFromDns must be true or false, not 1"],
  ])("refuses the options %j", (options, message) => {
    expect(() => new Channel("ipv4:127.0.0.1:1", options)).toThrow(message);
  });
});

describe("a service config of the resolver", () => {
  it("chooses the policy, and counts before the channel's own", async () => {
    await fleet.serve(2);
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: roundRobin });
    const channel = fleet.channel({ serviceConfig: { loadBalancingConfig: [{ pick_first: {} }] } });
    await fleet.untilAllAnswer(channel, "01");
  });

  it("leaves the channel's own config to count where an answer has none", async () => {
    await fleet.serve(2);
    fleet.resolver = () => ({ endpoints: fleet.addresses });
    await fleet.untilAllAnswer(fleet.channel({ serviceConfig: roundRobin }), "01");
  });

  it("passes over fields that are not known: it may be for newer clients", async () => {
    await fleet.serve(2);
    const serviceConfig = { loadBalancingConfig: [{ round_robin: { newer: 1 } }], alsoNewer: {} } as ServiceConfig;
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig });
    await fleet.untilAllAnswer(fleet.channel(), "01");
  });

  it("that cannot be fails the calls with the reason, where none has held before", async () => {
    await fleet.serve(1);
    const serviceConfig = { loadBalancingConfig: [{ xds: {} }] };
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig });
    const channel = fleet.channel({ serviceConfig: roundRobin });
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toContain("cannot resolve test:///fleet: serviceConfig.loadBalancingConfig names no policy");
    fleet.resolver = () => fleet.addresses;
    fleet.clock.advance(10_000);
    expect(await fleet.say(channel, 1)).toBe("0");
  });

  it("that cannot be changes nothing later, but the endpoints do change", async () => {
    await fleet.serve(2);
    const [first, second] = fleet.addresses as [string, string];
    fleet.resolver = () => ({ endpoints: [first], serviceConfig: roundRobin });
    const channel = fleet.channel();
    expect(await fleet.say(channel, 1)).toBe("0");
    fleet.resolver = () => ({ endpoints: [first, second], serviceConfig: { methodConfig: 7 as never } });
    fleet.clock.advance(60_000);
    await fleet.untilAllAnswer(channel, "01");
  });

  it("can go from one policy to another, and no call waits or fails for it", async () => {
    await fleet.serve(2);
    fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: roundRobin });
    const channel = fleet.channel({ loadBalancingPolicies: { last: () => lastByName } });
    await fleet.untilAllAnswer(channel, "01");
    const next = async (config: ServiceConfig): Promise<void> => {
      const { lookups } = fleet;
      fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: config });
      fleet.clock.advance(60_000);
      expect(channel.state).toBe("READY");
      await until(() => fleet.lookups > lookups, "the lookup");
    };
    await next({ loadBalancingConfig: [{ last: {} }] });
    await settle();
    expect(await fleet.say(channel, 4)).toBe("1111");
    await next({ loadBalancingConfig: [{ pick_first: {} }] });
    for (let turn = 0; turn < 20; turn++) {
      expect(channel.state).toBe("READY");
      expect(await fleet.say(channel, 1)).not.toBe("x");
      await settle(1);
    }
    expect(await fleet.say(channel, 4)).toBe("0000");
    await channel.close();
    expect(fleet.clock.pending).toBe(0);
  });

  it("holds for the call that has waited for it: its retries and its time", async () => {
    let attempts = 0;
    await fleet.serve(1, () => () => {
      attempts += 1;
      if (attempts < 3) throw new Error("busy");
      return { text: "done" };
    });
    const retryPolicy = {
      maxAttempts: 5,
      initialBackoff: "0.001s",
      maxBackoff: "0.002s",
      backoffMultiplier: 2,
      retryableStatusCodes: ["UNKNOWN" as const, "INTERNAL" as const],
    };
    let release: () => void = () => {};
    fleet.resolver = async () => {
      await new Promise<void>((resolve) => (release = resolve));
      return {
        endpoints: fleet.addresses,
        serviceConfig: { methodConfig: [{ name: [{}], timeout: "2s", retryPolicy }] },
      };
    };
    const channel = fleet.channel();
    const client = createClient(Echo, channel);
    const reply = client.say({});
    await settle();
    fleet.clock.advance(1_000);
    release();
    const busy = until(() => attempts === 3, "the third attempt");
    const advancing = (async () => {
      while (attempts < 3) {
        fleet.clock.advance(2);
        await settle(1);
      }
    })();
    await Promise.all([busy, advancing]);
    expect((await reply).text).toBe("done");

    // A call that began before the config was known, and whose time by it is over when it comes.
    const late = fleet.channel();
    const failed = rejection(createClient(Echo, late).say({}));
    await settle();
    fleet.clock.advance(3_000);
    release();
    expect(await failed).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      message: expect.stringContaining("the deadline passed 3000 ms after the call began"),
    });
  });
});

it("a resolver that returns neither a list nor an object with endpoints is refused", async () => {
  fleet.resolver = () => ({}) as never;
  const error = await rejection(fleet.channel().connect());
  expect(error.message).toContain("a resolver returns an array of endpoints, or an object with endpoints");
});

it("a target of one connection takes the config's policy, too", async () => {
  expect(() => new Channel({ transport: {} as never }, { serviceConfig: roundRobin })).toThrow(
    "a given transport is one connection, over which no policy can balance",
  );
  const missing = freshSocket();
  const channel = new Channel({ connect: () => Promise.reject(new Error(missing)) }, { serviceConfig: roundRobin });
  expect((await rejection(channel.connect())).message).toContain(missing);
  await channel.close();
});
