/** Returns text of at most `maxChars` characters: a longer one is cut, and ends with `…`. */
export function shortened(text: string, maxChars: number): string {
  return text.length <= maxChars
    ? text
    : `${text.slice(0, Math.max(0, maxChars - 1))}…`.slice(0, Math.max(0, maxChars));
}
