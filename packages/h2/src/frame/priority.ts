/** PRIORITY signals (RFC 9113 §5.3.2, §6.3): checked for their form, otherwise ignored. */
import { readUint31 } from "./header.js";

export const priorityBytes = 5;

/** The stream that the one depends on; the exclusive bit and the weight mean nothing to us. */
export function readDependency(bytes: Uint8Array, offset: number): number {
  return readUint31(bytes, offset);
}
