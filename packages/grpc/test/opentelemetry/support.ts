/** An SDK in memory: what a program would set up, with readers for tests. */
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  MeterProvider,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { Interceptor } from "../../src/index.js";
import { openTelemetry } from "../../src/opentelemetry/index.js";

class Reader extends MetricReader {
  constructor() {
    super({ aggregationTemporalitySelector: () => AggregationTemporality.CUMULATIVE });
  }
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

/** A metric as tests compare it. */
export interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Record<string, unknown>;
  /** The value of a counter, or the number of values of a histogram. */
  readonly count: number;
  readonly sum: number | undefined;
  readonly boundaries: readonly number[] | undefined;
}

export class Memory {
  readonly #reader: Reader = new Reader();
  readonly meterProvider: MeterProvider = new MeterProvider({ readers: [this.#reader] });
  readonly exporter: InMemorySpanExporter = new InMemorySpanExporter();
  readonly tracerProvider: BasicTracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.exporter)],
  });
  readonly propagator: CompositePropagator = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });

  get telemetry(): Interceptor {
    const { meterProvider, tracerProvider, propagator } = this;
    return openTelemetry({ meterProvider, tracerProvider, propagator });
  }

  /** The spans that have ended, in the order of their names. */
  get spans(): ReadableSpan[] {
    return this.exporter.getFinishedSpans().toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** All measured values, one for each metric and set of labels. */
  async measured(): Promise<Measured[]> {
    const { resourceMetrics } = await this.#reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return metrics.flatMap(({ descriptor: { name, unit }, dataPoints }) =>
      (dataPoints as DataPoint<number | Histogram>[]).map(({ attributes, value }) =>
        typeof value === "number"
          ? { name, unit, attributes, count: value, sum: undefined, boundaries: undefined }
          : { name, unit, attributes, count: value.count, sum: value.sum, boundaries: value.buckets.boundaries },
      ),
    );
  }
}
