/** Amounts and foreign text as the command shows them. */

import type { JsonValue } from "@bufbuild/protobuf";
import { formatBytes, formatSeconds, perSecond } from "@trunkline/base";

/** Returns a rate, `250 MB/s`; `-` where no time has passed. */
export function formatRate(bytes: number, elapsedMs: number): string {
  return elapsedMs <= 0 ? "-" : `${formatBytes(Math.round(perSecond(0, bytes, elapsedMs)))}/s`;
}

/** Returns a duration: `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 3 min`, `1 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  return formatSeconds(Math.round(ms / 1_000));
}

/** Returns text of another machine so that it cannot steer a terminal: as it is, or in quotes with escapes. */
export function printable(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : JSON.stringify(text).replace(/[^\x20-\x7e]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Returns JSON over several lines in which no character can steer a terminal. */
export function printableJson(json: JsonValue): string {
  return JSON.stringify(json, null, 2).replace(
    /[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Returns the first parts of a line that fit beside each other into so many characters, at least the first. */
export function fitting(parts: readonly string[], columns: number): readonly string[] {
  let left = columns;
  const count = parts.findIndex((part) => {
    left -= part.length;
    return left < 0;
  });
  return count === -1 ? parts : parts.slice(0, Math.max(1, count));
}

/** Returns the first of several texts that fits into so many characters, else the last. */
export function firstFitting(texts: readonly [string, ...string[]], columns: number): string {
  return texts.find((text) => text.length <= columns) ?? (texts.at(-1) as string);
}
