/** PING (RFC 9113 §6.7). Ours carry a number in the last four octets. */
import type { ByteWriter } from "../bytes/byte-writer.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { frameHeaderBytes, writeFrameHeader } from "./header.js";
import { Flag, FrameType } from "./types.js";

export const pingBytes = 8;

export function checkPing(start: number, end: number): void {
  if (end - start !== pingBytes)
    throw connectionError(ErrorCode.FRAME_SIZE_ERROR, `PING of ${end - start} bytes is not ${pingBytes}`);
}

export function writePing(writer: ByteWriter, pingId: number): void {
  writer.reserve(frameHeaderBytes + pingBytes);
  writeFrameHeader(writer, pingBytes, FrameType.PING, 0, 0);
  writer.writeUint32(0);
  writer.writeUint32(pingId);
}

/** The answer holds the very octets of the question. */
export function writePingAck(writer: ByteWriter, bytes: Uint8Array, start: number): void {
  writer.reserve(frameHeaderBytes + pingBytes);
  writeFrameHeader(writer, pingBytes, FrameType.PING, Flag.ACK, 0);
  for (let index = 0; index < pingBytes; index++) writer.writeByte(bytes[start + index] as number);
}
