/** A terminal that is drawn on as a whole: another screen, keys without echo, and all as it was at the end. */
import process from "node:process";
import { emitKeypressEvents } from "node:readline";

/** A key as `node:readline` tells it. */
export interface Key {
  readonly name?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const clear = "\u001b[H\u001b[2J";

/** The part of standard input and output that is used. */
export interface TerminalStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

export class Terminal implements Disposable {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;
  readonly #onKey: (text: string | undefined, key: Key) => void;
  readonly #onResize: () => void;
  #isOpen = true;

  /** `onKey` is called with the character of each key, where it has one, `onResize` where the size has changed. */
  constructor(
    { input, output }: TerminalStreams,
    onKey: (text: string | undefined, key: Key) => void,
    onResize: () => void,
  ) {
    this.#input = input;
    this.#output = output;
    this.#onResize = onResize;
    this.#onKey = onKey;
    emitKeypressEvents(input);
    input.on("keypress", this.#onKey);
    input.setRawMode(true);
    input.resume();
    output.on("resize", onResize);
    output.write(enter);
    // A second signal ends the process at once, and the terminal must be usable then, too.
    process.on("exit", this.#restore);
  }

  get size(): TerminalSize {
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  /** Draws the lines in the place of what is there. */
  draw(lines: readonly string[]): void {
    if (this.#isOpen) this.#output.write(clear + lines.join("\r\n"));
  }

  readonly #restore = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(leave);
    this.#input.setRawMode(false);
  };

  [Symbol.dispose](): void {
    this.#restore();
    process.off("exit", this.#restore);
    this.#input.off("keypress", this.#onKey);
    this.#input.pause();
    this.#output.off("resize", this.#onResize);
  }
}
