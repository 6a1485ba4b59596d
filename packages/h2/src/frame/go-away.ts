/** GOAWAY (RFC 9113 §6.8). */
import { type AsciiCodec, portableAscii } from "../bytes/ascii.js";
import type { ByteWriter } from "../bytes/byte-writer.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { frameHeaderBytes, readUint31, readUint32, writeFrameHeader } from "./header.js";
import { FrameType } from "./types.js";

const fixedBytes = 8;
/** Debug data is for people: longer is cut. */
const maxDebugCharacters = 512;

export interface GoAwayFrame {
  readonly lastStreamId: number;
  readonly errorCode: ErrorCode;
  readonly debugData: Uint8Array;
}

export function readGoAway(bytes: Uint8Array, start: number, end: number): GoAwayFrame {
  if (end - start < fixedBytes)
    throw connectionError(ErrorCode.FRAME_SIZE_ERROR, `GOAWAY of ${end - start} bytes is shorter than ${fixedBytes}`);
  return {
    lastStreamId: readUint31(bytes, start),
    errorCode: readUint32(bytes, start + 4),
    debugData: bytes.subarray(start + fixedBytes, end),
  };
}

export function writeGoAway(
  writer: ByteWriter,
  lastStreamId: number,
  errorCode: ErrorCode,
  debug = "",
  ascii: AsciiCodec = portableAscii,
): void {
  const text = debug.slice(0, maxDebugCharacters);
  writer.reserve(frameHeaderBytes + fixedBytes + text.length);
  writeFrameHeader(writer, fixedBytes + text.length, FrameType.GOAWAY, 0, 0);
  writer.writeUint32(lastStreamId);
  writer.writeUint32(errorCode);
  ascii.encode(text, writer.block, writer.offset);
  writer.offset += text.length;
}
