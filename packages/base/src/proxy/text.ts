/** Text as bytes and back, without the functions of a platform. */
import { shortened } from "../shortened.js";

/** Returns the bytes of `text` in UTF-8. @throws URIError for text with half a surrogate pair */
export function utf8Bytes(text: string): Uint8Array {
  const escaped = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++) {
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  }
  return Uint8Array.from(bytes);
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Returns `bytes` in base64 (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    for (let digit = 0; digit < 4; digit++) text += digit > left ? "=" : digits[(group >> (18 - 6 * digit)) & 63];
  }
  return text;
}

/** Returns the start of an answer's text for a message: without tags of HTML, in one line of printable ASCII. */
export function startOfText(text: string, maxLength: number): string {
  const plain = text
    .replace(/<(style|script)\b.*?(<\/\1\s*>|$)/gis, " ")
    .replace(/<!--.*?(-->|$)/gs, " ")
    .replace(/<[^>]*(>|$)/g, " ")
    .replace(/[^\x21-\x7e]+/g, " ")
    .trim();
  return shortened(plain, maxLength);
}
