/** `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, `Timeout`). */

const maxValue = 99_999_999;

/** Milliseconds a unit, from the finest that is sent. */
const units: readonly (readonly [unit: string, milliseconds: number])[] = [
  ["u", 0.001],
  ["m", 1],
  ["S", 1_000],
  ["M", 60_000],
  ["H", 3_600_000],
];

/** From here on whole milliseconds are sent: fewer digits, and at most a thousandth too long. */
const millisecondsFromMs = 1_000;

/**
 * The time left as the finest unit that holds it, rounded up, so that the server never gives up before the client does. A
 * time that is over is sent as the shortest there is, since zero is not a timeout.
 */
export function encodeTimeout(remainingMs: number): string {
  for (const [unit, milliseconds] of units) {
    if (unit === "u" && remainingMs >= millisecondsFromMs) continue;
    // 0.3 ms / 0.001 is 299.99999999999994: rounding at a thousandth first keeps whole numbers whole.
    const value = Math.ceil(Math.round((remainingMs / milliseconds) * 1_000) / 1_000);
    if (value <= maxValue) return `${Math.max(1, value)}${unit}`;
  }
  return `${maxValue}H`;
}

const factors: Readonly<Record<string, number>> = { n: 1e-6, u: 0.001, m: 1, S: 1_000, M: 60_000, H: 3_600_000 };

/** Milliseconds, or `undefined` where the value is malformed. */
export function decodeTimeout(value: string): number | undefined {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (factors[value.slice(-1)] as number);
}
