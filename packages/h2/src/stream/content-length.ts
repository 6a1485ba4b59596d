/** The `content-length` of a message (RFC 9113 §8.1.1). */
import type { HeaderField } from "../header-field.js";

/**
 * Returns the announced length; undefined where there is none, and NaN where the field is malformed or two of them
 * disagree. Lengths past 2^53 are malformed: they could not be counted.
 */
export function readContentLength(fields: readonly HeaderField[]): number | undefined {
  let announced: number | undefined;
  for (const field of fields) {
    if (field.name !== "content-length") continue;
    const value = /^[0-9]{1,16}$/.test(field.value) ? Number(field.value) : Number.NaN;
    if (!Number.isSafeInteger(value) || (announced !== undefined && announced !== value)) return Number.NaN;
    announced = value;
  }
  return announced;
}
