/**
 * The memory of the records of one session that wait for their acknowledgement. That of large ones is used again: a
 * busy sender spent a sixth of its time on collecting it.
 *
 * It belongs to one session and is never shared: a peer that acknowledges what it has not received yet gets later bytes
 * of its own stream in place of those, and never another one's.
 */
import { Buffer } from "node:buffer";
import { SpareMemory } from "@trunkline/base";

/** The memory of one large record: a frame of the largest payload. */
const largeBytes = 65_552;
/** A record of fewer bytes is a small one, for which Node's allocation is as good. */
const leastLargeBytes = 16_384;
/** The pieces that are kept: as many as an acknowledgement frees, which comes after a quarter of the replay buffer. */
const mostSpares = 32;

export class RecordMemory {
  readonly #spares: SpareMemory = new SpareMemory({
    leastBytes: largeBytes,
    mostBytes: largeBytes,
    maxPieces: mostSpares,
  });

  /** Returns memory of so many bytes, of any content. */
  readonly allocate = (bytes: number): Uint8Array => {
    if (bytes < leastLargeBytes || bytes > largeBytes) return Buffer.allocUnsafe(bytes);
    return (this.#spares.take(largeBytes) ?? Buffer.allocUnsafeSlow(largeBytes)).subarray(0, bytes);
  };

  /** Takes back the memory of a record that nobody reads any more. */
  release(record: Uint8Array): void {
    if (record.length >= leastLargeBytes) this.#spares.give(record);
  }

  /** Lets all memory go that is not in use. */
  clear(): void {
    this.#spares.clear();
  }
}
