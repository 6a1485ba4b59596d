/** Counting items and bytes, and checksums over them. */
import type { ObjectStream, ReceivedMessage, SendOptions, WaitOptions } from "../contract/stream.js";
import { WrappedStream } from "../kit/wrapped-stream.js";

/** What takes bytes for a checksum: `Crc32`, or a `Hash` of `node:crypto`. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
}

export interface CountOptions {
  /** Is given the bytes of what is sent, in order, once they are taken by the stream below. */
  readonly sent?: Hasher;
  /** Is given the bytes of what is received, in order. */
  readonly received?: Hasher;
}

/** What has gone one way. */
export interface Count {
  readonly items: number;
  /** Bytes of the items that are `Uint8Array`; other items count as none. */
  readonly bytes: number;
}

/** Counts what goes through, each direction apart, and lets a checksum see it; changes nothing. */
export class CountedStream<Out extends {}, In extends {} = Out> extends WrappedStream<Out, In> {
  readonly #sent: Counter;
  readonly #received: Counter;

  constructor(stream: ObjectStream<Out, In>, options: CountOptions = {}) {
    super(stream);
    this.#sent = new Counter(options.sent);
    this.#received = new Counter(options.received);
  }

  /** What has been sent so far. */
  get sent(): Count {
    return this.#sent.count;
  }

  /** What has been received so far. */
  get received(): Count {
    return this.#received.count;
  }

  override async send(item: Out, options?: SendOptions): Promise<void> {
    await super.send(item, options);
    this.#sent.add(item);
  }

  override async receive(options?: WaitOptions): Promise<In | undefined> {
    const item = await super.receive(options);
    if (item !== undefined) this.#received.add(item);
    return item;
  }

  override async receiveWithMetadata(options?: WaitOptions): Promise<ReceivedMessage<In> | undefined> {
    const message = await super.receiveWithMetadata(options);
    if (message !== undefined) this.#received.add(message.data);
    return message;
  }
}

/**
 * Counts what goes through a stream, and feeds checksums.
 *
 * ```ts
 * const stream = counted(inner, { received: new Crc32() });
 * ```
 */
export function counted<Out extends {}, In extends {} = Out>(
  stream: ObjectStream<Out, In>,
  options: CountOptions = {},
): CountedStream<Out, In> {
  return new CountedStream(stream, options);
}

class Counter {
  readonly #hasher: Hasher | undefined;
  #items = 0;
  #bytes = 0;

  constructor(hasher: Hasher | undefined) {
    this.#hasher = hasher;
  }

  get count(): Count {
    return { items: this.#items, bytes: this.#bytes };
  }

  add(item: {}): void {
    this.#items++;
    if (!(item instanceof Uint8Array)) return;
    this.#bytes += item.byteLength;
    this.#hasher?.update(item);
  }
}
