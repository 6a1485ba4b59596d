/** The header field `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, `Timeout`). */

const maxValue = 99_999_999;

/** The units that are sent, from short to long, with their milliseconds. Microseconds are handled apart. */
const units: readonly (readonly [unit: string, milliseconds: number])[] = [
  ["m", 1],
  ["S", 1_000],
  ["M", 60_000],
  ["H", 3_600_000],
];

/** The time from which whole milliseconds are sent. They need fewer digits, and are at most a thousandth too long. */
const millisecondsFromMs = 1_000;

/**
 * Returns the remaining time in the finest unit that holds it, rounded up, so that the server does not end the call
 * before the client does. A time that has passed is sent as one microsecond, since zero is not a timeout.
 */
export function encodeTimeout(remainingMs: number): string {
  if (remainingMs < millisecondsFromMs) {
    // 0.3 ms are 299.99999999999994 us: digits beyond nanoseconds come from the arithmetic of floating point.
    const microseconds = Math.ceil(Math.round(remainingMs * 1_000_000) / 1_000);
    return `${Math.max(1, microseconds)}u`;
  }
  for (const [unit, milliseconds] of units) {
    const value = Math.ceil(remainingMs / milliseconds);
    if (value <= maxValue) return `${value}${unit}`;
  }
  return `${maxValue}H`;
}

const factors: Readonly<Record<string, number>> = { n: 1e-6, u: 0.001, m: 1, S: 1_000, M: 60_000, H: 3_600_000 };

/** Returns the milliseconds that a value stands for, or `undefined` if it is malformed. */
export function decodeTimeout(value: string): number | undefined {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (factors[value.slice(-1)] as number);
}
