/** Detection of a format by the first bytes. */
import type { CompressionCodec } from "./codec.js";
import { identity } from "./identity.js";

/** Detects the format of a stream among candidates. */
export class Detector {
  readonly #candidates: readonly CompressionCodec[];

  /** @throws TypeError for a format without a signature */
  constructor(candidates: readonly CompressionCodec[]) {
    for (const { name, signature } of candidates) {
      if (signature === undefined || signature.length === 0)
        throw new TypeError(`${name} has no signature, so it cannot be detected`);
    }
    this.#candidates = candidates;
  }

  /** The length of the longest signature. */
  get maxBytes(): number {
    return this.#candidates.reduce((most, { signature }) => Math.max(most, signature?.length ?? 0), 0);
  }

  /**
   * Returns the format whose whole signature is there; `identity` when it can be none of them; `undefined` when more
   * bytes are needed.
   */
  detect(head: Uint8Array, isAll: boolean): CompressionCodec | undefined {
    let undecided = false;
    for (const codec of this.#candidates) {
      const signature = codec.signature as Uint8Array;
      const length = Math.min(signature.length, head.length);
      let same = 0;
      while (same < length && head[same] === signature[same]) same++;
      if (same === signature.length) return codec;
      if (same === head.length) undecided = true;
    }
    return undecided && !isAll ? undefined : identity;
  }
}
