/** WINDOW_UPDATE (RFC 9113 §6.9). */
import type { ByteWriter } from "../bytes/byte-writer.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { frameHeaderBytes, readUint31, writeFrameHeader } from "./header.js";
import { FrameType } from "./types.js";

export function readWindowUpdate(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 4)
    throw connectionError(ErrorCode.FRAME_SIZE_ERROR, `WINDOW_UPDATE of ${end - start} bytes is not 4`);
  return readUint31(bytes, start);
}

export function writeWindowUpdate(writer: ByteWriter, streamId: number, increment: number): void {
  writer.reserve(frameHeaderBytes + 4);
  writeFrameHeader(writer, 4, FrameType.WINDOW_UPDATE, 0, streamId);
  writer.writeUint32(increment);
}
