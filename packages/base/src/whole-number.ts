/** Checks of numbers that users give, each with one wording. */

/**
 * Returns `value` if it is a whole number in its range, both ends included.
 * @throws RangeError that names the option, the value and the range
 */
export function wholeNumber(
  name: string,
  value: number,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const problem = wholeNumberProblem(value, least, most);
  if (problem === undefined) return value;
  throw new RangeError(`${name} ${problem}, not ${String(value)}`);
}

/**
 * Returns why a value of any type is no whole number in its range, for a message that names it before and shows it
 * behind; undefined where it is one.
 */
export function wholeNumberProblem(
  value: unknown,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): string | undefined {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return undefined;
  return `must be a whole number ${range(least, most)}`;
}

/**
 * Returns `value` if it is a number in its range, both ends included; fractions are allowed.
 * @throws RangeError that names the option, the value and the range
 */
export function numberInRange(name: string, value: number, least: number, most: number): number {
  if (typeof value === "number" && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a number ${range(least, most)}, not ${String(value)}`);
}

/**
 * Returns `value` if it is a number above zero; fractions and `Infinity` are allowed.
 * @throws RangeError that names the option and the value
 */
export function aboveZero(name: string, value: number): number {
  if (typeof value === "number" && value > 0) return value;
  throw new RangeError(`${name} must be above zero, not ${String(value)}`);
}

/** The longest time in milliseconds that a timer of Node or a browser can hold: 2^31-1, about 24.8 days. */
export const maxTimerMs: number = 2 ** 31 - 1;

/**
 * Returns a duration in milliseconds: a whole number in its range, or `Infinity` for one that never ends.
 * @throws RangeError that names the option, the value and the range
 */
export function durationMs(name: string, value: number, least: number): number {
  return value === Number.POSITIVE_INFINITY ? value : wholeNumber(name, value, least, maxTimerMs);
}

function range(least: number, most: number): string {
  return most === Number.MAX_SAFE_INTEGER || most === Number.POSITIVE_INFINITY
    ? `from ${least} on`
    : `from ${least} to ${most}`;
}
