/** `MetadataStream`: adds metadata to a stream as a whole, and gives messages together with theirs. */
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, sharedAttribute } from "../contract/attributes.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { iterate } from "../kit/iterate.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/**
 * The metadata of a stream as a whole: that of all layers, where a key of an outer layer counts before that of an inner
 * one. It is frozen.
 */
export const streamMetadata: AttributeKey<Metadata> = sharedAttribute("@trunkline/streams", "streamMetadata");

/**
 * A stream with metadata. The metadata of the stream is found with `extra(streamMetadata)` and stays on this side. The
 * metadata of a message is given to `send` and goes to the other side if the stream below carries it; otherwise `send`
 * rejects with `MetadataNotCarriedError`.
 *
 * ```ts
 * const stream = new MetadataStream(inner, { "x-device": "board-7" });
 * await stream.send(data, { metadata: { "auth-token": token } });
 * for await (const { data, metadata } of stream.messages()) …
 * ```
 */
export class MetadataStream<Out extends {}, In extends {} = Out> extends WrappedStream<Out, In> {
  readonly #attributes: Attributes;

  /** @throws MetadataError for metadata that is not valid */
  constructor(stream: ObjectStream<Out, In>, metadata: MetadataInit) {
    super(stream);
    const below = stream.extra(streamMetadata) ?? Metadata.empty;
    this.#attributes = new Map([[streamMetadata, below.merge(metadata).freeze()]]);
  }

  /** The metadata of the stream, as `extra(streamMetadata)` returns it. */
  get metadata(): Metadata {
    return this.extra(streamMetadata) ?? Metadata.empty;
  }

  override send(data: Out, options?: SendOptions): Promise<void> {
    // This check stands here too, so that a stream below that does not know metadata cannot lose it silently.
    const refusal = this.carriesMetadata ? undefined : metadataRefusal("the stream below", options);
    return refusal === undefined ? super.send(data, options) : Promise.reject(refusal);
  }

  /** Iterates over the messages together with their metadata. Leaving the iteration early leaves the stream open. */
  messages(): AsyncIterableIterator<ReceivedMessage<In>, undefined> {
    return iterate(() => this.receiveWithMetadata());
  }

  protected override get ownAttributes(): Attributes {
    return this.#attributes;
  }
}
