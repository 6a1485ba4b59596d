/** Patterns of names and identities. Matching takes a time that grows with the text times the parts of the pattern. */

/** Stands for the identity of the caller in a pattern of names. */
export const identityPlaceholder = "{identity}";

/** A pattern in which `*` stands for any characters, also for none. */
export class Glob {
  /** The texts between the stars. */
  readonly #parts: readonly string[];

  constructor(pattern: string) {
    this.#parts = pattern.split("*");
  }

  /** Returns true if the whole text fits. The characters of `identity` stand for themselves, stars included. */
  matches(text: string, identity = ""): boolean {
    const parts = this.#parts.map((part) => part.replaceAll(identityPlaceholder, () => identity));
    const first = parts[0] as string;
    if (parts.length === 1) return text === first;
    const last = parts.at(-1) as string;
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    // The leftmost place for each part leaves the most room for those that follow.
    for (const part of parts.slice(1, -1)) {
      const at = text.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  }
}
