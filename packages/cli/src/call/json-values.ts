/**
 * Cuts a text that comes in pieces into the JSON values that stand in it one after the other, with or without line ends
 * between them. Each value is given as soon as it is whole, so that a person can type one message after the other.
 */
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

/** The most characters of one value. */
export const maxJsonCharacters = 67_108_864;

/** Yields the text of each value. @throws CommandError for a value that is too long or not whole at the end */
export async function* jsonValues(pieces: AsyncIterable<string> | Iterable<string>): AsyncIterable<string> {
  const cutter = new Cutter();
  for await (const piece of pieces) yield* cutter.take(piece);
  yield* cutter.end();
}

class Cutter {
  #value: string[] = [];
  #length = 0;
  /** The number of brackets that are open. */
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** True within a number, a word or a string that stands alone. */
  #isScalar = false;

  *take(piece: string): Iterable<string> {
    let start = 0;
    for (let index = 0; index < piece.length; index += 1) {
      const isOver = this.#step(piece[index] as string);
      if (isOver === "no") continue;
      const end = isOver === "before" ? index : index + 1;
      this.#append(piece.slice(start, end));
      start = end;
      yield* this.#whole();
    }
    this.#append(piece.slice(start));
  }

  *end(): Iterable<string> {
    if (this.#depth > 0 || this.#isInString)
      throw new CommandError("the data ends within a JSON value", ExitCode.usage);
    yield* this.#whole();
  }

  /** Takes one character, and returns where a value is over: before it, after it, or not here. */
  #step(character: string): "before" | "after" | "no" {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (character === "\\") this.#isEscaped = true;
      else if (character === '"') {
        this.#isInString = false;
        return this.#depth === 0 ? "after" : "no";
      }
      return "no";
    }
    if (this.#isScalar && /[\s"[{]/.test(character)) {
      this.#isScalar = false;
      // The character itself begins what follows, or is blank.
      this.#step(character);
      return "before";
    }
    if (character === '"') this.#isInString = true;
    else if (character === "{" || character === "[") this.#depth += 1;
    else if (character === "}" || character === "]") {
      this.#depth -= 1;
      if (this.#depth <= 0) {
        this.#depth = 0;
        this.#isScalar = false;
        return "after";
      }
    } else if (this.#depth === 0 && !/\s/.test(character)) this.#isScalar = true;
    return "no";
  }

  #append(text: string): void {
    this.#length += text.length;
    if (this.#length > maxJsonCharacters)
      throw new CommandError(`a message of the data has more than ${maxJsonCharacters} characters`, ExitCode.usage);
    if (text !== "") this.#value.push(text);
  }

  *#whole(): Iterable<string> {
    const value = this.#value.join("").trim();
    this.#value = [];
    this.#length = 0;
    if (value !== "") yield value;
  }
}
