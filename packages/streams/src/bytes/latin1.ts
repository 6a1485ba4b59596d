/** Text whose characters are octets, as header fields are. */

/** One byte a character; the text has none above U+00FF. */
export function writeLatin1(text: string, into: Uint8Array, offset: number): void {
  for (let index = 0; index < text.length; index++) into[offset + index] = text.charCodeAt(index);
}

export function readLatin1(bytes: Uint8Array): string {
  let text = "";
  // In parts: a call takes only so many arguments.
  for (let index = 0; index < bytes.length; index += 1_024)
    text += String.fromCharCode(...bytes.subarray(index, index + 1_024));
  return text;
}
