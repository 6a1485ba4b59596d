/** `identity`: the format that leaves bytes as they are. */
import type { CompressionCodec, CompressionCoder } from "./codec.js";

/** The format that leaves bytes as they are. */
export const identity: CompressionCodec = {
  name: "identity",
  concatenates: false,
  allowsZeroPadding: false,
  flushes: true,
  encoder: () => new IdentityCoder(),
  decoder: () => new IdentityCoder(),
};

class IdentityCoder implements CompressionCoder {
  readonly unusedBytes = undefined;
  #chunk: Uint8Array | undefined;

  write(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  flush(): void {}

  end(): void {}

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunk;
    this.#chunk = undefined;
    return Promise.resolve(chunk);
  }

  destroy(): void {
    this.#chunk = undefined;
  }
}
