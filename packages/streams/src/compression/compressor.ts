/** The sending half of compression. It knows no stream: its output is given to a function. */
import type { CompressionCodec, CompressionCoder } from "./codec.js";

/** Compresses chunks into members. */
export class Compressor {
  readonly #codec: CompressionCodec;
  #encoder: CompressionCoder | undefined;
  #members = 0;
  /** True when something was written since the last flush. */
  #unflushed = false;
  #destroyed = false;

  constructor(codec: CompressionCodec) {
    this.#codec = codec;
  }

  /** Compresses a chunk. */
  async write(chunk: Uint8Array, out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
    const encoder = await this.#begun();
    encoder.write(chunk);
    this.#unflushed = true;
    await drain(encoder, out);
  }

  /** Completes the output of everything that was written, so that the other side can read all of it. */
  async flush(out: (piece: Uint8Array) => Promise<void> | void): Promise<void> {
    if (!this.#unflushed) return;
    if (!this.#codec.flushes) return this.end(out);
    const encoder = await this.#begun();
    encoder.flush();
    this.#unflushed = false;
    await drain(encoder, out);
  }

  /** Ends the member; if there was none at all, it makes an empty one. */
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

  /** Gives memory and handles back. */
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
