/** Numbers and times as text. */
import { formatBytes as formatBytesBy, formatSeconds } from "@trunkline/base";

/** Returns a number of bytes with three digits: `1.25 MB`. */
export function formatBytes(bytes: number): string {
  return formatBytesBy(bytes, (amount) => (amount >= 99.95 ? 0 : amount >= 9.995 ? 1 : 2));
}

/** Returns a rate: `1.25 MB/s`; a dash where nothing flows. */
export function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond < 0.5 ? "–" : `${formatBytes(bytesPerSecond)}/s`;
}

/** Returns a number with separators, and at most two digits behind the point. */
export function formatNumber(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}

/** Returns a duration with its two largest units: `3 h 12 min`. */
export function formatDuration(ms: number): string {
  return formatSeconds(Math.max(Math.floor(ms / 1_000), 0));
}

/** Returns a time of day: `14:03:07`. */
export function formatTime(unixMs: number): string {
  return new Date(unixMs).toLocaleTimeString("en-GB");
}

/** Returns a date and a time of day: `2026-11-27 14:03:07`. */
export function formatDate(unixMs: number): string {
  const date = new Date(unixMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatTime(unixMs)}`;
}

/** Returns `1 stream`, `2 streams`. */
export function counted(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}
