/** A coder made of a transform stream of Node, such as those of `node:zlib`. */
import type { Transform } from "node:stream";
import type { CompressionCoder } from "../../compression/codec.js";

/** The parts of a coder that differ from one transform to another. */
export interface TransformParts {
  /** Completes the output of everything that was written, then calls back. */
  flush(callback: (error?: Error | null) => void): void;
  /** Returns the number of input bytes that the engine has used; absent where the transform reports only its end. */
  usedBytes?(): number;
  /**
   * Returns the number of these bytes to give at once to a transform that pushes all its output whether there is room
   * or not, so that its output stays small.
   */
  sliceLength?(rest: Uint8Array): number;
}

/**
 * Reads a transform by `read()`, so that it works only while there is room: the output of a chunk never lies in memory
 * as a whole.
 */
export class TransformCoder implements CompressionCoder {
  readonly #transform: Transform;
  readonly #parts: TransformParts;
  #given = 0;
  /** The part of the chunk that has not been given to the transform yet. */
  #rest: Uint8Array | undefined;
  #working = false;
  #ended = false;
  #failure: { readonly error: Error } | undefined;
  #wake: (() => void) | undefined;

  constructor(transform: Transform, parts: TransformParts) {
    this.#transform = transform;
    this.#parts = parts;
    transform.on("readable", this.#onEvent);
    transform.on("end", () => {
      this.#ended = true;
      this.#onEvent();
    });
    transform.on("error", (error: Error) => {
      this.#failure ??= { error };
      this.#onEvent();
    });
  }

  write(chunk: Uint8Array): void {
    this.#given += chunk.length;
    this.#rest = chunk;
    this.#writeSlice();
  }

  flush(): void {
    this.#working = true;
    this.#parts.flush(this.#onDone);
  }

  end(): void {
    if (this.#ended) return;
    this.#working = true;
    this.#transform.end(); // done when "end" comes
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#transform.read() as Uint8Array | null;
      if (piece !== null) return piece;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#ended || this.#transform.destroyed) return undefined;
      if (!this.#working && !this.#writeSlice()) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  get unusedBytes(): number | undefined {
    if (this.#parts.usedBytes === undefined) return this.#ended ? 0 : undefined;
    const unused = this.#given - this.#parts.usedBytes();
    // An engine that leaves bytes has met its end, though the event that says so comes later.
    return this.#ended || (!this.#working && unused > 0) ? unused : undefined;
  }

  destroy(): void {
    this.#transform.destroy();
    this.#onEvent();
  }

  /** Gives the next part of the chunk. Returns false when the whole chunk has been given. */
  #writeSlice(): boolean {
    const rest = this.#rest;
    if (rest === undefined || this.#ended) return false;
    const length = this.#parts.sliceLength?.(rest) ?? rest.length;
    this.#rest = rest.length > length ? rest.subarray(length) : undefined;
    this.#working = true;
    this.#transform.write(rest.length > length ? rest.subarray(0, length) : rest, this.#onDone);
    return true;
  }

  readonly #onDone = (error?: Error | null): void => {
    if (error) this.#failure ??= { error };
    this.#working = false;
    this.#onEvent();
  };

  readonly #onEvent = (): void => {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}
