/** The memory of received messages that is used again, in the process (`SpareMemory`). */
import { SpareMemory } from "@trunkline/base";
import { allocateOwnBytes } from "#platform";

const spares = new SpareMemory({
  leastBytes: 4_096,
  // A message of the default limit.
  mostBytes: 4 * 2 ** 20 + 64,
  maxPieces: 64,
  maxBytes: 16 * 2 ** 20,
});

/** Returns memory of at least `least` bytes and at most `most`, of any content. */
export function messageMemory(least: number, most: number = least): Uint8Array {
  return spares.take(least, most) ?? allocateOwnBytes(least);
}

/** Takes memory that nobody reads any more. A view of a part is left to the garbage collector. */
export function giveBackMemory(memory: Uint8Array): void {
  if (memory.length === memory.buffer.byteLength) spares.give(memory);
}
