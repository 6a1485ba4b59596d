/** HEADERS and the CONTINUATION frames that follow one (RFC 9113 §6.2, §6.10). */
import type { ByteWriter } from "../bytes/byte-writer.js";
import type { HeaderField } from "../header-field.js";
import type { HpackEncoder } from "../hpack/encoder.js";
import { frameHeaderBytes, writeFrameHeader } from "./header.js";
import { Flag, FrameType } from "./types.js";

/**
 * Encodes a field section in place behind room left for its frame header; a section larger than a frame is
 * cut into CONTINUATION frames afterwards, which few ever are.
 */
export function writeHeaders(
  writer: ByteWriter,
  encoder: HpackEncoder,
  streamId: number,
  fields: readonly HeaderField[],
  endStream: boolean,
  maxFrameSize: number,
): void {
  const room = encoder.maxEncodedLength(fields);
  writer.reserve(frameHeaderBytes + room);
  const headerAt = writer.offset;
  const blockAt = headerAt + frameHeaderBytes;
  const end = encoder.encode(fields, writer.block, blockAt);
  const length = end - blockAt;
  const streamFlag = endStream ? Flag.END_STREAM : 0;
  if (length <= maxFrameSize) {
    writeFrameHeader(writer, length, FrameType.HEADERS, streamFlag | Flag.END_HEADERS, streamId);
    writer.offset = end;
    return;
  }
  const block = writer.block.slice(blockAt, end);
  for (let offset = 0; offset < length; offset += maxFrameSize) {
    const size = Math.min(maxFrameSize, length - offset);
    const type = offset === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    const flags = (offset === 0 ? streamFlag : 0) | (offset + size === length ? Flag.END_HEADERS : 0);
    writer.reserve(frameHeaderBytes + size);
    writeFrameHeader(writer, size, type, flags, streamId);
    writer.writeBytes(block.subarray(offset, offset + size));
  }
}
