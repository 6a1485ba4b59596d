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
      const pull = (): void => {
        stream.receive().then(
          (chunk) => {
            if (chunk === undefined) this.push(null);
            else if (chunk.length > 0) this.push(chunk);
            else pull(); // to Node an empty chunk is nothing
          },
          (error: Error) => this.destroy(error),
        );
      };
      pull();
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
      stream.send(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)).then(() => callback(), callback);
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
