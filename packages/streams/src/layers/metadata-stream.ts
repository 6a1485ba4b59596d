/** A stream that has metadata of its own, and messages that may have theirs. */
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { type AttributeKey, type Attributes, sharedAttribute } from "../contract/attributes.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { iterate } from "../kit/iterate.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/** The metadata of a stream as a whole: that of all layers, an outer one's keys over an inner one's. Frozen. */
export const streamMetadata: AttributeKey<Metadata> = sharedAttribute("@trunkline/streams", "streamMetadata");

/**
 * Adds metadata to any stream. That of the stream is found with `extra(streamMetadata)` and stays on this side; that of a message,
 * given to `send`, goes to the other side if the stream below carries it, else `send` rejects with `MetadataNotCarriedError`.
 *
 * ```ts
 * const stream = new MetadataStream(inner, { "x-device": "board-7" });
 * await stream.send(data, { metadata: { "auth-token": token } });
 * for await (const { data, metadata } of stream.messages()) …
 * ```
 */
export class MetadataStream<Out extends {}, In extends {} = Out> extends WrappedStream<Out, In> {
  readonly #attributes: Attributes;

  /** @throws MetadataError for metadata that cannot be */
  constructor(stream: ObjectStream<Out, In>, metadata: MetadataInit) {
    super(stream);
    const below = stream.extra(streamMetadata) ?? Metadata.empty;
    this.#attributes = new Map([[streamMetadata, below.merge(metadata).freeze()]]);
  }

  /** The metadata of the stream, as `extra(streamMetadata)` gives it. */
  get metadata(): Metadata {
    return this.extra(streamMetadata) ?? Metadata.empty;
  }

  override send(data: Out, options?: SendOptions): Promise<void> {
    // Asked here too, so that a stream below that does not know metadata cannot lose it silently.
    const refusal = this.carriesMetadata ? undefined : metadataRefusal("the stream below", options);
    return refusal === undefined ? super.send(data, options) : Promise.reject(refusal);
  }

  /** Iterates over the messages together with their metadata; leaving early leaves the stream open. */
  messages(): AsyncIterableIterator<ReceivedMessage<In>, undefined> {
    return iterate(() => this.receiveWithMetadata());
  }

  protected override get ownAttributes(): Attributes {
    return this.#attributes;
  }
}
