/** The interceptor that records calls by OpenTelemetry. Nothing outside of this folder knows of OpenTelemetry. */
import {
  type MeterProvider,
  metrics,
  propagation,
  type TextMapPropagator,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { checkOptionNames, optionNames } from "@trunkline/base";
import { streamClock } from "@trunkline/streams";
import { callTarget } from "../contract/target.js";
import type { AttemptHooks, CallHooks, Interceptor } from "../hooks/interceptor.js";
import { version } from "../wire/version.js";
import { CallMetrics } from "./metrics.js";
import { type CallTrace, ClientTrace, ServerTrace } from "./traces.js";

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** The provider of the meter; false records no metrics. Default: the global one, as it is when this is called. */
  readonly meterProvider?: MeterProvider | false | undefined;
  /** The provider of the tracer; false records no traces and sends no context. Default: the global one. */
  readonly tracerProvider?: TracerProvider | false | undefined;
  /**
   * The propagator that writes the context into metadata and reads it there. Default: the global one, which an SDK sets
   * to W3C `traceparent`, `tracestate` and `baggage`.
   */
  readonly propagator?: TextMapPropagator | undefined;
}

const telemetryOptionNames = optionNames<OpenTelemetryOptions>({
  meterProvider: true,
  tracerProvider: true,
  propagator: true,
});

const scope = "@trunkline/grpc";

/**
 * Makes an interceptor, for channels and servers, that records metrics (gRFC A66) and traces (gRFC A72) of their calls.
 * It stands outside of other interceptors, so that what they do is measured too: give it first. A call that is made in
 * a handler, or inside of a span, becomes a child of it where the SDK has a context manager. Requests for methods that
 * a server does not have are counted under the method `"other"` and have no span, since peers choose their names.
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Interceptor {
  checkOptionNames("openTelemetry", options, telemetryOptionNames);
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options;
  const measured = meterProvider === false ? undefined : new CallMetrics(meterProvider.getMeter(scope, version));
  const tracer = tracerProvider === false ? undefined : tracerProvider.getTracer(scope, version);
  const propagator = options.propagator ?? propagation;
  const interceptor: Interceptor = (call) => {
    const method = call.path.slice(1);
    const nowS = stopwatch(call.extra(streamClock));
    if (call.role === "server") {
      const traced = tracer && new ServerTrace(tracer, propagator, method, call.metadata);
      const hooks = hooksOf(traced, () => measured?.server(method, nowS));
      return traced === undefined ? hooks : { ...hooks, run: traced.run };
    }
    const target = call.extra(callTarget) ?? "";
    const traced = tracer && new ClientTrace(tracer, propagator, method);
    const ended = measured?.call(method, target, nowS);
    return {
      ...hooksOf(traced, () => measured?.attempt(method, target, nowS)),
      onEnd(end) {
        ended?.(end.status);
        traced?.end(end);
      },
    };
  };
  interceptor.onRejected = ({ path, known, status }) => measured?.rejected(known ? path.slice(1) : "other", status);
  return interceptor;
}

/** Returns the hooks of a call that show its attempts to the traces and to the metrics. */
function hooksOf(traced: CallTrace | undefined, measure: () => Required<Observer> | undefined): CallHooks {
  return {
    onAttempt(attempt): AttemptHooks {
      const measuring = measure();
      const tracing = traced?.attempt(attempt);
      return {
        onStream: (waited) => tracing?.onStream?.(waited),
        onMessageSent(message) {
          measuring?.onMessageSent(message);
          tracing?.onMessageSent?.(message);
        },
        onMessageReceived(message) {
          measuring?.onMessageReceived(message);
          tracing?.onMessageReceived?.(message);
        },
        onEnd(end) {
          measuring?.onEnd(end);
          tracing?.onEnd?.(end);
        },
      };
    },
  };
}

type Observer = Pick<AttemptHooks, "onMessageSent" | "onMessageReceived" | "onEnd">;

/** Returns a function that tells the seconds since this call. */
function stopwatch(clock: { nowMs(): number } | undefined): () => number {
  const beganAtMs = clock?.nowMs() ?? 0;
  return () => ((clock?.nowMs() ?? 0) - beganAtMs) / 1_000;
}
