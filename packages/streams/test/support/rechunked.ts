import { Metadata } from "@trunkline/metadata";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../../src/index.js";
import { metadataRefusal, TranslatedStream } from "../../src/kit/index.js";

/**
 * A way that keeps no boundaries and carries no metadata, as a socket: what is received is cut at random, the same for
 * a seed.
 */
export function rechunked(
  stream: ObjectStream<Uint8Array>,
  seed: number,
  largest: number = 5_000,
): ObjectStream<Uint8Array> {
  return new Rechunked(stream, seed, largest);
}

class Rechunked extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  #rest: Uint8Array = new Uint8Array(0);
  #random: number;
  readonly #largest: number;

  constructor(stream: ObjectStream<Uint8Array>, seed: number, largest: number) {
    super(stream);
    this.#random = seed;
    this.#largest = largest;
  }

  override get carriesMetadata(): boolean {
    return false;
  }

  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal = metadataRefusal("this way", options);
    return refusal === undefined ? this.sendBelow(data, options) : Promise.reject(refusal);
  }

  protected async pull(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    while (this.#rest.length === 0) {
      const chunk = await this.inner.receive();
      if (chunk === undefined) return undefined;
      this.#rest = chunk;
    }
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0;
    const length = 1 + ((this.#random >>> 8) % this.#largest);
    const data = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return { data, metadata: Metadata.empty };
  }
}
