/**
 * The receiving half of compression: members, their borders, limits, and the faults of the input. It knows no stream.
 */

import { reasonText } from "@trunkline/base";
import { ByteQueue } from "../bytes/byte-queue.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { CompressionCodec, CompressionCoder } from "./codec.js";
import { Detector } from "./detect.js";
import { identity } from "./identity.js";

/** The limits of a decompressor. */
export interface DecompressionLimits {
  readonly maxDecompressedBytes: number;
  readonly maxRatio: number;
}

/** The number of output bytes from which the ratio counts: a short text that is repeated is no bomb. */
const ratioCountsFromBytes = 1024 * 1024;

/**
 * Decompresses chunks: `feed` takes a chunk, then `read` is called until it returns `undefined`; after the last chunk,
 * `end` and `read` again. Every error is a `BrokenStreamError` with one of the codes `CORRUPT_INPUT`,
 * `TRUNCATED_INPUT`, `TRAILING_GARBAGE`, `DECOMPRESSED_TOO_LARGE`; the error of a missing engine comes as it is.
 */
export class Decompressor {
  readonly #limits: DecompressionLimits;
  readonly #detector: Detector | undefined;
  #codec: CompressionCodec | undefined;
  #decoder: CompressionCoder | undefined;
  /** The chunk that the decoder was given last, while it may still have output for it. */
  #current: Uint8Array | undefined;
  readonly #waiting: ByteQueue = new ByteQueue();
  #members = 0;
  #inputEnded = false;
  #endGiven = false;
  #inputBytes = 0;
  #outputBytes = 0;
  #destroyed = false;

  constructor(format: CompressionCodec | readonly CompressionCodec[], limits: DecompressionLimits) {
    this.#limits = limits;
    if ("name" in format) this.#codec = format;
    else this.#detector = new Detector(format);
  }

  /** Takes a chunk of input. */
  feed(chunk: Uint8Array): void {
    this.#inputBytes += chunk.length;
    this.#waiting.push(chunk);
  }

  /** Ends the input. */
  end(): void {
    this.#inputEnded = true;
  }

  /**
   * Decides on the format by the bytes that are here, if any are: they are complete, as those before or of a message
   * with metadata are.
   */
  decide(): void {
    if (this.#codec === undefined && this.#waiting.length > 0) this.#detect(true);
  }

  /** Returns the next piece of output, `undefined` when more input is needed or nothing is left. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const codec = this.#codec ?? this.#detect(this.#inputEnded);
      if (codec === undefined) return undefined;
      if (this.#current !== undefined) {
        const piece = await this.#readDecoder(codec);
        if (piece !== undefined) return piece;
      } else if (!(await this.#giveDecoder(codec))) {
        return undefined;
      }
    }
  }

  /** Gives memory and handles back. */
  destroy(): void {
    this.#destroyed = true;
    this.#decoder?.destroy();
    this.#decoder = undefined;
    this.#waiting.clear();
  }

  #detect(isAll: boolean): CompressionCodec | undefined {
    const detector = this.#detector as Detector;
    this.#codec = detector.detect(this.#waiting.peek(detector.maxBytes), isAll);
    return this.#codec;
  }

  /** Gives the decoder the next chunk or the end. Returns false when there is neither, for now or for ever. */
  async #giveDecoder(codec: CompressionCodec): Promise<boolean> {
    const chunk = this.#nextChunk(codec);
    if (chunk === undefined && !this.#mustEndDecoder(codec)) return false;
    if (this.#decoder === undefined) {
      if (this.#members > 0 && !codec.concatenates) {
        const extraBytes = this.#waiting.length + (chunk?.length ?? 0);
        const message = `${extraBytes} bytes or more come after the end of the ${codec.name} data`;
        throw new BrokenStreamError(message, { code: "TRAILING_GARBAGE" });
      }
      const decoder = await codec.decoder();
      if (this.#destroyed) {
        decoder.destroy();
        return false;
      }
      this.#decoder = decoder;
    }
    try {
      if (chunk !== undefined) {
        this.#decoder.write(chunk);
      } else {
        this.#endGiven = true;
        this.#decoder.end();
      }
    } catch (error) {
      throw this.#inputError(codec, error);
    }
    this.#current = chunk ?? new Uint8Array(0);
    return true;
  }

  #nextChunk(codec: CompressionCodec): Uint8Array | undefined {
    for (let chunk = this.#waiting.takeChunk(); chunk.length > 0; chunk = this.#waiting.takeChunk()) {
      if (this.#decoder !== undefined || this.#members === 0 || !codec.allowsZeroPadding) return chunk;
      const start = chunk.findIndex((byte) => byte !== 0);
      if (start !== -1) return chunk.subarray(start);
    }
    return undefined;
  }

  /** Returns true when the input has ended and the decoder has to be told, because a member has begun. */
  #mustEndDecoder(codec: CompressionCodec): boolean {
    if (!this.#inputEnded || this.#endGiven) return false;
    if (this.#decoder !== undefined) return true;
    if (this.#members > 0 || codec.name === identity.name) return false; // by name: it may be that of another copy
    throw new BrokenStreamError(`the ${codec.name} input is empty: not even its header is there`, {
      code: "TRUNCATED_INPUT",
    });
  }

  async #readDecoder(codec: CompressionCodec): Promise<Uint8Array | undefined> {
    const decoder = this.#decoder;
    if (decoder === undefined) return undefined;
    let piece: Uint8Array | undefined;
    try {
      piece = await decoder.read();
    } catch (error) {
      throw this.#inputError(codec, error);
    }
    if (piece !== undefined) {
      this.#count(codec, piece);
      return piece;
    }
    const current = this.#current ?? new Uint8Array(0);
    this.#current = undefined;
    const { unusedBytes } = decoder;
    if (unusedBytes !== undefined && !this.#destroyed) {
      this.#members++;
      decoder.destroy();
      this.#decoder = undefined;
      this.#waiting.unshift(current.subarray(current.length - unusedBytes));
    }
    return undefined;
  }

  #count(codec: CompressionCodec, piece: Uint8Array): void {
    const { maxDecompressedBytes, maxRatio } = this.#limits;
    this.#outputBytes += piece.length;
    if (this.#outputBytes > maxDecompressedBytes) {
      const message = `${codec.name} data of more than maxDecompressedBytes (${maxDecompressedBytes})`;
      throw new BrokenStreamError(message, { code: "DECOMPRESSED_TOO_LARGE" });
    }
    if (this.#outputBytes > ratioCountsFromBytes && this.#outputBytes > maxRatio * this.#inputBytes) {
      const input = `${this.#inputBytes} bytes of ${codec.name}`;
      const message = `${input} gave ${this.#outputBytes}, more than maxRatio (${maxRatio}) times as many`;
      throw new BrokenStreamError(message, { code: "DECOMPRESSED_TOO_LARGE" });
    }
  }

  #inputError(codec: CompressionCodec, cause: unknown): BrokenStreamError {
    const after =
      this.#members === 0 ? "" : ` after ${this.#members === 1 ? "1 whole member" : `${this.#members} whole members`}`;
    return this.#endGiven
      ? new BrokenStreamError(`the ${codec.name} input ends too early${after}: ${reasonText(cause)}`, {
          code: "TRUNCATED_INPUT",
          cause,
        })
      : new BrokenStreamError(`the ${codec.name} input is corrupt${after}: ${reasonText(cause)}`, {
          code: "CORRUPT_INPUT",
          cause,
        });
  }
}
