/** RST_STREAM (RFC 9113 §6.4). */
import type { ByteWriter } from "../bytes/byte-writer.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { frameHeaderBytes, readUint32, writeFrameHeader } from "./header.js";
import { FrameType } from "./types.js";

export function readRstStream(bytes: Uint8Array, start: number, end: number): ErrorCode {
  if (end - start !== 4)
    throw connectionError(ErrorCode.FRAME_SIZE_ERROR, `RST_STREAM of ${end - start} bytes is not 4`);
  return readUint32(bytes, start);
}

export function writeRstStream(writer: ByteWriter, streamId: number, errorCode: ErrorCode): void {
  writer.reserve(frameHeaderBytes + 4);
  writeFrameHeader(writer, 4, FrameType.RST_STREAM, 0, streamId);
  writer.writeUint32(errorCode);
}
