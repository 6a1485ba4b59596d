/**
 * Lets `toEqual` and its kin compare arrays of bytes at once: key by key, as they compare other objects, a mebibyte
 * takes seconds. What differs is still shown as usual.
 */
import { expect } from "vitest";

/** Says whether both are arrays of bytes of one class with the same bytes; undefined leaves it to others. */
function equalBytes(one: unknown, other: unknown): boolean | undefined {
  if (!(one instanceof Uint8Array && other instanceof Uint8Array) || one.constructor !== other.constructor)
    return undefined;
  return Buffer.compare(one, other) === 0;
}

// This runs before each file, and files share a process.
const installed = Symbol.for("trunkline.byte-equality");
const shared = globalThis as { [installed]?: true };
if (shared[installed] === undefined) {
  shared[installed] = true;
  expect.addEqualityTesters([equalBytes]);
}
