/** A stream of bytes as a Node duplex, for libraries that take one. */
import { Duplex } from "node:stream";
import type { ObjectStream } from "../contract/stream.js";

/**
 * The stream as a duplex with half-close; it is the duplex's from now on. Ending the duplex is `sendEof`, the end of the stream is
 * `end`, a broken stream is an `error` event. Destroying the duplex before both have ended aborts the stream.
 */
export function toDuplex(stream: ObjectStream<Uint8Array>): Duplex {
  return new StreamDuplex(stream);
}

class StreamDuplex extends Duplex {
  readonly #stream: ObjectStream<Uint8Array>;

  constructor(stream: ObjectStream<Uint8Array>) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
  }

  override _read(): void {
    this.#stream.receive().then(
      (chunk) => {
        if (chunk === undefined) this.push(null);
        else if (chunk.length > 0) this.push(chunk);
        else this._read(); // to Node an empty chunk is nothing
      },
      (error: Error) => this.destroy(error),
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#stream.send(bytes).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.sendEof().then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error === null && this.readableEnded && this.writableFinished) {
      // Both have ended, so that nothing is waited for and nothing can be lost.
      this.#stream.close().catch(() => {});
    } else {
      this.#stream.abort(error ?? new Error("the duplex was destroyed before its end"));
    }
    callback(error);
  }
}
