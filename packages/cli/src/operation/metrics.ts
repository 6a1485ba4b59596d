/** The metrics of a router in the text format of Prometheus. The names are listed in the README. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import type { RouterStats } from "@trunkline/router";
import { version } from "../version.js";

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  read(stats: RouterStats): number;
}

/** The resolution of the event loop's delay, in milliseconds. */
const delayResolutionMs = 20;
const nanosecondsPerSecond = 1e9;

/** All metrics but that of the version. */
export function routerMetrics(): { readonly metrics: readonly Metric[]; close(): void } {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  const counter = (name: string, help: string, read: Metric["read"]): Metric => ({ name, type: "counter", help, read });
  const gauge = (name: string, help: string, read: Metric["read"]): Metric => ({ name, type: "gauge", help, read });
  const metrics = [
    gauge("trunkline_listeners", "Listeners of names; several may share one.", ({ listeners }) => listeners),
    gauge("trunkline_streams", "Streams whose two peers are joined.", ({ livePairs }) => livePairs),
    gauge("trunkline_waiting_peers", "First peers that wait for the other one.", ({ waitingPeers }) => waitingPeers),
    gauge(
      "trunkline_lingering_peers",
      "Peers that still take what was accepted from a lost other side.",
      ({ lingeringPeers }) => lingeringPeers,
    ),
    counter("trunkline_streams_total", "Streams whose two peers were joined.", ({ pairs }) => pairs),
    counter("trunkline_broken_streams_total", "Streams that a lost peer has ended.", ({ brokenPairs }) => brokenPairs),
    counter("trunkline_dials_total", "Streams that were offered to listeners.", ({ dials }) => dials),
    counter(
      "trunkline_expired_waits_total",
      "Peers whose other side did not come.",
      ({ expiredWaits }) => expiredWaits,
    ),
    counter("trunkline_refused_calls_total", "Calls that were refused.", ({ refusals }) => refusals),
    counter("trunkline_frames_total", "Frames that were passed on.", ({ frames }) => frames),
    counter("trunkline_bytes_total", "Bytes of the frames that were passed on.", ({ bytes }) => bytes),
    gauge("process_resident_memory_bytes", "Resident memory of the process.", () => process.memoryUsage.rss()),
    counter("process_cpu_seconds_total", "Processor time of the process.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    gauge("process_start_time_seconds", "Start of the process since 1970.", () => startSeconds),
    gauge("trunkline_event_loop_delay_seconds", "Longest delay of the event loop since the last look.", () => {
      const seconds = delay.count === 0 ? 0 : delay.max / nanosecondsPerSecond;
      delay.reset();
      return seconds;
    }),
  ];
  return { metrics, close: () => void delay.disable() };
}

const startSeconds = Math.floor(Date.now() / 1_000 - process.uptime());

/** Returns the page that Prometheus reads. */
export function metricsPage(metrics: readonly Metric[], stats: RouterStats): string {
  const lines = metrics.map(
    ({ name, type, help, read }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${read(stats)}\n`,
  );
  const about = "# HELP trunkline_info The version.\n# TYPE trunkline_info gauge\n";
  return `${lines.join("")}${about}trunkline_info{version="${version}"} 1\n`;
}
