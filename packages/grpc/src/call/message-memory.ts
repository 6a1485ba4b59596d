/**
 * The memory of received messages that is used again, in the process. V8 collects memory outside of its heap late, when
 * tens of megabytes have piled up, and goes through its whole heap each time.
 *
 * A user of the memory writes all of it before anything reads it, so that nothing of an earlier message is ever seen.
 */
import { allocateOwnBytes } from "#platform";

/** The bytes that are kept at most, the pieces, and the largest of these: a message of the default limit. */
const mostBytes = 16 * 2 ** 20;
const mostPieces = 64;
const largestPiece = 4 * 2 ** 20 + 64;
/** The least size of a piece: smaller ones cost less to allocate than to look for. */
const leastPiece = 4_096;

const spares: Uint8Array[] = [];
let spareBytes = 0;

/** Returns memory that was given back before, of at least `least` bytes and at most `most`. */
export function spareMemory(least: number, most: number): Uint8Array | undefined {
  if (most < leastPiece) return undefined;
  for (let index = spares.length - 1; index >= 0; index--) {
    const spare = spares[index] as Uint8Array;
    if (spare.length < least || spare.length > most) continue;
    spares.splice(index, 1);
    spareBytes -= spare.length;
    return spare;
  }
  return undefined;
}

/** Returns memory of exactly so many bytes, of any content. */
export function messageMemory(bytes: number): Uint8Array {
  return spareMemory(bytes, bytes) ?? allocateOwnBytes(bytes);
}

/**
 * Takes memory that nobody reads any more. The pieces that were given back first are let go of for it: those of the
 * messages that come now are worth more. A view of a part is left to the garbage collector.
 */
export function giveBackMemory(memory: Uint8Array): void {
  const { length, buffer } = memory;
  if (length < leastPiece || length > largestPiece || length !== buffer.byteLength) return;
  spares.push(memory.constructor === Uint8Array ? memory : new Uint8Array(buffer));
  spareBytes += length;
  while (spareBytes > mostBytes || spares.length > mostPieces) spareBytes -= (spares.shift() as Uint8Array).length;
}
