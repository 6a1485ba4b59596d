/** `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, `Timeout`). */

const maxValue = 99_999_999;

/** Milliseconds a unit, but for the finest that is sent, from short to long. */
const units: readonly (readonly [unit: string, milliseconds: number])[] = [
  ["m", 1],
  ["S", 1_000],
  ["M", 60_000],
  ["H", 3_600_000],
];

/** Below this, microseconds are sent; above, whole milliseconds do: fewer digits, and at most a thousandth too long. */
const millisecondsFromMs = 1_000;

/**
 * The time left in the finest unit that holds it, rounded up, so that the server does not give up before the client does. A
 * time that is over is sent as the shortest there is, since zero is not a timeout.
 */
export function encodeTimeout(remainingMs: number): string {
  if (remainingMs < millisecondsFromMs) {
    // 0.3 ms are 299.99999999999994 us: what is beyond nanoseconds is no time but arithmetic.
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

/** Milliseconds, or `undefined` where the value is malformed. */
export function decodeTimeout(value: string): number | undefined {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (factors[value.slice(-1)] as number);
}
