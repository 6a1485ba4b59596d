/** Showing on a terminal, or in a log, how a stream gets on. */
import cliProgress from "cli-progress";
import type { ObjectStream } from "../contract/stream.js";
import { type DirectionProgress, type ProgressOptions, type ProgressReport, progress } from "../layers/progress.js";

/** Where to show it: `process.stderr`, or anything that takes text. */
export interface ProgressOutput {
  /** True for a terminal, on which a bar can be drawn. */
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface ProgressBarOptions extends Omit<ProgressOptions, "onProgress"> {
  /** Default `process.stderr`. */
  readonly output?: ProgressOutput;
  /** What it is, in front of the numbers. */
  readonly label?: string;
  /** Default: 200 ms on a terminal, 2,000 ms elsewhere. */
  readonly intervalMs?: number;
}

/**
 * Wraps a stream so that it shows how it gets on: a bar on a terminal, a line every 2 s elsewhere, with both directions counted apart,
 * how fast they are and, where the total is known (attribute `totalBytes`, or an option), how long the rest will take. The bar goes when
 * both directions have ended, or the stream is closed or broken; a last line stays.
 * @throws TypeError when there is no clock, RangeError when `intervalMs` is not above zero
 */
export function progressBar<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: ProgressBarOptions = {},
): ObjectStream<Out, In> {
  const { output = process.stderr, label, ...rest } = options;
  const prefix = label === undefined ? "" : `${label}: `;
  const bar = output.isTTY ? new Bar(output as NodeJS.WriteStream, prefix) : undefined;
  return progress(stream, {
    ...rest,
    intervalMs: options.intervalMs ?? (bar === undefined ? 2_000 : 200),
    onProgress(report) {
      bar?.show(report);
      if (bar === undefined || report.finished) output.write(`${prefix}${describeProgress(report)}\n`);
    },
  });
}

/** A report as one line: `received 1.5 MB of 3 MB (50 %), 500 kB/s, 3 s left; sent 12 B`. */
export function describeProgress({ sent, received, elapsedMs, finished }: ProgressReport): string {
  const parts: string[] = [];
  if (received.items > 0 || received.totalBytes !== undefined)
    parts.push(`received ${describeDirection(received, finished)}`);
  if (sent.items > 0 || sent.totalBytes !== undefined) parts.push(`sent ${describeDirection(sent, finished)}`);
  const what = parts.length === 0 ? "nothing moved" : parts.join("; ");
  return finished ? `${what}, in ${formatDuration(elapsedMs)}` : what;
}

function describeDirection(
  { bytes, bytesPerSecond, totalBytes, remainingMs }: DirectionProgress,
  finished: boolean,
): string {
  const percent = totalBytes === undefined ? undefined : Math.floor((totalBytes === 0 ? 1 : bytes / totalBytes) * 100);
  const parts = [
    totalBytes === undefined
      ? formatBytes(bytes)
      : `${formatBytes(bytes)} of ${formatBytes(totalBytes)} (${percent} %)`,
  ];
  if (!finished) {
    if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
    if (remainingMs !== undefined && remainingMs > 0) parts.push(`${formatDuration(remainingMs)} left`);
  }
  return parts.join(", ");
}

/** Drawn for the direction whose total is known; without one there is nothing to fill, and only the text is shown. */
class Bar {
  readonly #bar: cliProgress.SingleBar;
  #report: ProgressReport | undefined;
  #shown = false;

  constructor(stream: NodeJS.WriteStream, prefix: string) {
    this.#bar = new cliProgress.SingleBar({
      stream,
      clearOnComplete: true,
      hideCursor: true,
      gracefulExit: false, // signals are the program's own matter
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 24,
      format: (options, { progress: portion }) => {
        const report = this.#report;
        if (report === undefined) return "";
        const drawn = totalOf(report) === undefined ? "" : `${cliProgress.Format.BarFormat(portion, options)} `;
        return `${prefix}${drawn}${describeProgress(report)}`;
      },
    });
  }

  show(report: ProgressReport): void {
    this.#report = report;
    const direction = totalOf(report);
    const total = direction?.totalBytes ?? 1;
    const value = direction === undefined ? 0 : Math.min(direction.bytes, total);
    if (report.finished) {
      if (this.#shown) this.#bar.stop();
    } else if (this.#shown) {
      this.#bar.update(value);
    } else {
      this.#shown = true;
      this.#bar.start(total, value);
    }
  }
}

function totalOf({ sent, received }: ProgressReport): DirectionProgress | undefined {
  return [received, sent].find(({ totalBytes }) => totalBytes !== undefined && totalBytes > 0);
}

/** Decimal, as those of networks and disks are: 1 MB is 10^6 bytes. */
const units = ["B", "kB", "MB", "GB", "TB"];

function formatBytes(bytes: number): string {
  let amount = Math.round(bytes);
  let unit = 0;
  // 999.95 of a unit would be shown as "1000.0".
  for (; unit + 1 < units.length && amount >= (unit === 0 ? 1_000 : 999.95); unit++) amount /= 1_000;
  return `${amount.toFixed(unit === 0 || Number.isInteger(amount) ? 0 : 1)} ${units[unit]}`;
}

function formatDuration(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
