/** `compressed`: a stream of bytes that is compressed on its way. */
import { aboveZero, checkOptionNames, deferred, optionNames } from "@trunkline/base";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { bytesRefusal } from "../kit/item.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendStage } from "../kit/send-stage.js";
import { TranslatedStream, unlessOver } from "../kit/translated-stream.js";
import type { CompressionCodec } from "./codec.js";
import { Compressor } from "./compressor.js";
import { Decompressor } from "./decompressor.js";
import { identity } from "./identity.js";

/** Options of `compressed`. */
export interface CompressionOptions {
  /** The format in which this side sends. Default `identity`. */
  readonly send?: CompressionCodec;
  /**
   * The format in which the other side sends. Default `identity`. A list detects the format by the first bytes: the one
   * whose whole signature is there, else `identity`. Until it is known, which takes six bytes at most, nothing is
   * received.
   */
  readonly receive?: CompressionCodec | readonly CompressionCodec[];
  /**
   * Sends each message out at once, for streams on which one side waits for the other. Default false: a message may
   * stay in the encoder until more comes or `sendEof`, which compresses better. xz and bzip2 begin a new member for
   * each message.
   */
  readonly flushEachMessage?: boolean;
  /**
   * The largest number of bytes that may be received in all. Default: no limit, since bytes that are not read are not
   * decompressed.
   */
  readonly maxDecompressedBytes?: number;
  /** The largest ratio of output to input, counted once 1 MiB has come out. Default: no limit (gzip reaches 1,032). */
  readonly maxRatio?: number;
  /** The longest message with metadata, which is received as one. Default 4 MiB, the limit of a gRPC message. */
  readonly maxMessageBytes?: number;
}

const compressionOptionNames = optionNames<CompressionOptions>({
  send: true,
  receive: true,
  flushEachMessage: true,
  maxDecompressedBytes: true,
  maxRatio: true,
  maxMessageBytes: true,
});

/**
 * Compresses sent messages and decompresses received ones, each direction in a format of its own. The end of the stream
 * is the end of the compressed data, so that truncated data is an error. Memory is bounded by the format's window,
 * whatever arrives.
 *
 * Messages are cut otherwise on the way, except those with metadata, before and after which all output is completed;
 * their metadata is carried where the stream below carries metadata. The `send` of such a message settles when it has
 * been sent; any other `send` resolves when the message's turn to be compressed has come, so that a failure of the
 * stream below comes with a later `send` or `sendEof`.
 *
 * `receive` rejects with a `BrokenStreamError` whose code is `CORRUPT_INPUT`, `TRUNCATED_INPUT`, `TRAILING_GARBAGE` or
 * `DECOMPRESSED_TOO_LARGE`; the stream below is aborted then.
 * @throws RangeError for a limit that is not above zero, TypeError for a format in a list that has no signature
 */
export function compressed(stream: ObjectStream<Uint8Array>, options: CompressionOptions): ObjectStream<Uint8Array> {
  checkOptionNames("compressed", options, compressionOptionNames);
  return new CompressedStream(stream, options);
}

interface Outgoing {
  readonly data: Uint8Array;
  /** The metadata of the message, and the function that settles its `send`. */
  readonly labelled?: { readonly metadata: Metadata; settle(outcome: Promise<void>): void };
}

class CompressedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #flushEachMessage: boolean;
  readonly #maxMessageBytes: number;
  readonly #compressor: Compressor;
  readonly #decompressor: Decompressor;
  readonly #outgoing: SendStage<Outgoing>;
  #inputEnded = false;
  /** A message with metadata whose data was not decompressed yet, because earlier output comes first. */
  #labelled: ReceivedMessage<Uint8Array> | undefined;

  constructor(stream: ObjectStream<Uint8Array>, options: CompressionOptions) {
    super(stream);
    this.#flushEachMessage = options.flushEachMessage ?? false;
    this.#maxMessageBytes = aboveZero("maxMessageBytes", options.maxMessageBytes ?? 4 * 1024 * 1024);
    this.#compressor = new Compressor(options.send ?? identity);
    this.#decompressor = new Decompressor(options.receive ?? identity, {
      maxDecompressedBytes: aboveZero("maxDecompressedBytes", options.maxDecompressedBytes ?? Number.POSITIVE_INFINITY),
      maxRatio: aboveZero("maxRatio", options.maxRatio ?? Number.POSITIVE_INFINITY),
    });
    this.#outgoing = new SendStage<Outgoing>(
      (message) => {
        const encoded = this.#encode(message);
        message.labelled?.settle(encoded);
        return encoded;
      },
      () => this.#finish(),
      (error) => this.#sendFailed(error),
    );
  }

  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    const refusal =
      bytesRefusal("a compressed stream", data) ??
      (this.carriesMetadata ? undefined : metadataRefusal("the stream below the compression", options));
    if (refusal !== undefined) return Promise.reject(refusal);
    return options?.metadata === undefined
      ? this.#outgoing.send({ data }, options)
      : this.#sendLabelled(data, options.metadata, options);
  }

  async #sendLabelled(data: Uint8Array, given: MetadataInit, options: SendOptions): Promise<void> {
    const metadata = Metadata.from(given).clone().freeze(); // it may wait, and must not change meanwhile
    if (metadata.size === 0) return this.#outgoing.send({ data }, options);
    const sent = deferred<void>(true);
    await this.#outgoing.send({ data, labelled: { metadata, settle: sent.resolve } }, options);
    await sent.promise;
  }

  protected override endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  protected override released(reason: Error): void {
    this.#outgoing.fail(reason);
    this.#compressor.destroy();
    this.#decompressor.destroy();
  }

  async #encode({ data, labelled }: Outgoing): Promise<void> {
    if (labelled === undefined) {
      await this.#compressor.write(data, this.#sendPiece);
      if (this.#flushEachMessage) await this.#compressor.flush(this.#sendPiece);
      return;
    }
    await this.#compressor.flush(this.#sendPiece);
    const pieces: Uint8Array[] = [];
    const keep = (piece: Uint8Array): void => {
      pieces.push(piece);
    };
    await this.#compressor.write(data, keep);
    await this.#compressor.flush(keep);
    await this.inner.send(joined(pieces), { metadata: labelled.metadata });
  }

  async #finish(): Promise<void> {
    await unlessOver(this.#compressor.end(this.#sendPiece));
    await super.endOutput();
  }

  readonly #sendPiece = (piece: Uint8Array): Promise<void> => this.inner.send(piece);

  /** Ends the sending: the stream below takes nothing more, or there is no engine. */
  #sendFailed(error: unknown): void {
    this.#compressor.destroy();
    const known = error instanceof BrokenStreamError || error instanceof ClosedStreamError;
    if (!known) this.inner.abort(error); // the other side has to learn that nothing more comes
  }

  protected async pull(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    for (;;) {
      const piece = await this.#decompressor.read();
      if (piece !== undefined) return { data: piece, metadata: Metadata.empty };
      if (this.#inputEnded) {
        this.#decompressor.destroy();
        return undefined;
      }
      const labelled = this.#labelled;
      if (labelled !== undefined) {
        this.#labelled = undefined;
        this.#decompressor.feed(labelled.data);
        this.#decompressor.decide();
        return { data: await this.#wholeMessage(), metadata: labelled.metadata };
      }
      const message = await this.#receiveBelow();
      if (message === undefined) {
        this.#inputEnded = true;
        this.#decompressor.end();
      } else if (message.metadata.size > 0) {
        this.#decompressor.decide(); // earlier bytes are not part of this message
        this.#labelled = message;
      } else {
        this.#decompressor.feed(message.data);
      }
    }
  }

  async #receiveBelow(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    try {
      return await this.inner.receiveWithMetadata();
    } catch (error) {
      this.#outgoing.fail(error); // a broken stream is broken in both directions, also for a send that waits
      throw error;
    }
  }

  async #wholeMessage(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (let piece = await this.#decompressor.read(); piece !== undefined; piece = await this.#decompressor.read()) {
      length += piece.length;
      if (length > this.#maxMessageBytes) {
        const message = `a message with metadata decompresses to more than maxMessageBytes (${this.#maxMessageBytes})`;
        throw new BrokenStreamError(message, { code: "DECOMPRESSED_TOO_LARGE" });
      }
      pieces.push(piece);
    }
    return joined(pieces);
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let filled = 0;
  for (const piece of pieces) {
    whole.set(piece, filled);
    filled += piece.length;
  }
  return whole;
}
