/** The nine octets before every payload (RFC 9113 §4.1), and reading big-endian numbers. */
import type { ByteWriter } from "../bytes/byte-writer.js";

export const frameHeaderBytes = 9;

export function readUint16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

export function readUint24(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 16) | ((bytes[offset + 1] as number) << 8) | (bytes[offset + 2] as number);
}

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (readUint16(bytes, offset) * 0x10000 + readUint16(bytes, offset + 2)) >>> 0;
}

/** 31 bits; the reserved first bit is ignored, as §4.1 and §6.9 demand. */
export function readUint31(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) & 0x7fffffff;
}

/** Writes a frame header; the writer has room for it. */
export function writeFrameHeader(
  writer: ByteWriter,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  const { block } = writer;
  let offset = writer.offset;
  block[offset++] = length >>> 16;
  block[offset++] = length >>> 8;
  block[offset++] = length;
  block[offset++] = type;
  block[offset++] = flags;
  block[offset++] = streamId >>> 24;
  block[offset++] = streamId >>> 16;
  block[offset++] = streamId >>> 8;
  block[offset++] = streamId;
  writer.offset = offset;
}
