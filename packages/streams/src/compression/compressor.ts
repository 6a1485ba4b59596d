/** The sending half of compression. Knows no stream: what comes out is given to a function. */
import type { CompressionCodec, CompressionCoder } from "./codec.js";

export class Compressor {
  readonly #codec: CompressionCodec;
  #encoder: CompressionCoder | undefined;
  #members = 0;
  /** Something was written since the last flush. */
  #unflushed = false;
  #destroyed = false;

  constructor(codec: CompressionCodec) {
    this.#codec = codec;
  }

  get unflushed(): boolean {
    return this.#unflushed;
  }

  async write(chunk: Uint8Array, out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
    const encoder = await this.#begun();
    encoder.write(chunk);
    this.#unflushed = true;
    await drain(encoder, out);
  }

  /** Lets out everything that was written, so that the other side can read all of it. */
  async flush(out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
    if (!this.#unflushed) return;
    if (!this.#codec.flushes) return this.end(out);
    const encoder = await this.#begun();
    encoder.flush();
    this.#unflushed = false;
    await drain(encoder, out);
  }

  /** Ends the member; one that is empty if there was none at all. */
  async end(out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
    if (this.#encoder === undefined && this.#members > 0) return;
    const encoder = await this.#begun();
    encoder.end();
    this.#unflushed = false;
    await drain(encoder, out);
    this.#members++;
    encoder.destroy();
    this.#encoder = undefined;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#encoder?.destroy();
    this.#encoder = undefined;
  }

  async #begun(): Promise<CompressionCoder> {
    if (this.#encoder !== undefined) return this.#encoder;
    const encoder = await this.#codec.encoder();
    if (this.#destroyed) {
      encoder.destroy();
      throw new Error("the compressor was destroyed");
    }
    this.#encoder = encoder;
    return encoder;
  }
}

async function drain(coder: CompressionCoder, out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
  for (let piece = await coder.read(); piece !== undefined; piece = await coder.read()) await out(piece);
}
