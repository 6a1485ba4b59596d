/**
 * Base64 (RFC 4648 §4), written here because a pure package has neither `Buffer` nor `atob`. Encoding writes no
 * padding; decoding accepts text with and without it.
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const codeOfDigit = Uint8Array.from(alphabet, (character) => character.charCodeAt(0));
const notADigit = 0xff;
const digitOfCode = new Uint8Array(128).fill(notADigit);
codeOfDigit.forEach((code, digit) => {
  digitOfCode[code] = digit;
});

/** The number of characters that go to `String.fromCharCode` at once; engines limit the number of arguments. */
const charactersAtOnce = 4_096;

/** Returns the base64 of `bytes`, without padding. */
export function encodeBase64(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let written = 0;
  for (let index = 0; index < bytes.length; index += 3) {
    // Past the end of `bytes` there are zero bits, whose digits fall beyond the end of `codes`, where writes are
    // ignored.
    const group = ((bytes[index] as number) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0);
    codes[written++] = codeOfDigit[group >>> 18] as number;
    codes[written++] = codeOfDigit[(group >>> 12) & 63] as number;
    codes[written++] = codeOfDigit[(group >>> 6) & 63] as number;
    codes[written++] = codeOfDigit[group & 63] as number;
  }
  let text = "";
  for (let index = 0; index < codes.length; index += charactersAtOnce) {
    // Spreading the arguments instead takes five times as long.
    text += Reflect.apply(String.fromCharCode, null, codes.subarray(index, index + charactersAtOnce));
  }
  return text;
}

/**
 * Returns the bytes of unpadded base64, or a string that says what is wrong with it, worded as the end of a sentence.
 * Bits beyond the last whole byte are ignored.
 */
export function decodeBase64(digits: string): Uint8Array | string {
  if (digits.length % 4 === 1) return `${digits.length} characters cannot be whole bytes`;
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let written = 0;
  let bits = 0;
  let group = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = digitOfCode[digits.charCodeAt(index)] ?? notADigit;
    if (digit === notADigit) return `the character at index ${index} is not in its alphabet`;
    // At most 6 bits are left over from before, so that `group` never needs more than 12.
    group = ((group & 63) << 6) | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[written++] = group >>> bits;
    }
  }
  return bytes;
}

/** Returns base64 without its padding. Malformed padding stays; `decodeBase64` then refuses it as a wrong character. */
export function unpadded(text: string): string {
  if (text.length % 4 !== 0 || !text.endsWith("=")) return text;
  return text.slice(0, text.endsWith("==") ? -2 : -1);
}
