import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../src/gen/grpc/health/v1/health_pb.js";
import { Health, HealthService, type HealthStatus } from "../../src/health/index.js";
import { Channel, type ClientCall, createClient, type GrpcError, Server, Status } from "../../src/index.js";
import { rejection, settle, until } from "../support.js";

let server: Server;
let health: Health;
let channel: Channel;
const client = () => createClient(HealthService, channel);

beforeEach(async () => {
  server = new Server();
  health = new Health().addTo(server);
  channel = new Channel(await server.listen("127.0.0.1:0"));
});
afterEach(async () => {
  await Promise.all([channel.close({ closeTimeoutMs: 0 }), server.close({ closeTimeoutMs: 0 })]);
});

/** Watches a service: gives what has come so far, and the error that has ended the watch. */
function watch(service: string): { seen: string[]; ended: Promise<GrpcError | undefined>; cancel(): void } {
  const call = client().watch.open();
  const seen: string[] = [];
  const ended = (async () => {
    await call.send({ service });
    for await (const { status } of call) seen.push(nameOf(status));
    return undefined;
  })().catch((error: GrpcError) => error);
  return { seen, ended, cancel: () => call.cancel() };
}

function nameOf(status: ServingStatus): string {
  return Object.entries(ServingStatus).find(([, value]) => value === status)?.[0] ?? String(status);
}

describe("Check", () => {
  it("answers that the server as a whole is serving, without a word from its user", async () => {
    expect((await client().check({})).status).toBe(ServingStatus.SERVING);
  });

  it.each<HealthStatus>(["SERVING", "NOT_SERVING", "UNKNOWN"])("answers %s after it was set", async (status) => {
    health.set("acme.v1.Greeter", status);
    expect((await client().check({ service: "acme.v1.Greeter" })).status).toBe(ServingStatus[status]);
    expect(health.get("acme.v1.Greeter")).toBe(status);
  });

  it("fails with NOT_FOUND for a service that was never set, and for one that was deleted", async () => {
    health.set("acme.v1.Greeter", "SERVING");
    expect(health.delete("acme.v1.Greeter")).toBe(true);
    expect(health.delete("acme.v1.Greeter")).toBe(false);
    for (const service of ["acme.v1.Greeter", "acme.v1.Other"]) {
      const error = await rejection(client().check({ service }));
      expect(error.status).toBe(Status.NOT_FOUND);
      expect(error.message).toContain(JSON.stringify(service));
    }
  });

  it("takes no request above 4,096 bytes", async () => {
    expect((await rejection(client().check({ service: "x".repeat(4_093) }))).status).toBe(Status.NOT_FOUND);
    expect((await rejection(client().check({ service: "x".repeat(4_094) }))).status).toBe(Status.RESOURCE_EXHAUSTED);
  });
});

describe("List", () => {
  it("answers with all services, those with names of Object's own included", async () => {
    health.set("__proto__", "NOT_SERVING");
    health.set("acme.v1.Greeter", "UNKNOWN");
    const { statuses } = await client().list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, nameOf(status)])).toEqual([
      ["", "SERVING"],
      ["__proto__", "NOT_SERVING"],
      ["acme.v1.Greeter", "UNKNOWN"],
    ]);
  });

  it("fails with RESOURCE_EXHAUSTED for more than 100 services", async () => {
    for (let index = 1; index < 100; index += 1) health.set(`service-${index}`, "SERVING");
    expect(Object.keys((await client().list({})).statuses)).toHaveLength(100);
    health.set("one-more", "SERVING");
    const error = await rejection(client().list({}));
    expect(error.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(error.message).toContain("101 services are known here, and a list has at most 100");
  });
});

describe("Watch", () => {
  it("tells the state at once and each change, and nothing where nothing has changed", async () => {
    health.set("acme.v1.Greeter", "SERVING");
    const { seen } = watch("acme.v1.Greeter");
    await until(() => seen.length === 1);
    health.set("acme.v1.Greeter", "SERVING");
    health.set("acme.v1.Other", "NOT_SERVING");
    await settle();
    health.set("acme.v1.Greeter", "NOT_SERVING");
    await until(() => seen.length === 2);
    expect(seen).toEqual(["SERVING", "NOT_SERVING"]);
  });

  it("tells SERVICE_UNKNOWN of a service that is not known, and its state once it is", async () => {
    const { seen } = watch("acme.v1.Greeter");
    await until(() => seen.length === 1);
    health.set("acme.v1.Greeter", "SERVING");
    await until(() => seen.length === 2);
    health.delete("acme.v1.Greeter");
    await until(() => seen.length === 3);
    expect(seen).toEqual(["SERVICE_UNKNOWN", "SERVING", "SERVICE_UNKNOWN"]);
  });

  it("tells a client that does not read the last of many changes only", async () => {
    const call: ClientCall<{ service?: string }, { status: ServingStatus }> = client().watch.open();
    await call.send({ service: "busy" });
    await call.receive();
    // Far more than a stream's window holds, if each was sent.
    for (let change = 0; change < 100_000; change += 1)
      health.set("busy", change % 2 === 0 ? "SERVING" : "NOT_SERVING");
    health.set("busy", "UNKNOWN");
    expect((await call.receive())?.status).toBe(ServingStatus.UNKNOWN);
    call.cancel();
  });

  it("forgets a client that cancels", async () => {
    const { seen, ended, cancel } = watch("acme.v1.Greeter");
    await until(() => seen.length === 1);
    cancel();
    expect((await ended)?.status).toBe(Status.CANCELLED);
    // A watch that had stayed would hold the server for as long as it may.
    await server.close({ closeTimeoutMs: 3_600_000 });
  });

  it("ends when the server closes, with NOT_SERVING before, and does not hold it up", async () => {
    const { seen, ended } = watch("");
    await until(() => seen.length === 1);
    await server.close({ closeTimeoutMs: 3_600_000 });
    expect(seen).toEqual(["SERVING", "NOT_SERVING"]);
    expect((await ended)?.status).toBe(Status.UNAVAILABLE);
  });
});

describe("maxWatches", () => {
  it("refuses one watch more with RESOURCE_EXHAUSTED, and takes one again when another has ended", async () => {
    const small = new Server();
    new Health({ maxWatches: 2 }).addTo(small);
    await channel.close();
    channel = new Channel(await small.listen("127.0.0.1:0"));
    const [first, second] = [watch(""), watch("")];
    await until(() => first.seen.length + second.seen.length === 2);
    const refused = await watch("").ended;
    expect(refused?.status).toBe(Status.RESOURCE_EXHAUSTED);
    expect(refused?.message).toContain("2 calls watch the health of this server, and no more may (maxWatches)");
    first.cancel();
    await first.ended;
    // The server hears of it a little later.
    let third = watch("");
    for (; third.seen.length === 0; await settle()) if (await raced(third.ended)) third = watch("");
    expect(third.seen).toEqual(["SERVING"]);
    await small.close({ closeTimeoutMs: 0 });
  });

  it.each([-1, 0.5])("may not be %s", (maxWatches) => {
    expect(() => new Health({ maxWatches })).toThrow(RangeError);
  });
});

/** Returns true if the watch has ended by now. */
async function raced(ended: Promise<unknown>): Promise<boolean> {
  return Promise.race([ended.then(() => true), settle().then(() => false)]);
}

describe("shutDown", () => {
  it("says NOT_SERVING of every service, for good, and leaves the watches open", async () => {
    health.set("acme.v1.Greeter", "SERVING");
    const [whole, greeter] = [watch(""), watch("acme.v1.Greeter")];
    await until(() => whole.seen.length === 1 && greeter.seen.length === 1);
    health.shutDown();
    health.set("acme.v1.Greeter", "SERVING");
    await until(() => whole.seen.length === 2 && greeter.seen.length === 2);
    await settle();
    expect([whole.seen, greeter.seen]).toEqual([
      ["SERVING", "NOT_SERVING"],
      ["SERVING", "NOT_SERVING"],
    ]);
    expect((await client().check({})).status).toBe(ServingStatus.NOT_SERVING);
  });
});

describe("set", () => {
  it.each([
    ["a state that does not exist", "", "HEALTHY", 'is "SERVING", "NOT_SERVING" or "UNKNOWN", not "HEALTHY"'],
    ["what only Watch answers", "", "SERVICE_UNKNOWN", 'not "SERVICE_UNKNOWN"'],
    ["a name of Object's own", "", "toString", 'not "toString"'],
    ["a name that is no text", 5, "SERVING", "the name of a service is text, not number"],
  ])("refuses %s", (_, service, status, message) => {
    expect(() => health.set(service as string, status as HealthStatus)).toThrow(message);
  });
});
