/** The reports of refused calls: a stranger must not be able to fill a log. */
import { createClient, GrpcError } from "@trunkline/grpc";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { ExchangeService } from "../../src/gen/trunkline/v1/exchange_pb.js";
import { testRouter } from "../support/router.js";

async function refuse(exchange: { list(request: {}): Promise<unknown> }, times: number): Promise<void> {
  for (let index = 0; index < times; index++) await expect(exchange.list({})).rejects.toBeInstanceOf(GrpcError);
}

describe("refused calls", () => {
  it("are reported one by one up to maxReportedRefusals, then counted and reported once", async () => {
    const clock = new VirtualClock();
    await using test = testRouter({ clock, maxReportedRefusals: 3, refusalIntervalMs: 1_000 });
    const exchange = createClient(ExchangeService, test.connect());
    await refuse(exchange, 3);
    expect(test.events.map(({ kind }) => kind)).toEqual(["refused", "refused", "refused"]);
    await refuse(exchange, 40);
    expect(test.events).toHaveLength(3);
    clock.advance(1_000);
    expect(test.events.slice(3)).toEqual([
      {
        kind: "refusals-omitted",
        method: "/trunkline.v1.ExchangeService/List",
        status: 16,
        count: 40,
        durationMs: 1_000,
      },
    ]);
    expect(test.router.stats.refusals).toBe(43);
    await refuse(exchange, 1);
    expect(test.events.at(-1)).toMatchObject({ kind: "refused" });
  });

  it("do not end the process where onEvent is an async function that rejects, or throws", async () => {
    let events = 0;
    const onEvent = (): never => {
      events += 1;
      if (events % 2 === 0) throw new Error("no");
      return Promise.reject(new Error("no")) as never;
    };
    await using test = testRouter({ onEvent });
    await refuse(createClient(ExchangeService, test.connect()), 3);
    expect(events).toBeGreaterThan(2);
  });

  it("of another kind are reported although one kind is past its limit", async () => {
    await using test = testRouter({ clock: new VirtualClock(), maxReportedRefusals: 1 });
    const exchange = createClient(ExchangeService, test.connect());
    await refuse(exchange, 2);
    await expect(exchange.dial({ name: "web" })).rejects.toBeInstanceOf(GrpcError);
    expect(test.events.map((event) => event.kind === "refused" && event.method)).toEqual([
      "/trunkline.v1.ExchangeService/List",
      "/trunkline.v1.ExchangeService/Dial",
    ]);
  });

  it("that were only counted are reported when the router closes, and nothing where none was left out", async () => {
    const test = testRouter({ clock: new VirtualClock(), maxReportedRefusals: 1 });
    await refuse(createClient(ExchangeService, test.connect()), 2);
    await test[Symbol.asyncDispose]();
    expect(test.events.map(({ kind }) => kind)).toEqual(["refused", "refusals-omitted"]);

    const other = testRouter({ clock: new VirtualClock(), maxReportedRefusals: 1 });
    await refuse(createClient(ExchangeService, other.connect()), 1);
    await other[Symbol.asyncDispose]();
    expect(other.events.map(({ kind }) => kind)).toEqual(["refused"]);
  });

  it("leave no appointment behind once the router is closed", async () => {
    const clock = new VirtualClock();
    const test = testRouter({ clock });
    await refuse(createClient(ExchangeService, test.connect()), 1);
    await test[Symbol.asyncDispose]();
    clock.advance(5_000); // the connections' last waits
    expect(clock.pending).toBe(0);
  });
});
