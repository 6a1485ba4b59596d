/** Amounts as people read them. Units are decimal, as those of networks and disks are: 1 MB is 10^6 bytes. */

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** `0 B`, `999 B`, `1.5 kB`, `256 MB`. */
export function formatBytes(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // 999.95 of a unit would be shown as "1000.0".
  while (unit + 1 < units.length && amount >= (unit === 0 ? 1_000 : 999.95)) {
    amount /= 1_000;
    unit++;
  }
  const digits = unit === 0 || Number.isInteger(amount) ? 0 : 1;
  return `${amount.toFixed(digits)} ${units[unit]}`;
}

/** `250 MB/s`; nothing sensible can be said of no time. */
export function formatRate(bytes: number, elapsedMs: number): string {
  return elapsedMs <= 0 ? "-" : `${formatBytes(Math.round((bytes * 1_000) / elapsedMs))}/s`;
}

/** `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 3 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** Returns text of another machine so that it cannot steer a terminal: as it is, or in quotes with escapes. */
export function printable(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : JSON.stringify(text).replace(/[^\x20-\x7e]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
