/** The metrics of gRFC A66, with the names, units, labels and buckets of gRPC's page on OpenTelemetry metrics. */
import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api";
import type { AttemptHooks } from "../hooks/interceptor.js";
import { type Status, statusName } from "../wire/status.js";

/** Buckets of durations, in seconds. */
const latencyBuckets = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.013,
  0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10,
  20, 50, 100,
];
/** Buckets of sizes, in bytes. */
const sizeBuckets = [
  0, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864, 268_435_456,
  1_073_741_824, 4_294_967_296,
];

/** The three histograms that clients have for each attempt and servers for each call. */
interface Measures {
  readonly sent: Histogram;
  readonly received: Histogram;
  readonly duration: Histogram;
}

/** Hooks of an attempt that count what it sends and receives. */
type Measuring = Required<Pick<AttemptHooks, "onMessageSent" | "onMessageReceived" | "onEnd">>;

export class CallMetrics {
  readonly #callDuration: Histogram;
  readonly #attemptStarted: Counter;
  readonly #attempt: Measures;
  readonly #serverStarted: Counter;
  readonly #server: Measures;

  constructor(meter: Meter) {
    const seconds = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: latencyBuckets } });
    const bytes = (name: string, description: string): Histogram =>
      meter.createHistogram(name, { description, unit: "By", advice: { explicitBucketBoundaries: sizeBuckets } });
    const measures = (prefix: string, what: string): Measures => ({
      sent: bytes(
        `${prefix}.sent_total_compressed_message_size`,
        `Compressed message bytes sent per ${what}, without metadata or framing.`,
      ),
      received: bytes(
        `${prefix}.rcvd_total_compressed_message_size`,
        `Compressed message bytes received per ${what}, without metadata or framing.`,
      ),
      duration: seconds(`${prefix}.duration`, `End-to-end time taken to complete a ${what}.`),
    });
    this.#callDuration = seconds(
      "grpc.client.call.duration",
      "Time taken by gRPC to complete an RPC from the application's perspective.",
    );
    this.#attemptStarted = meter.createCounter("grpc.client.attempt.started", {
      description: "Number of client call attempts started.",
      unit: "{attempt}",
    });
    this.#attempt = measures("grpc.client.attempt", "client call attempt");
    this.#serverStarted = meter.createCounter("grpc.server.call.started", {
      description: "Number of server calls started.",
      unit: "{call}",
    });
    this.#server = measures("grpc.server.call", "server call");
  }

  /** Returns the function that records the end of a client's call. `nowS` tells the seconds since its start. */
  call(method: string, target: string, nowS: () => number): (status: Status) => void {
    return (status) =>
      this.#callDuration.record(nowS(), {
        "grpc.method": method,
        "grpc.target": target,
        "grpc.status": statusName(status),
      });
  }

  /** Records the start of an attempt. @returns the hooks that record the rest of it */
  attempt(method: string, target: string, nowS: () => number): Measuring {
    const labels = { "grpc.method": method, "grpc.target": target };
    this.#attemptStarted.add(1, labels);
    return measure(this.#attempt, labels, nowS);
  }

  /** Records the start of a call at its server. @returns the hooks that record the rest of it */
  server(method: string, nowS: () => number): Measuring {
    const labels = { "grpc.method": method };
    this.#serverStarted.add(1, labels);
    return measure(this.#server, labels, nowS);
  }

  /** Records a request that a server has answered without a call. */
  rejected(method: string, status: Status): void {
    this.server(method, () => 0).onEnd({ status, message: "" });
  }
}

function measure(measures: Measures, labels: Attributes, nowS: () => number): Measuring {
  const startS = nowS();
  let sent = 0;
  let received = 0;
  return {
    onMessageSent({ wireBytes }) {
      sent += wireBytes;
    },
    onMessageReceived({ wireBytes }) {
      received += wireBytes;
    },
    onEnd({ status }) {
      const all = { ...labels, "grpc.status": statusName(status) };
      measures.sent.record(sent, all);
      measures.received.record(received, all);
      measures.duration.record(nowS() - startS, all);
    },
  };
}
