/** Values: text as it is, bytes as base64. What is kept is the form on the wire; what users see is decoded when it is read. */
import { decodeBase64, encodeBase64 } from "./binary.js";
import { MetadataError } from "./errors.js";
import { isBinaryKey } from "./key.js";

/** Text for an ordinary key, bytes for a key that ends in `-bin`. */
export type MetadataValue = string | Uint8Array;

/** What a key holds: known where the key is known to the type checker, either of the two where it is not. */
export type ValueOf<K extends string> = K extends string
  ? Lowercase<K> extends `${string}-bin`
    ? Uint8Array
    : {} extends Record<K, unknown> // true for `string` and for patterns such as `x-${string}`
      ? MetadataValue
      : string
  : never;

/** Printable ASCII without a space at either end, or nothing. */
const plainText = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** The form on the wire of a value that a user gave. @throws MetadataError */
export function wireValue(key: string, value: MetadataValue): string {
  const binary = isBinaryKey(key);
  if (!binary && typeof value === "string" && plainText.test(value)) return value;
  if (binary) {
    if (!isBytes(value))
      throw valueError(key, `must be a Uint8Array, since the key ends in "-bin", but is ${typeName(value)}`);
    return encodeBase64(value);
  }
  if (typeof value !== "string") {
    const hint = isBytes(value) ? '; a key for bytes ends in "-bin"' : "";
    throw valueError(key, `must be a string, but is ${typeName(value)}${hint}`);
  }
  const index = value.search(/[^ -~]/);
  if (index !== -1) {
    const code = (value.codePointAt(index) as number).toString(16).toUpperCase().padStart(4, "0");
    throw valueError(
      key,
      `has U+${code} at index ${index}, but text is printable ASCII; a key for anything else ends in "-bin"`,
    );
  }
  // RFC 9113 §8.2.1: a field value must not start or end with white space.
  throw valueError(key, "begins or ends with a space");
}

/** A value as users see it. @throws MetadataError when a `-bin` value that was received is not base64 */
export function userValue(key: string, wire: string): MetadataValue {
  if (!isBinaryKey(key)) return wire;
  const bytes = decodeBase64(wire);
  if (typeof bytes === "string") throw valueError(key, `is not base64: ${bytes}`);
  return bytes;
}

function valueError(key: string, what: string): MetadataError {
  return new MetadataError(`value of metadata key "${key}" ${what}`, { key, code: "METADATA_VALUE" });
}

/** Not `instanceof`: test runners and frames give values of another realm. */
function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === "[object Uint8Array]";
}

function typeName(value: unknown): string {
  if (isBytes(value)) return "a Uint8Array";
  if (Array.isArray(value)) return "an array";
  return value === null ? "null" : typeof value;
}
