/** A target of the fuzzer: it makes input, runs it, and reports what it saw. */
import type { Random } from "../../packages/h2/test/support/random.js";

export interface Target {
  readonly name: string;
  /** Fresh input, mostly right. */
  generate(random: Random): Uint8Array;
  /** Input made from other input in the target's own terms (frames, fields); octets are changed by the loop. */
  mutate?(random: Random, input: Uint8Array, other: Uint8Array): Uint8Array;
  /** Returns a line about all inputs so far, for the end of a run. */
  report?(): string;
  /**
   * Runs the input and gives what it has reached: one string for each kind of behaviour. Input that shows a new one is
   * kept.
   * @throws whatever breaks an invariant
   */
  run(input: Uint8Array): Iterable<string>;
}

/** A check that ends the run: the input is saved and shown. */
export function must(isSo: boolean, message: string): void {
  if (!isSo) throw new Error(message);
}

/** Both are the same when written as JSON. */
export function mustEqual(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: ${one?.slice(0, 2_000)} instead of ${other?.slice(0, 2_000)}`);
}

/** The kind of an error: its message without what differs from one input to the next. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\d+/g, "#")
    .slice(0, 120)}`;
}

/** Reads the input that steers a run, octet by octet; zero past its end. */
export class Steering {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return Math.max(0, this.#bytes.length - this.offset);
  }

  octet(): number {
    return this.#bytes[this.offset++] ?? 0;
  }

  uint16(): number {
    return this.octet() * 256 + this.octet();
  }

  take(bytes: number): Uint8Array {
    const taken = this.#bytes.subarray(this.offset, this.offset + bytes);
    this.offset += bytes;
    return taken;
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }
}
