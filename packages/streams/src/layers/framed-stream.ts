/** What framing layers share: bytes below, messages above, each message sent as one chunk, received however the chunks are cut. */
import { Metadata } from "@trunkline/metadata";
import { ByteQueue } from "../bytes/byte-queue.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ReceivedMessage, SendOptions } from "../contract/stream.js";
import { TranslatedStream } from "../kit/translated-stream.js";

/**
 * Metadata goes with the chunk that a message is sent as; of a chunk that arrives with metadata, it belongs to the message that begins
 * there.
 */
export abstract class FramedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #bytes: ByteQueue = new ByteQueue();
  #metadata: Metadata = Metadata.empty;
  #ended = false;

  /** The bytes of one message on the way. What it throws, `send` rejects with. */
  protected abstract encode(message: Uint8Array): Uint8Array;

  /** Takes one message; `undefined` while it is not whole. What it throws breaks the stream. */
  protected abstract decode(bytes: ByteQueue): Uint8Array | undefined;

  /** What is left of the bytes when the other side has ended. By default an error unless nothing is. */
  protected decodeLast(bytes: ByteQueue): Uint8Array | undefined {
    if (bytes.length === 0) return undefined;
    throw new BrokenStreamError(`the other side ended within a message, of which ${bytes.length} bytes are here`, {
      code: "TRUNCATED_INPUT",
    });
  }

  async send(message: Uint8Array, options?: SendOptions): Promise<void> {
    return this.sendBelow(this.encode(message), options);
  }

  protected async pull(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    for (;;) {
      const data = this.#ended ? this.decodeLast(this.#bytes) : this.decode(this.#bytes);
      if (data !== undefined) {
        const metadata = this.#metadata;
        this.#metadata = Metadata.empty;
        return { data, metadata };
      }
      if (this.#ended) return undefined;
      const chunk = await this.inner.receiveWithMetadata();
      if (chunk === undefined) this.#ended = true;
      else this.#take(chunk);
    }
  }

  #take({ data, metadata }: ReceivedMessage<Uint8Array>): void {
    if (metadata.size > 0) {
      if (this.#bytes.length > 0 || this.#metadata.size > 0) {
        throw new BrokenStreamError("metadata came in the middle of a message", { code: "CORRUPT_INPUT" });
      }
      this.#metadata = metadata;
    }
    this.#bytes.push(data);
  }
}
