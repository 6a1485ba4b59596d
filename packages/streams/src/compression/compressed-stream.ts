/** A stream of bytes that is compressed on its way. */
import { Metadata } from "@trunkline/metadata";
import { BrokenStreamError, ClosedStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { metadataRefusal } from "../kit/metadata-refusal.js";
import { SendStage } from "../kit/send-stage.js";
import { TranslatedStream, unlessOver } from "../kit/translated-stream.js";
import type { CompressionCodec } from "./codec.js";
import { Compressor } from "./compressor.js";
import { Decompressor } from "./decompressor.js";
import { identity } from "./identity.js";

export interface CompressionOptions {
  /** The format in which this side sends. Default `identity`. */
  readonly send?: CompressionCodec;
  /**
   * The format in which the other side sends. Default `identity`. A list detects it by the first bytes: the one whose whole signature is
   * there, and none if there is no such or the stream is shorter. Until then nothing is received, six bytes at most.
   */
  readonly receive?: CompressionCodec | readonly CompressionCodec[];
  /**
   * Lets each message out at once, for streams on which one side waits for the other. Default false: what is sent may lie in the
   * encoder until more comes or `sendEof`, which compresses better. xz and bzip2 begin a new member for it.
   */
  readonly flushEachMessage?: boolean;
  /** How many bytes may be received in all. Default: no limit, since what nobody reads is not decompressed. */
  readonly maxDecompressedBytes?: number;
  /** How many times as many bytes may come out as came in, counted once 1 MiB has come out. Default: no limit (gzip reaches 1,032). */
  readonly maxRatio?: number;
  /** How long a message with metadata may be, which is received as one. Default 4 MiB, as of a gRPC message. */
  readonly maxMessageBytes?: number;
}

/**
 * Compresses what is sent and decompresses what is received, each direction in a format of its own. The end of the stream is the end
 * of the compressed data, so that a truncated one is an error. Memory is bounded by the format's window, whatever arrives.
 *
 * Messages are cut otherwise on the way, except those with metadata, before and after which everything is let out; they are carried
 * where the stream below carries metadata.
 *
 * `receive` rejects with a `BrokenStreamError` whose code is `CORRUPT_INPUT`, `TRUNCATED_INPUT`, `TRAILING_GARBAGE` or
 * `DECOMPRESSED_TOO_LARGE`; the stream below is aborted then.
 * @throws RangeError for a limit that is not above zero, TypeError for a format in a list that has no signature
 */
export function compressed(stream: ObjectStream<Uint8Array>, options: CompressionOptions): ObjectStream<Uint8Array> {
  return new CompressedStream(stream, options);
}

interface Outgoing {
  readonly data: Uint8Array;
  readonly metadata: Metadata | undefined;
}

class CompressedStream extends TranslatedStream<Uint8Array, Uint8Array, Uint8Array, Uint8Array> {
  readonly #flushEachMessage: boolean;
  readonly #maxMessageBytes: number;
  readonly #compressor: Compressor;
  readonly #decompressor: Decompressor;
  readonly #outgoing: SendStage<Outgoing>;
  #inputEnded = false;

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
      (message) => this.#encode(message),
      () => this.#finish(),
      (error) => this.#sendFailed(error),
    );
  }

  send(data: Uint8Array, options?: SendOptions): Promise<void> {
    if (options?.metadata === undefined) return this.#outgoing.send({ data, metadata: undefined }, options);
    const refusal = this.carriesMetadata ? undefined : metadataRefusal("the stream below the compression", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    try {
      const given = Metadata.from(options.metadata);
      return this.#outgoing.send({ data, metadata: given.size === 0 ? undefined : given.clone().freeze() }, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  protected override endOutput(): Promise<void> {
    return this.#outgoing.end();
  }

  protected override released(reason: Error): void {
    this.#outgoing.fail(reason);
    this.#compressor.destroy();
    this.#decompressor.destroy();
  }

  async #encode({ data, metadata }: Outgoing): Promise<void> {
    if (metadata === undefined) {
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
    await this.inner.send(joined(pieces), { metadata });
  }

  async #finish(): Promise<void> {
    await unlessOver(this.#compressor.end(this.#sendPiece));
    await super.endOutput();
  }

  readonly #sendPiece = (piece: Uint8Array): Promise<void> => this.inner.send(piece);

  /** The stream below takes nothing more, or there is no engine: either way nothing more can be sent. */
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
      const message = await this.#receiveBelow();
      if (message === undefined) {
        this.#inputEnded = true;
        this.#decompressor.end();
      } else {
        this.#decompressor.feed(message.data);
        if (message.metadata.size > 0) return { data: await this.#wholeMessage(), metadata: message.metadata };
      }
    }
  }

  async #receiveBelow(): Promise<ReceivedMessage<Uint8Array> | undefined> {
    try {
      return await this.inner.receiveWithMetadata();
    } catch (error) {
      this.#outgoing.fail(error); // a broken stream is broken in both directions: a send need not find out by itself
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

function aboveZero(name: string, value: number): number {
  if (!(value > 0)) throw new RangeError(`${name} must be above zero, but is ${value}`);
  return value;
}
