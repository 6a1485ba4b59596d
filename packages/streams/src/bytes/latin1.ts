/** Text whose characters are octets, as those of header fields are. */

/** Writes text of characters up to U+00FF, one byte a character. */
export function writeLatin1(text: string, into: Uint8Array, offset: number): void {
  for (let index = 0; index < text.length; index++) into[offset + index] = text.charCodeAt(index);
}

/** Returns bytes as text, one character a byte. */
export function readLatin1(bytes: Uint8Array): string {
  let text = "";
  // It goes in parts, since a call takes a limited number of arguments.
  for (let index = 0; index < bytes.length; index += 1_024)
    text += String.fromCharCode(...bytes.subarray(index, index + 1_024));
  return text;
}
