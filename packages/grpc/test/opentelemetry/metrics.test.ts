import { ErrorCode } from "@trunkline/h2";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, it } from "vitest";
import { Channel, createClient, GrpcError, Status } from "../../src/index.js";
import { openTelemetry } from "../../src/opentelemetry/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, framed, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";
import { type Measured, Memory } from "./support.js";

const method = "trunkline.test.v1.Echo/Say";

describe("the metrics of gRFC A66", () => {
  it("have the names, units, labels and buckets of the proposal, at both sides", async () => {
    const clock = new VirtualClock();
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    const say = (): { text: string } => {
      clock.advance(25);
      return { text: "four" };
    };
    await using served = channelFor([[Echo, { ...echo, say }]], {
      channel: { clock, interceptors },
      server: { clock, interceptors },
    });
    await createClient(Echo, served.channel).say({ text: "seven77" });
    const target = "passthrough:///memory";
    const attempt = { "grpc.method": method, "grpc.target": target };
    const status = { "grpc.status": "OK" };
    const server = { "grpc.method": method };
    const measured = await memory.measured();
    const shown = measured.map(({ name, unit, attributes, count, sum }) => ({ name, unit, attributes, count, sum }));
    expect(shown.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: "grpc.client.attempt.duration", unit: "s", attributes: { ...attempt, ...status }, count: 1, sum: 0.025 },
      {
        name: "grpc.client.attempt.rcvd_total_compressed_message_size",
        unit: "By",
        attributes: { ...attempt, ...status },
        count: 1,
        sum: 6,
      },
      {
        name: "grpc.client.attempt.sent_total_compressed_message_size",
        unit: "By",
        attributes: { ...attempt, ...status },
        count: 1,
        sum: 9,
      },
      { name: "grpc.client.attempt.started", unit: "{attempt}", attributes: attempt, count: 1, sum: undefined },
      { name: "grpc.client.call.duration", unit: "s", attributes: { ...attempt, ...status }, count: 1, sum: 0.025 },
      { name: "grpc.server.call.duration", unit: "s", attributes: { ...server, ...status }, count: 1, sum: 0.025 },
      {
        name: "grpc.server.call.rcvd_total_compressed_message_size",
        unit: "By",
        attributes: { ...server, ...status },
        count: 1,
        sum: 9,
      },
      {
        name: "grpc.server.call.sent_total_compressed_message_size",
        unit: "By",
        attributes: { ...server, ...status },
        count: 1,
        sum: 6,
      },
      { name: "grpc.server.call.started", unit: "{call}", attributes: server, count: 1, sum: undefined },
    ]);
    for (const { unit, boundaries } of measured) {
      if (unit === "s") expect(boundaries).toEqual(latencies);
      if (unit === "By")
        expect(boundaries).toEqual([0, ...[10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32].map((n) => 2 ** n)]);
    }
  });

  it("count all messages of streams, also those that nobody has taken when the call ends", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors }, server: { interceptors } });
    const client = createClient(Echo, served.channel);
    await collect(client.chat([{ text: "1" }, { text: "22" }, { text: "333" }]));
    const call = client.expand.open();
    await call.send({ text: "x", count: 3 });
    await call.receiveTrailingMetadata();
    const measured = await memory.measured();
    expect(sumOf(measured, "grpc.client.attempt.sent_total_compressed_message_size", "Chat")).toBe(12);
    expect(sumOf(measured, "grpc.client.attempt.rcvd_total_compressed_message_size", "Chat")).toBe(12);
    expect(sumOf(measured, "grpc.client.attempt.rcvd_total_compressed_message_size", "Expand")).toBe(13);
    expect(sumOf(measured, "grpc.server.call.sent_total_compressed_message_size", "Expand")).toBe(13);
  });

  it("count compressed bytes", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors, compression: "gzip" } });
    await createClient(Echo, served.channel).say({ text: "a".repeat(10_000) });
    const measured = await memory.measured();
    expect(sumOf(measured, "grpc.client.attempt.sent_total_compressed_message_size", "Say")).toBeLessThan(100);
    expect(sumOf(measured, "grpc.client.attempt.rcvd_total_compressed_message_size", "Say")).toBe(10_003);
  });

  it("have one attempt for each try of a call that is retried, and one duration for the call", async () => {
    const clock = new VirtualClock();
    const memory = new Memory();
    let tries = 0;
    const say = (): { text: string } => {
      tries += 1;
      if (tries < 3) throw new GrpcError(Status.UNAVAILABLE, "not yet");
      return { text: "" };
    };
    const retryPolicy = {
      maxAttempts: 4,
      initialBackoff: "1s",
      maxBackoff: "1s",
      backoffMultiplier: 1,
      retryableStatusCodes: ["UNAVAILABLE"],
    } as const;
    await using served = channelFor([[Echo, { ...echo, say }]], {
      channel: {
        clock,
        interceptors: [memory.telemetry],
        serviceConfig: { methodConfig: [{ name: [{ service: "trunkline.test.v1.Echo" }], retryPolicy }] },
      },
      server: { clock },
    });
    let done = false;
    const called = createClient(Echo, served.channel)
      .say({})
      .finally(() => {
        done = true;
      });
    while (!done) {
      await settle();
      clock.advance(1_000);
    }
    await called;
    const measured = await memory.measured();
    const ofStatus = (name: string): Record<string, number> =>
      Object.fromEntries(
        measured
          .filter((one) => one.name === name)
          .map(({ attributes, count }) => [String(attributes["grpc.status"]), count]),
      );
    expect(ofStatus("grpc.client.attempt.started")).toEqual({ undefined: 3 });
    expect(ofStatus("grpc.client.attempt.duration")).toEqual({ UNAVAILABLE: 2, OK: 1 });
    expect(ofStatus("grpc.client.call.duration")).toEqual({ OK: 1 });
    expect(memory.spans.map(({ name, attributes }) => [name, attributes["previous-rpc-attempts"]])).toEqual([
      ["Attempt.trunkline.test.v1.Echo.Say", 0],
      ["Attempt.trunkline.test.v1.Echo.Say", 1],
      ["Attempt.trunkline.test.v1.Echo.Say", 2],
      ["Sent.trunkline.test.v1.Echo.Say", undefined],
    ]);
  });

  it('name a method that the server does not have "other", whatever the peer calls it', async () => {
    const memory = new Memory();
    await using served = channelFor([[Echo, { say: echo.say }]], { server: { interceptors: [memory.telemetry] } });
    const client = createClient(Echo, served.channel);
    for (let index = 0; index < 3; index++) {
      const error = await rejection(collect(client.chat([{}])));
      expect(error.status).toBe(Status.UNIMPLEMENTED);
    }
    const measured = await memory.measured();
    expect(measured.find(({ name }) => name === "grpc.server.call.started")).toMatchObject({
      attributes: { "grpc.method": "other" },
      count: 3,
    });
    expect(measured.find(({ name }) => name === "grpc.server.call.duration")?.attributes).toEqual({
      "grpc.method": "other",
      "grpc.status": "UNIMPLEMENTED",
    });
    expect(memory.spans).toEqual([]);
  });

  it("tell of calls that got no connection, and of those that were cancelled", async () => {
    const memory = new Memory();
    await using channel = new Channel("unix:/nowhere/at/all.sock", { interceptors: [memory.telemetry] });
    const client = createClient(Echo, channel);
    expect((await rejection(client.say({}))).status).toBe(Status.UNAVAILABLE);
    expect((await rejection(client.say({}, { signal: AbortSignal.abort() }))).status).toBe(Status.CANCELLED);
    const measured = await memory.measured();
    const durations = measured.filter(({ name }) => name === "grpc.client.call.duration");
    expect(durations.map(({ attributes }) => [attributes["grpc.target"], attributes["grpc.status"]])).toEqual([
      ["unix:/nowhere/at/all.sock", "UNAVAILABLE"],
      ["unix:/nowhere/at/all.sock", "CANCELLED"],
    ]);
    expect(measured.find(({ name }) => name === "grpc.client.attempt.started")?.count).toBe(1);
  });

  it("mark a call that is sent again as transparent", async () => {
    const memory = new Memory();
    const server = new RawServer({ interceptors: [memory.telemetry] });
    server.onWhole = ({ stream }) => {
      if (server.requests.length === 1) stream.reset(ErrorCode.REFUSED_STREAM);
      else {
        stream.sendHeaders(responseHeaders, { endStream: false });
        stream.sendData([framed(Uint8Array.of())], { endStream: false });
        stream.sendHeaders(okTrailers, { endStream: true });
        stream.release();
      }
    };
    await createClient(Echo, server.channel).say({ text: "x" });
    const attempts = memory.spans.filter(({ name }) => name.startsWith("Attempt."));
    expect(attempts.map(({ attributes }) => attributes["transparent-retry"])).toEqual([false, true]);
    await server.close();
  });

  it("are left out where the provider is false, and an unknown option is refused", async () => {
    const memory = new Memory();
    const { tracerProvider, propagator } = memory;
    const interceptors = [openTelemetry({ meterProvider: false, tracerProvider, propagator })];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors }, server: { interceptors } });
    await createClient(Echo, served.channel).say({});
    await until(() => memory.spans.length === 3, "three spans");
    expect(await memory.measured()).toEqual([]);
    expect(() => openTelemetry({ meter: 1 } as {})).toThrow(/meterProvider/);
  });
});

function sumOf(measured: readonly Measured[], name: string, method: string): number | undefined {
  return measured.find(
    (one) => one.name === name && one.attributes["grpc.method"] === `trunkline.test.v1.Echo/${method}`,
  )?.sum;
}

const latencies = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];
