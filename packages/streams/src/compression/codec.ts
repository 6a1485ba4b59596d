/** The contract between a compression format and the stream that compresses. */

/**
 * An encoder or decoder of a format, for one stream: bytes in, bytes out. After each `write`, `flush` or `end`, `read`
 * is called until it returns `undefined`, and only then the next of them. An error that it throws or rejects with means
 * that the input is bad.
 */
export interface CompressionCoder {
  /** Takes a chunk of input. */
  write(chunk: Uint8Array): void;
  /** Makes everything that was written come out; a decoder has nothing to do. */
  flush(): void;
  /** Ends the input. A decoder that has not found the end of its data rejects. */
  end(): void;
  /**
   * Returns the next piece of output, of bounded size whatever the input is; `undefined` when there is no more for now.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * The number of the last input bytes that come after the end of a decoder's member. It is `undefined` while the
   * decoder has not met that end; a decoder that sees the end only when more input comes may report it then.
   */
  readonly unusedBytes: number | undefined;
  /** Gives memory and handles back at once. A later call does nothing. */
  destroy(): void;
}

/** A compression format. */
export interface CompressionCodec {
  /** The name of the format, for messages. */
  readonly name: string;
  /** Makes an encoder. @throws Error naming the package to install when the engine is absent */
  encoder(): CompressionCoder | Promise<CompressionCoder>;
  /** Makes a decoder of one member. @throws Error naming the package to install when the engine is absent */
  decoder(): CompressionCoder | Promise<CompressionCoder>;
  /** True where a stream may consist of several members in a row, as `cat a.gz b.gz` makes them. */
  readonly concatenates: boolean;
  /** True where zeros may follow the last member, as they do on tapes. */
  readonly allowsZeroPadding: boolean;
  /** False where output can be completed only by ending the member and beginning another one. */
  readonly flushes: boolean;
  /** The first bytes, by which the format is detected; absent where it has none. */
  readonly signature?: Uint8Array;
}
