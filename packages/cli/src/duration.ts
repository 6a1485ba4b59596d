/** Durations on the command line: `90s`, `15m`, `12h`, `30d`, `500ms`; a number alone is seconds. */
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";
import { formatDuration } from "./format.js";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, "": 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** In milliseconds. `option` begins the message. @throws CommandError for anything else, or more than `maxMs` */
export function parseDuration(text: string, option: string, maxMs: number): number {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|)$/.exec(text);
  const ms = match === null ? Number.NaN : Number(match[1]) * (unitMs[match[2] ?? ""] ?? Number.NaN);
  if (ms <= maxMs) return Math.round(ms);
  const why = Number.isNaN(ms) ? "is no duration; use 30s, 15m, 12h or 30d" : `is longer than ${formatDuration(maxMs)}`;
  throw new CommandError(`${option} ${JSON.stringify(text)} ${why}`, ExitCode.usage);
}
