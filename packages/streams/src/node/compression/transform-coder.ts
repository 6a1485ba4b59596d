/** A coder made of a transforming stream of Node, such as those of `node:zlib`. */
import type { Transform } from "node:stream";
import type { CompressionCoder } from "../../compression/codec.js";

export interface TransformParts {
  /** Lets everything come out and calls back. */
  flush(callback: (error?: Error | null) => void): void;
  /** How many bytes of input the engine has used; absent where the transform tells only that it has ended. */
  usedBytes?(): number;
  /**
   * For a transform that pushes all that its input gives, room or not: how many of these bytes to give it at once, so that what they
   * expand to stays small.
   */
  sliceLength?(rest: Uint8Array): number;
}

/**
 * Reads the transform by `read()`, so that it works on only while there is room: what a chunk expands to never lies in memory as a
 * whole.
 */
export class TransformCoder implements CompressionCoder {
  readonly #transform: Transform;
  readonly #parts: TransformParts;
  #given = 0;
  /** What of the chunk has not been given to the transform yet. */
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

  /** False when the whole chunk has been given. */
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
