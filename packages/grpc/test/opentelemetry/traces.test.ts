import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createClient, GrpcError, Status } from "../../src/index.js";
import { openTelemetry } from "../../src/opentelemetry/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, echo, rejection, until } from "../support.js";
import { Memory } from "./support.js";

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => context.disable());

describe("the traces of gRFC A72", () => {
  it("have spans of the call, its attempt and its server, each a child of the one before", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors }, server: { interceptors } });
    const tracer = memory.tracerProvider.getTracer("test");
    const outer = tracer.startSpan("outer");
    await context.with(trace.setSpan(ROOT_CONTEXT, outer), () => createClient(Echo, served.channel).say({ text: "a" }));
    await until(() => memory.spans.length === 3, "three spans");
    const [attempt, received, sent] = memory.spans;
    expect(sent).toMatchObject({ name: "Sent.trunkline.test.v1.Echo.Say", kind: SpanKind.CLIENT });
    expect(attempt).toMatchObject({ name: "Attempt.trunkline.test.v1.Echo.Say", kind: SpanKind.INTERNAL });
    expect(received).toMatchObject({ name: "Recv.trunkline.test.v1.Echo.Say", kind: SpanKind.SERVER });
    expect(sent?.parentSpanContext?.spanId).toBe(outer.spanContext().spanId);
    expect(attempt?.parentSpanContext?.spanId).toBe(sent?.spanContext().spanId);
    expect(received?.parentSpanContext?.spanId).toBe(attempt?.spanContext().spanId);
    expect(attempt?.attributes).toEqual({ "previous-rpc-attempts": 0, "transparent-retry": false });
    for (const span of memory.spans) expect(span.status).toEqual({ code: SpanStatusCode.OK });
  });

  it("have an event for each message, with its number and sizes", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    await using served = channelFor([[Echo, echo]], {
      channel: { interceptors, compression: "gzip" },
      server: { interceptors },
    });
    await collect(createClient(Echo, served.channel).chat([{ text: "a".repeat(1_000) }, {}]));
    await until(() => memory.spans.length === 3, "three spans");
    const [attempt, received] = memory.spans;
    const shown = (span: typeof attempt): unknown =>
      span?.events.map(({ name, attributes }) => ({ name, ...attributes }));
    const bytes = expect.any(Number);
    expect(shown(attempt)).toEqual([
      { name: "Delayed LB pick complete" },
      { name: "Outbound message", "sequence-number": 0, "message-size": 1_003, "message-size-compressed": bytes },
      { name: "Outbound message", "sequence-number": 1, "message-size": 0 },
      { name: "Inbound message", "sequence-number": 0, "message-size": 1_003 },
      { name: "Inbound message", "sequence-number": 1, "message-size": 0 },
    ]);
    expect(shown(received)).toContainEqual({
      name: "Inbound message",
      "sequence-number": 0,
      "message-size-compressed": bytes,
    });
  });

  it("end with the status, and with a part of its text that has a limit", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    const say = (): never => {
      throw new GrpcError(Status.NOT_FOUND, "x".repeat(1_000));
    };
    await using served = channelFor([[Echo, { ...echo, say }]], {
      channel: { interceptors },
      server: { interceptors },
    });
    await rejection(createClient(Echo, served.channel).say({}));
    await until(() => memory.spans.length === 3, "three spans");
    const message = `NOT_FOUND: ${"x".repeat(256 - 11)}`;
    for (const span of memory.spans) expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message });
  });

  it("carry baggage to the handler, whose own calls become children of its span", async () => {
    const memory = new Memory();
    const interceptors = [memory.telemetry];
    await using inner = channelFor([[Echo, echo]], { channel: { interceptors } });
    const client = createClient(Echo, inner.channel);
    let baggage: string | undefined;
    await using served = channelFor(
      [
        [
          Echo,
          {
            ...echo,
            async say(request) {
              await Promise.resolve();
              baggage = propagation.getActiveBaggage()?.getEntry("user")?.value;
              return client.say(request);
            },
          },
        ],
      ],
      { channel: { interceptors }, server: { interceptors } },
    );
    const given = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ user: { value: "ä=1" } }));
    await context.with(given, () => createClient(Echo, served.channel).say({}));
    expect(baggage).toBe("ä=1");
    await until(() => memory.spans.length === 5, "five spans");
    const received = memory.spans.find(({ name }) => name.startsWith("Recv."));
    const parents = memory.spans
      .filter(({ name }) => name.startsWith("Sent."))
      .map((span) => span.parentSpanContext?.spanId);
    expect(parents).toContain(received?.spanContext().spanId);
    expect(new Set(memory.spans.map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it("replace a traceparent that the caller has set, and begin anew after one that is nonsense", async () => {
    const memory = new Memory();
    const seen: unknown[] = [];
    const say = (_: unknown, call: { metadata: { getAll(key: string): unknown[] } }): object => {
      seen.push(call.metadata.getAll("traceparent"));
      return {};
    };
    await using served = channelFor([[Echo, { ...echo, say }]], {
      channel: { interceptors: [memory.telemetry] },
      server: { interceptors: [memory.telemetry] },
    });
    const client = createClient(Echo, served.channel);
    await client.say({}, { metadata: { traceparent: "00-nonsense" } });
    expect(seen).toEqual([[expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)]]);
    const bare = createClient(Echo, served.channel, { interceptors: [] });
    await bare.say(
      {},
      { metadata: { traceparent: ["00-nonsense", "a".repeat(500)], tracestate: "===", baggage: ";;,=" } },
    );
    await until(() => memory.spans.length === 6, "six spans");
  });

  it("read bytes of a propagator as base64, and take what is not base64 as missing", async () => {
    const seen: unknown[] = [];
    const propagator = {
      inject(_context: unknown, carrier: unknown, { set }: { set(carrier: never, key: string, value: string): void }) {
        set(carrier as never, "trace-bin", "AQI=");
        set(carrier as never, "bad", "line\nbreak");
        set(carrier as never, "grpc-status", "0");
      },
      extract(
        given: typeof ROOT_CONTEXT,
        carrier: unknown,
        getter: { get(c: never, key: string): unknown; keys(c: never): string[] },
      ) {
        seen.push(getter.get(carrier as never, "trace-bin"), getter.get(carrier as never, "none"));
        seen.push(getter.keys(carrier as never));
        return given;
      },
      fields: () => [],
    };
    const { tracerProvider } = new Memory();
    const interceptors = [openTelemetry({ meterProvider: false, tracerProvider, propagator })];
    await using served = channelFor([[Echo, echo]], { channel: { interceptors }, server: { interceptors } });
    await createClient(Echo, served.channel).say({});
    expect(seen).toEqual(["AQI", undefined, ["trace-bin"]]);
  });

  it("keep nothing of the context in which the server was made", async () => {
    const memory = new Memory();
    const tracer = memory.tracerProvider.getTracer("test");
    const startup = trace.setSpan(ROOT_CONTEXT, tracer.startSpan("startup"));
    const served = context.with(startup, () =>
      channelFor([[Echo, echo]], { server: { interceptors: [memory.telemetry] } }),
    );
    await createClient(Echo, served.channel).say({});
    await until(() => memory.spans.length === 1, "a span");
    expect(memory.spans[0]?.parentSpanContext).toBeUndefined();
    await served.close();
  });
});
