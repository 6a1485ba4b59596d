/**
 * Values of metadata: text stays as it is, bytes become base64. Metadata keeps the wire form and decodes on reading.
 */
import { isBytes } from "@trunkline/base";
import { decodeBase64, encodeBase64 } from "./binary.js";
import { MetadataError } from "./errors.js";
import { isBinaryKey } from "./key.js";

/** A value: text for an ordinary key, bytes for a key that ends in `-bin`. */
export type MetadataValue = string | Uint8Array;

/**
 * The type of a key's values: `Uint8Array` or `string` where the type checker knows the key, either of the two where it
 * does not.
 */
export type ValueOf<K extends string> = K extends string
  ? Lowercase<K> extends `${string}-bin`
    ? Uint8Array
    : {} extends Record<K, unknown> // true for `string` and for patterns such as `x-${string}`
      ? MetadataValue
      : string
  : never;

/** Matches printable ASCII without a space at either end, and the empty text. */
const plainText = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** Matches text as peers may send it: as above, with tabs inside and with octets 0x80-0xFF anywhere. */
const receivedText = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?$/;

/** Returns the wire form of a value that a user gave. @throws MetadataError for a value that the key cannot hold */
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

/** Returns a value as users see it. @throws MetadataError when a `-bin` value that was received is not base64 */
export function userValue(key: string, wire: string): MetadataValue {
  if (!isBinaryKey(key)) return wire;
  const bytes = decodeBase64(wire);
  if (typeof bytes === "string") throw valueError(key, `is not base64: ${bytes}`);
  return bytes;
}

/**
 * Returns true for a text value that a peer may send (RFC 9113 §8.2.1, and the octets that gRPC peers are known to
 * use).
 */
export function isReceivableText(value: string): boolean {
  return receivedText.test(value);
}

/** Returns a short description of the kind of a value, with its article. */
export function typeName(value: unknown): string {
  if (isBytes(value)) return "a Uint8Array";
  if (Array.isArray(value)) return "an array";
  return value === null ? "null" : typeof value;
}

function valueError(key: string, what: string): MetadataError {
  return new MetadataError(`value of metadata key "${key}" ${what}`, { key, code: "METADATA_VALUE" });
}
