/** Durations on the command line: `500ms`, `90s`, `15m`, `12h`, `30d`, and `0`. */
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { formatDuration } from "./format.js";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Returns a duration in milliseconds. `option` begins the message. @throws CommandError for other text, and for more
 * than `maxMs`
 */
export function parseDuration(text: string, option: string, maxMs: number): number {
  const refuse = (why: string): never => {
    throw new CommandError(`${option} ${JSON.stringify(text)} ${why}`, ExitCode.usage);
  };
  const [, amount, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|)$/.exec(text) ?? [];
  if (amount === undefined) return refuse("is no duration; use 30s, 15m, 12h or 30d");
  if (Number(amount) === 0) return 0;
  if (unit === "") return refuse(`has no unit; use ${amount}s, ${amount}m, ${amount}h or ${amount}d`);
  const ms = Number(amount) * (unitMs[unit] as number);
  return ms <= maxMs ? Math.round(ms) : refuse(`is longer than ${formatDuration(maxMs)}`);
}

/** Returns a duration that is not 0. @throws CommandError, as `parseDuration`, and for 0 */
export function parsePositiveDuration(text: string, option: string, maxMs: number): number {
  const ms = parseDuration(text, option, maxMs);
  if (ms > 0) return ms;
  throw new CommandError(`${option} ${JSON.stringify(text)} must be longer than 0`, ExitCode.usage);
}
