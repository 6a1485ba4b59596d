import { Writable } from "node:stream";

/** A stream that keeps what is written to it, in the place of stdout or stderr. */
export class FakeTerminal extends Writable {
  written = "";
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  get lines(): string[] {
    return this.written.split("\n").slice(0, -1);
  }

  override _write(chunk: string, _encoding: BufferEncoding, callback: () => void): void {
    this.written += chunk;
    callback();
  }

  asTerminal(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}
