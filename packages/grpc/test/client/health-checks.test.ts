/** Client-side health checking (gRFC A17), in virtual time. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Health, HealthService, HealthCheckResponse_ServingStatus as Serving } from "../../src/health/index.js";
import {
  type ChannelOptions,
  type ChannelState,
  type ConnectionEvent,
  connectionEventsChannel,
  createClient,
  GrpcError,
  type Implementation,
  type Server,
  type ServiceConfig,
  Status,
} from "../../src/index.js";
import { bearerToken } from "../../src/interceptors/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection, settle, until } from "../support.js";
import { Fleet } from "./support/fleet.js";

let fleet: Fleet;
let healths: Health[];
let events: ConnectionEvent[];
const listener = (event: unknown): void => void events.push(event as ConnectionEvent);

beforeEach(() => {
  fleet = new Fleet();
  healths = [];
  events = [];
  subscribe(connectionEventsChannel, listener);
});

afterEach(async () => {
  unsubscribe(connectionEventsChannel, listener);
  await fleet.close();
});

const config = (serviceName = "", more: ServiceConfig = {}): ServiceConfig => ({
  loadBalancingConfig: [{ round_robin: {} }],
  healthCheckConfig: { serviceName },
  ...more,
});

/** Servers with a health of their own. */
const serve = (count: number) =>
  fleet.serve(count, undefined, (server) => {
    healths.push(new Health().addTo(server));
  });

type Watch = NonNullable<Implementation<typeof HealthService>["watch"]>;

/** One server whose `Watch` is a test's own, and the number of calls of it. */
async function serveWatch(watch: Watch) {
  const seen = { calls: 0, open: 0, authorization: [] as unknown[], deadlines: [] as unknown[] };
  await fleet.serve(1, undefined, (server: Server) => {
    server.add(HealthService, {
      check: () => ({}),
      list: () => ({}),
      async *watch(request, call) {
        seen.calls += 1;
        seen.open += 1;
        seen.authorization.push(call.metadata.get("authorization"));
        seen.deadlines.push(call.deadline);
        try {
          yield* (watch as (...given: unknown[]) => AsyncIterable<{ status: Serving }>)(request, call);
        } finally {
          seen.open -= 1;
        }
      },
    });
  });
  return seen;
}

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

describe("with healthCheckConfig", () => {
  it("a server gets calls only while it says SERVING", async () => {
    await serve(3);
    healths[1]?.set("", "NOT_SERVING");
    const channel = fleet.channel({ serviceConfig: config() });
    await fleet.untilAllAnswer(channel, "02");
    await until(() => channel.endpoints[1]?.state === "TRANSIENT_FAILURE", "the answer");
    expect(channel.endpoints[1]?.problem).toMatch(/gets no calls: the server says NOT_SERVING$/);
    expect(await fleet.say(channel, 4)).toMatch(/^(?:0202|2020)$/);
    healths[1]?.set("", "SERVING");
    healths[0]?.set("", "UNKNOWN");
    await until(() => channel.endpoints.map(({ state }) => state === "READY").join() === "false,true,true", "both");
    expect(await fleet.say(channel, 4)).toMatch(/^(?:1212|2121)$/);
    expect(events.filter(({ event }) => event === "closed" || event === "failed")).toEqual([]);
  });

  it("the named service is asked for, and one that is not known is not healthy", async () => {
    await serve(2);
    healths[0]?.set("acme.Other", "SERVING");
    healths[1]?.set("acme.v1.Greeter", "SERVING");
    const channel = fleet.channel({ serviceConfig: config("acme.v1.Greeter") });
    await fleet.untilAllAnswer(channel, "1");
    await until(() => channel.endpoints[0]?.problem !== undefined, "the answer");
    expect(channel.endpoints[0]?.problem).toMatch(/the server says SERVICE_UNKNOWN for acme.v1.Greeter$/);
    expect(await fleet.say(channel, 3)).toBe("111");
  });

  it("calls wait for the first answer, fail while no server is healthy, and wait on with waitForReady", async () => {
    await serve(2);
    for (const health of healths) health.set("", "NOT_SERVING");
    const channel = fleet.channel({ serviceConfig: config() });
    const client = createClient(Echo, channel);
    const first = rejection(client.say({}));
    const patient = client.say({}, { waitForReady: true });
    expect(await first).toMatchObject({
      status: Status.UNAVAILABLE,
      message: expect.stringContaining("says NOT_SERVING"),
    });
    await until(() => channel.state === "TRANSIENT_FAILURE", "both answers");
    const error = await rejection(client.say({}));
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toMatch(/^no endpoint of .* can be reached: .*NOT_SERVING; .*NOT_SERVING$/);
    healths[1]?.set("", "SERVING");
    expect((await patient).text).toBe("1");
  });

  it("a server without health counts as healthy, and that is told once", async () => {
    await fleet.serve(1);
    const channel = fleet.channel({ serviceConfig: config() });
    expect(await fleet.say(channel, 2)).toBe("00");
    fleet.clock.advance(600_000);
    await settle();
    const unchecked = events.filter(({ event }) => event === "unchecked");
    expect(unchecked).toMatchObject([
      { role: "client", peer: fleet.addresses[0], cause: { status: Status.UNIMPLEMENTED } },
    ]);
  });

  it("a watch that fails is tried again, with waits that grow until one is answered", async () => {
    let serving = false;
    const seen = await serveWatch(async function* (_, call) {
      if (!serving) throw new GrpcError(Status.INTERNAL, "no idea");
      yield { status: Serving.SERVING };
      await forever(call.signal);
    });
    const channel = fleet.channel({ serviceConfig: config() });
    await rejection(channel.connect());
    expect(channel.endpoints[0]?.problem).toMatch(/its health cannot be watched: no idea$/);
    for (const waitMs of [500, 800, 1_280]) {
      const { calls } = seen;
      fleet.clock.advance(waitMs - 1);
      await settle();
      expect(seen.calls).toBe(calls);
      fleet.clock.advance(1);
      await until(() => seen.calls === calls + 1, "the next watch");
      await until(() => channel.state === "TRANSIENT_FAILURE", "its failure");
    }
    serving = true;
    fleet.clock.advance(2_048);
    await channel.connect({ waitForReady: true });
    expect(seen.calls).toBe(5);
  });

  it("a watch that ends after an answer is begun again at once, unless it was short", async () => {
    let end: () => void = () => {};
    const seen = await serveWatch(async function* () {
      yield { status: Serving.SERVING };
      await new Promise<void>((resolve) => (end = resolve));
    });
    const channel = fleet.channel({ serviceConfig: config() });
    await channel.connect();
    fleet.clock.advance(500);
    const states: ChannelState[] = [];
    void (async () => {
      for await (const state of channel.watchState()) states.push(state);
    })();
    end();
    await until(() => seen.calls === 2 && channel.state === "READY", "the next watch");
    // Calls wait for it, instead of failing.
    expect(states).toEqual(["READY", "CONNECTING", "READY"]);
    end();
    await until(() => channel.state === "TRANSIENT_FAILURE", "the end");
    fleet.clock.advance(499);
    await settle();
    expect(seen.calls).toBe(2);
    fleet.clock.advance(1);
    await until(() => channel.state === "READY", "the next watch");
  });

  it("a watch without an answer is given up in time", async () => {
    const seen = await serveWatch(async function* (_, call) {
      await forever(call.signal);
      yield { status: Serving.SERVING };
    });
    const channel = fleet.channel({ serviceConfig: config(), connectTimeoutMs: 700 });
    const failed = rejection(channel.connect());
    await until(() => seen.calls === 1, "the watch");
    fleet.clock.advance(700);
    expect((await failed).message).toMatch(/its health cannot be watched: .*no answer within 700 ms/);
    await until(() => seen.open === 0, "its end at the server");
  });

  it("an answer that is none counts as a failure", async () => {
    let open = 0;
    let begun = 0;
    await fleet.serve(1, undefined, (server) => {
      const bytes = { encode: (each: Uint8Array) => each, decode: (each: Uint8Array) => each };
      const watch = {
        path: "/grpc.health.v1.Health/Watch",
        kind: "server_streaming",
        request: bytes,
        response: bytes,
      } as const;
      server.add(
        { typeName: "grpc.health.v1.Health", methods: { watch } },
        {
          async *watch(_, call) {
            begun += 1;
            open += 1;
            try {
              yield Uint8Array.of(0x12, 0);
              await forever(call.signal);
            } finally {
              open -= 1;
            }
          },
        },
      );
    });
    const channel = fleet.channel({ serviceConfig: config() });
    expect((await rejection(channel.connect())).message).toContain("the answer is no HealthCheckResponse");
    fleet.clock.advance(60_000);
    await until(() => begun === 2 && open === 0, "the end of both calls at the server");
  });

  it("the watch is cancelled when the channel closes, and is no call of it", async () => {
    const seen = await serveWatch(async function* (_, call) {
      yield { status: Serving.SERVING };
      await forever(call.signal);
    });
    const channel = fleet.channel({ serviceConfig: config() });
    await channel.connect();
    expect(channel.endpoints[0]?.activeCalls).toBe(0);
    await channel.close();
    await until(() => seen.open === 0, "the end at the server");
    await until(() => fleet.clock.pending === 0, "the end of all timers");
  });

  it("the watch ends with GOAWAY, and does not hold a server up that closes", async () => {
    await serve(1);
    const channel = fleet.channel({ serviceConfig: config() });
    await channel.connect();
    await fleet.servers[0]?.close({ closeTimeoutMs: 60_000 });
    await until(() => channel.state !== "READY", "the loss");
  });

  it("a connection that is not used is closed although it is watched", async () => {
    const seen = await serveWatch(async function* (_, call) {
      yield { status: Serving.SERVING };
      await forever(call.signal);
    });
    const channel = fleet.channel({ serviceConfig: config(), idleTimeoutMs: 8_000, refreshIntervalMs: Infinity });
    await channel.connect();
    fleet.clock.advance(4_000);
    expect(await fleet.say(channel, 1)).toBe("0");
    for (let second = 0; second < 7; second++) fleet.clock.advance(1_000);
    expect(channel.state).toBe("READY");
    fleet.clock.advance(2_000);
    await until(() => channel.state === "IDLE", "the end");
    await until(() => seen.open === 0, "the end at the server");
    expect(await fleet.say(channel, 1)).toBe("0");
  });

  it("the watch carries credentials of the channel, but no other interceptor and no time of the config", async () => {
    const seen = await serveWatch(async function* (_, call) {
      yield { status: Serving.SERVING };
      await forever(call.signal);
    });
    const paths: string[] = [];
    const channel = fleet.channel({
      serviceConfig: config("", { methodConfig: [{ name: [{}], timeout: "1s" }] }),
      timeoutMs: 1_000,
      interceptors: [
        bearerToken("secret"),
        ({ path }) => {
          paths.push(path);
          return {};
        },
      ],
    });
    await channel.connect();
    expect(seen.authorization).toEqual(["Bearer secret"]);
    expect(seen.deadlines).toEqual([undefined]);
    expect(paths).toEqual([]);
  });
});

describe("nothing is checked", () => {
  it.each<[string, ChannelOptions]>([
    ["with pick_first", { serviceConfig: config("", { loadBalancingConfig: [{ pick_first: {} }] }) }],
    ["with healthChecks: false", { serviceConfig: config(), healthChecks: false }],
    ["without the name of a service", { serviceConfig: config("", { healthCheckConfig: {} }) }],
    ["without healthCheckConfig", { loadBalancing: "round_robin" }],
  ])("%s", async (_, options) => {
    await serve(1);
    healths[0]?.set("", "NOT_SERVING");
    const channel = fleet.channel(options);
    expect(await fleet.say(channel, 2)).toBe("00");
  });
});

it("a later config of the resolver begins and ends the checks of connections that are there", async () => {
  await serve(2);
  healths[0]?.set("", "NOT_SERVING");
  fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: { loadBalancingPolicy: "round_robin" } });
  const channel = fleet.channel();
  await fleet.untilAllAnswer(channel, "01");
  fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: config() });
  fleet.clock.advance(60_000);
  await until(() => channel.endpoints[0]?.state === "TRANSIENT_FAILURE", "the check");
  await until(() => channel.endpoints[1]?.state === "READY", "the check");
  expect(await fleet.say(channel, 3)).toBe("111");
  fleet.resolver = () => ({ endpoints: fleet.addresses, serviceConfig: { loadBalancingPolicy: "round_robin" } });
  fleet.clock.advance(60_000);
  await until(() => channel.endpoints[0]?.state === "READY", "the end of the checks");
  await fleet.untilAllAnswer(channel, "01");
  expect(events.filter(({ event }) => event === "closed")).toEqual([]);
});

it.each<[ChannelOptions, string]>([
  [{ healthChecks: 1 as never }, "healthChecks must be true or false, not 1"],
  [
    { serviceConfig: { healthCheckConfig: { serviceName: 1 as never } } },
    "serviceName must be text of at most 1000 characters, not 1",
  ],
  [{ serviceConfig: { healthCheckConfig: { serviceName: "x".repeat(1_001) } } }, "not one of 1001 characters"],
  [{ serviceConfig: { healthCheckConfig: { service: "" } as never } }, "service"],
])("refuses %j", (options, message) => {
  expect(() => fleet.channel(options)).toThrow(message);
});
