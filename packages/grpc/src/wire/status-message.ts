/**
 * The header field `grpc-message`: any text as UTF-8, percent-encoded where it is not printable ASCII (gRPC over
 * HTTP/2, `Status-Message`).
 */
import { allocateBytes, decodeUtf8, encodeUtf8 } from "#platform";

const percent = 0x25;
const needsEncoding = /[^\x20-\x24\x26-\x7e]|^ | $/;

/**
 * Returns `message` percent-encoded. Spaces at its ends are encoded too: HTTP/2 forbids them there (RFC 9113 §8.2.1).
 */
export function encodeStatusMessage(message: string): string {
  if (!needsEncoding.test(message)) return message;
  const bytes = encodeUtf8(message);
  let encoded = "";
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number;
    const edgeSpace = byte === 0x20 && (index === 0 || index === bytes.length - 1);
    if (byte < 0x20 || byte > 0x7e || byte === percent || edgeSpace) {
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    } else {
      encoded += String.fromCharCode(byte);
    }
  }
  return encoded;
}

/**
 * Returns the text of a field's value. It never fails: a `%` without two hexadecimal digits stays as it is, and bytes
 * that are not UTF-8 become U+FFFD.
 */
export function decodeStatusMessage(value: string): string {
  if (!value.includes("%") && !/[^\x20-\x7e]/.test(value)) return value;
  const bytes = allocateBytes(value.length);
  let length = 0;
  for (let index = 0; index < value.length; index++) {
    const digits = value.slice(index + 1, index + 3);
    if (value.charCodeAt(index) === percent && /^[0-9a-fA-F]{2}$/.test(digits)) {
      bytes[length++] = Number.parseInt(digits, 16);
      index += 2;
    } else {
      bytes[length++] = value.charCodeAt(index);
    }
  }
  return decodeUtf8(bytes.subarray(0, length));
}
