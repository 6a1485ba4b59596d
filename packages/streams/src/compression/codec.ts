/** What a compression format is to the stream that compresses. The engines are injected: this package has none of its own. */

/**
 * One direction of a format, for one stream: bytes in, bytes out. After each `write`, `flush` or `end`, `read` is called until it gives
 * `undefined`, and only then the next of them. What it throws or rejects with is that the input is bad.
 */
export interface CompressionCoder {
  write(chunk: Uint8Array): void;
  /** Lets everything that was written come out; a decoder has nothing to do. */
  flush(): void;
  /** There is no more input. A decoder that has not found its end rejects. */
  end(): void;
  /** The next piece of what comes out, of bounded size whatever the input is; `undefined` when that is all for now. */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Of a decoder that has met the end of its member: how many of the last bytes it was given come after it. `undefined` while it has not
   * met the end; one that sees the end only when more comes may say so then.
   */
  readonly unusedBytes: number | undefined;
  /** Gives memory and handles back, at once. Idempotent. */
  destroy(): void;
}

/** A compression format. */
export interface CompressionCodec {
  readonly name: string;
  /** A new encoder. @throws Error naming the package to install when the engine is absent */
  encoder(): CompressionCoder | Promise<CompressionCoder>;
  /** A new decoder, of one member. @throws Error naming the package to install when the engine is absent */
  decoder(): CompressionCoder | Promise<CompressionCoder>;
  /** True where a stream may be several members, one after the other, as in `cat a.gz b.gz`. */
  readonly concatenates: boolean;
  /** True where zeros may follow the last member, as on tapes. */
  readonly allowsZeroPadding: boolean;
  /** False where the only way to let everything out is to end the member and begin another one. */
  readonly flushes: boolean;
  /** The first bytes by which the format is known; absent where it has none. */
  readonly signature?: Uint8Array;
}
