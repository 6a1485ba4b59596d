/** The form of metadata in logs and on a terminal: readable, without secrets and without long runs of base64. */
import { isBinaryKey } from "./key.js";
import type { WireField } from "./wire-field.js";

/** The keys whose values are credentials. Their values are never shown. */
const secretKeys: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** The number of base64 characters that are shown of a `-bin` value: enough to recognise an identifier of 16 bytes. */
const maxShownDigits = 24;

/** Returns a field's value for people: credentials and long bytes are shortened and end with "…" and their length. */
export function shownValue({ name, value }: WireField): string {
  if (secretKeys.has(name)) {
    const scheme = /^(?:Basic|Bearer|Digest|Negotiate) /i.exec(value)?.[0] ?? "";
    return `${scheme}… (${value.length - scheme.length} characters)`;
  }
  if (!isBinaryKey(name) || value.length <= maxShownDigits) return value;
  return `${value.slice(0, maxShownDigits)}… (${Math.floor((value.length * 3) / 4)} bytes)`;
}

/** Returns the fields as an object of keys and shown values, where a key with several values has an array. */
export function shownRecord(fields: readonly WireField[]): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const field of fields) {
    const shown = shownValue(field);
    const others = values.get(field.name);
    if (others === undefined) values.set(field.name, [shown]);
    else others.push(shown);
  }
  return Object.fromEntries(Array.from(values, ([key, all]) => [key, all.length === 1 ? (all[0] as string) : all]));
}
