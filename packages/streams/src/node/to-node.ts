/**
 * One-way streams, and the halves of two-way ones, as readables and writables of Node, for libraries that take those.
 * Their end closes nothing: the other half may go on.
 */
import { Readable, Writable } from "node:stream";
import type { ReceiveStream, SendStream } from "../contract/stream.js";

/**
 * Makes a readable of a stream, which belongs to the readable from now on. A broken stream is an `error` event.
 * Destroying the readable before its end aborts the stream.
 */
export function toReadable(stream: ReceiveStream<Uint8Array>): Readable {
  return new Readable({
    read() {
      pushNext(this, stream);
    },
    destroy(error, callback) {
      if (error !== null || !this.readableEnded)
        stream.abort(error ?? new Error("the readable was destroyed before its end"));
      callback(error);
    },
  });
}

/**
 * Makes a writable of a stream, which belongs to the writable from now on. Ending it is `sendEof`. Destroying it before
 * its end aborts the stream.
 */
export function toWritable(stream: SendStream<Uint8Array>): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      stream.send(plainView(chunk)).then(() => callback(), callback);
    },
    final(callback) {
      stream.sendEof().then(() => callback(), callback);
    },
    destroy(error, callback) {
      if (error !== null || !this.writableFinished)
        stream.abort(error ?? new Error("the writable was destroyed before its end"));
      callback(error);
    },
  });
}

/**
 * Pushes the next chunk of a stream to a readable, or its end. Empty chunks are skipped, since they are nothing to
 * Node.
 */
export function pushNext(readable: Readable, stream: ReceiveStream<Uint8Array>, onChunk: () => void = () => {}): void {
  stream.receive().then(
    (chunk) => {
      onChunk();
      if (chunk === undefined) readable.push(null);
      else if (chunk.length > 0) readable.push(chunk);
      else pushNext(readable, stream, onChunk);
    },
    (error: Error) => readable.destroy(error),
  );
}

/** Returns a plain view of a Buffer, whose `slice` would not copy. */
export function plainView(chunk: Buffer): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
