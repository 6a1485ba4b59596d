/** `text`: sends and receives strings over a stream of bytes, as UTF-8. */

import { TextDecoder, TextEncoder } from "node:util";
import { checkOptionNames, optionNames } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";
import { BrokenStreamError } from "../contract/errors.js";
import type { ObjectStream, ReceivedMessage, SendOptions } from "../contract/stream.js";
import { textRefusal } from "../kit/item.js";
import { TranslatedStream } from "../kit/translated-stream.js";

/** Options of `text`. */
export interface TextOptions {
  /**
   * The treatment of bytes that are no UTF-8: `"error"` (the default) breaks the stream, `"replace"` puts U+FFFD in
   * their place.
   */
  readonly invalid?: "error" | "replace";
}

const textOptionNames = optionNames<TextOptions>({ invalid: true });

/**
 * Sends and receives strings over a stream of bytes. Chunks may be cut within a character; a received string then ends
 * before it. A byte order mark is a character like any other.
 *
 * `send` rejects with a TypeError for a string with half a surrogate pair, which UTF-8 cannot represent. `receive`
 * rejects with a `BrokenStreamError` of code `CORRUPT_INPUT` for bytes that are no UTF-8, `TRUNCATED_INPUT` if the
 * other side ends within a character.
 */
export function text(stream: ObjectStream<Uint8Array>, options: TextOptions = {}): ObjectStream<string> {
  checkOptionNames("text", options, textOptionNames);
  return new TextStream(stream, options);
}

class TextStream extends TranslatedStream<string, string, Uint8Array, Uint8Array> {
  readonly #encoder = new TextEncoder();
  readonly #decoder: TextDecoder;
  #ended = false;

  constructor(stream: ObjectStream<Uint8Array>, options: TextOptions) {
    super(stream);
    const { invalid = "error" } = options;
    if (invalid !== "error" && invalid !== "replace")
      throw new TypeError(`invalid must be "error" or "replace", not ${JSON.stringify(invalid)}`);
    this.#decoder = new TextDecoder("utf-8", { fatal: invalid === "error", ignoreBOM: true });
  }

  async send(message: string, options?: SendOptions): Promise<void> {
    const refusal = textRefusal("text", message);
    if (refusal !== undefined) throw refusal;
    return this.sendBelow(this.#encoder.encode(message), options);
  }

  protected async pull(): Promise<ReceivedMessage<string> | undefined> {
    while (!this.#ended) {
      const chunk = await this.inner.receiveWithMetadata();
      if (chunk === undefined) {
        this.#ended = true;
        const rest = this.#decode(undefined);
        if (rest !== "") return { data: rest, metadata: Metadata.empty };
      } else {
        const data = this.#decode(chunk.data);
        // A part of a character is no message; an empty chunk is an empty message.
        if (data !== "" || chunk.data.length === 0) return { data, metadata: chunk.metadata };
        if (chunk.metadata.size > 0)
          throw new BrokenStreamError("metadata came in the middle of a character", { code: "CORRUPT_INPUT" });
      }
    }
    return undefined;
  }

  #decode(chunk: Uint8Array | undefined): string {
    try {
      return chunk === undefined ? this.#decoder.decode() : this.#decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw chunk === undefined
        ? new BrokenStreamError("the other side ended within a character", { code: "TRUNCATED_INPUT", cause })
        : new BrokenStreamError("the bytes that arrived are no UTF-8", { code: "CORRUPT_INPUT", cause });
    }
  }
}
