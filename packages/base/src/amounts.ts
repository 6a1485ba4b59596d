/** Amounts as people read them. Units are decimal, as those of networks and disks are: 1 MB is 10^6 bytes. */

const units = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/**
 * Returns a number of bytes with its unit: `0 B`, `999 B`, `1.5 kB`, `256 MB`.
 * @param digitsOf returns the number of digits behind the point for an amount from 1 on in its unit. Default: one
 * digit, and none for a whole amount
 */
export function formatBytes(bytes: number, digitsOf: (amount: number) => number = atMostOneDigit): string {
  let text = bytes.toFixed(0);
  let amount = bytes;
  let unit = 0;
  // By the text, since 999.95 kB must not be shown as "1000.0 kB".
  while (Number(text) >= 1_000 && unit + 1 < units.length) {
    amount /= 1_000;
    unit += 1;
    text = amount.toFixed(digitsOf(amount));
  }
  return `${text} ${units[unit]}`;
}

function atMostOneDigit(amount: number): number {
  return Number.isInteger(amount) ? 0 : 1;
}

/** Returns a whole number of seconds by its two largest units: `59 s`, `4 min 5 s`, `2 h 3 min`, `1 d 4 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Returns the growth of a count a second; 0 for a count that has fallen, and where no time has passed. */
export function perSecond(before: number, after: number, elapsedMs: number): number {
  return elapsedMs <= 0 ? 0 : (Math.max(after - before, 0) * 1_000) / elapsedMs;
}
