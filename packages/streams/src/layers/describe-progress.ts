/** `describeProgress`: the text of a progress report, for a log or a terminal. */
import { formatBytes, formatSeconds } from "@trunkline/base";
import type { DirectionProgress, ProgressReport } from "./progress.js";

/** Returns a report as one line of text: `received 1.5 MB of 3 MB (50 %), 500 kB/s, 3 s left; sent 12 B`. */
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
    if (bytesPerSecond > 0) parts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`);
    if (remainingMs !== undefined && remainingMs > 0) parts.push(`${formatDuration(remainingMs)} left`);
  }
  return parts.join(", ");
}

function formatDuration(ms: number): string {
  return formatSeconds(Math.max(1, Math.ceil(ms / 1_000)));
}
