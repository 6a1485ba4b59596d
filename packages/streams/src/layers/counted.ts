/** `counted`: counts items and bytes, and feeds checksums. */
import { checkOptionNames, isBytes, optionNames } from "@trunkline/base";
import { type Count, Counter } from "../bytes/counter.js";
import type { ObjectStream } from "../contract/stream.js";
import { ObservedStream } from "../kit/observed.js";

/** A checksum that takes bytes: `Crc32`, or a `Hash` of `node:crypto`. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
}

/** Options of `counted`. */
export interface CountOptions {
  /** Takes the bytes of the items that are sent, in order, once the stream below has taken them. */
  readonly sent?: Hasher;
  /** Takes the bytes of the items that are received, in order. */
  readonly received?: Hasher;
}

const countOptionNames = optionNames<CountOptions>({ sent: true, received: true });

/** The count of one direction, and the state of its checksum. */
export interface HashedCount extends Count {
  /**
   * The error that the hasher has thrown. The hasher has not seen the bytes from there on, so its result is not that of
   * the stream.
   */
  readonly hasherError?: unknown;
}

/** A stream that counts what goes through it, each direction apart, and changes nothing. */
export class CountedStream<Out extends {}, In extends {} = Out> extends ObservedStream<Out, In> {
  readonly #sent: HashedCounter;
  readonly #received: HashedCounter;

  constructor(stream: ObjectStream<Out, In>, options: CountOptions = {}) {
    checkOptionNames("counted", options, countOptionNames);
    const sent = new HashedCounter(options.sent);
    const received = new HashedCounter(options.received);
    super(stream, { onSent: (item) => sent.add(item), onReceived: (item) => received.add(item) });
    this.#sent = sent;
    this.#received = received;
  }

  /** The count of what the stream below has taken so far. */
  get sent(): HashedCount {
    return this.#sent.snapshot();
  }

  /** The count of what has been received so far. */
  get received(): HashedCount {
    return this.#received.snapshot();
  }
}

/**
 * Counts what goes through a stream, and feeds checksums. A checksum that throws is given nothing more and loses no
 * item; its error is `sent.hasherError` or `received.hasherError`.
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

class HashedCounter extends Counter {
  #hasher: Hasher | undefined;
  #failure: { readonly hasherError: unknown } | undefined;

  constructor(hasher: Hasher | undefined) {
    super();
    this.#hasher = hasher;
  }

  override add(item: {}): void {
    super.add(item);
    if (this.#hasher === undefined || !isBytes(item)) return;
    try {
      this.#hasher.update(item);
    } catch (hasherError) {
      this.#hasher = undefined;
      this.#failure = { hasherError };
    }
  }

  override snapshot(): HashedCount {
    return { ...super.snapshot(), ...this.#failure };
  }
}
