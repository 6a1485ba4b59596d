/** Padding of DATA, HEADERS and PUSH_PROMISE (RFC 9113 §6.1). */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { Flag } from "./types.js";

/**
 * Octets of padding at the end of the payload, the length octet at its start not counted; 0 where the flag is not set.
 */
export function paddingBytes(flags: number, bytes: Uint8Array, start: number, end: number): number {
  if ((flags & Flag.PADDED) === 0) return 0;
  if (start === end) throw connectionError(ErrorCode.FRAME_SIZE_ERROR, "padded frame without a pad length");
  const padding = bytes[start] as number;
  if (padding >= end - start) {
    throw connectionError(
      ErrorCode.PROTOCOL_ERROR,
      `padding of ${padding} bytes does not fit a payload of ${end - start} bytes`,
    );
  }
  return padding;
}
