/**
 * The part that framing layers share: bytes below, messages above, each sent as one chunk and received however the
 * chunks are cut.
 */
import { Metadata } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ReceivedMessage, SendOptions } from "../contract/stream.js";
import { bytesRefusal } from "../kit/item.js";
import { TranslatedStream } from "../kit/translated-stream.js";

/**
 * The base of framing layers. The metadata of a message goes with the chunk that carries it. The metadata of a chunk
 * that arrives belongs to the message that begins with that chunk; metadata with which no message begins breaks the
 * stream, since it would get lost.
 */
export abstract class FramedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #bytes: ByteQueue = new ByteQueue();
  #metadata: Metadata = Metadata.empty;
  #ended = false;

  /** Returns the bytes that carry one message. An error of it rejects the `send`. */
  protected abstract encode(message: Uint8Array): Uint8Array;

  /** Takes one message; returns `undefined` while it is not complete. An error of it breaks the stream. */
  protected abstract decode(bytes: ByteQueue): Uint8Array | undefined;

  /** Takes the bytes that are left when the other side has ended. By default bytes that are left are an error. */
  protected decodeLast(bytes: ByteQueue): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    throw new BrokenStreamError(`the other side ended within a message, of which ${bytes.length} bytes are here`, {
      code: "TRUNCATED_INPUT",
    });
  }

  send(message: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = bytesRefusal("a framed stream", message) ?? this.broken;
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      return this.inner.send(this.encode(message), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  protected override ready(): ReceivedMessage<Uint8Array> | undefined {
    return this.#ended ? undefined : this.#withMetadata(this.decode(this.#bytes));
  }

  protected async pull(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    for (;;) {
      const message = this.#withMetadata(this.#ended ? this.decodeLast(this.#bytes) : this.decode(this.#bytes));
      if (message !== undefined || this.#ended) return message;
      const chunk = await this.inner.receiveWithMetadata();
      if (chunk === undefined) this.#ended = true;
      else this.#take(chunk);
    }
  }

  #withMetadata(data: Uint8Array | undefined): ReceivedMessage<Uint8Array> | undefined {
    if (data === undefined) return undefined;
    const metadata = this.#metadata;
    if (metadata.size > 0) this.#metadata = Metadata.empty;
    return { data, metadata };
  }

  #take({ data, metadata }: ReceivedMessage<Uint8Array>): void {
    if (metadata.size > 0) {
      if (this.#bytes.length > 0) throw corruptMetadata("came in the middle of a message");
      if (data.length === 0) throw corruptMetadata("came with no bytes, so that no message begins with it");
      this.#metadata = metadata;
    }
    this.#bytes.push(data);
  }
}

function corruptMetadata(what: string): BrokenStreamError {
  return new BrokenStreamError(`metadata ${what}`, { code: "CORRUPT_INPUT" });
}
