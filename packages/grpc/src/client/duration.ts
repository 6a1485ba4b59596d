/** Durations in the JSON form of protobuf. */
import { shortened } from "@trunkline/base";

/** Reads a duration in the JSON form of protobuf: seconds with up to nine decimals, and an s. @returns milliseconds */
export function parseDuration(text: string, where: string): number {
  const seconds = typeof text === "string" ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(text)?.[1] : undefined;
  if (seconds === undefined)
    throw new TypeError(`${where} must be a duration such as "1.5s", not ${shortened(String(text), 100)}`);
  return Number(seconds) * 1_000;
}
