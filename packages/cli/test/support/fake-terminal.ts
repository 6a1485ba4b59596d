import { Writable } from "node:stream";

/** A stream that keeps what is written to it, in the place of stdout or stderr. */
export class FakeTerminal extends Writable {
  written = "";
  readonly isTTY: boolean;
  readonly #onWritten: (text: string) => void;

  constructor(isTTY = false, onWritten: (text: string) => void = () => {}) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.#onWritten = onWritten;
  }

  get lines(): string[] {
    return this.written.split("\n").slice(0, -1);
  }

  override _write(chunk: string, _encoding: BufferEncoding, callback: () => void): void {
    this.written += chunk;
    this.#onWritten(chunk);
    callback();
  }

  asTerminal(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}
