/**
 * The memory of Node for bytes that are overwritten as a whole: without the zeros, which cost as much as the copy of a
 * large message.
 */
import { Buffer } from "node:buffer";
import { provideAllocator } from "../bytes/memory.js";

let provided = false;

/** Lets the whole package allocate large messages by `Buffer.allocUnsafeSlow`. */
export function useNodeMemory(): void {
  if (provided) return;
  provided = true;
  provideAllocator((length) => {
    const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length);
    return new Uint8Array(buffer, byteOffset, length); // a plain view, since `slice` of a Buffer does not copy
  });
}
