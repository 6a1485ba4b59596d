/** Memory for bytes that are overwritten as a whole before they are read. */

/** Returns `length` bytes with any content. */
export type Allocate = (length: number) => Uint8Array;

let allocate: Allocate = (length) => new Uint8Array(length);

/** The size below which zeroed memory costs no more than memory with any content. */
const largeBytes = 4_096;

/**
 * Replaces the allocator, which by default returns zeros. Where a runtime has a faster one, its entry calls this once.
 */
export function provideAllocator(faster: Allocate): void {
  allocate = faster;
}

/**
 * Returns `length` bytes with any content. The caller overwrites all of them, so that no old content ever leaves the
 * process.
 */
export function uninitialised(length: number): Uint8Array {
  return length < largeBytes ? new Uint8Array(length) : allocate(length);
}
