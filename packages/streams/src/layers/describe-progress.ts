/** `describeProgress`: the text of a progress report, for a log or a terminal. */
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
    if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
    if (remainingMs !== undefined && remainingMs > 0) parts.push(`${formatDuration(remainingMs)} left`);
  }
  return parts.join(", ");
}

/** Decimal units, as networks and disks use them: 1 MB is 10^6 bytes. */
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
