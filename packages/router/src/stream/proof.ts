/** The count and the checksum of one direction, by which its end can be told from a cut. */
import { crc32 } from "node:zlib";
import type { End } from "../gen/trunkline/v1/frames_pb.js";

/** The proof over all DATA payloads of one direction, in order. */
export class Proof {
  payloadBytes = 0;
  dataFrames = 0;
  /** zlib's CRC-32: 10 µs for 64 KiB, and any cut or swap of frames shows. */
  crc32 = 0;

  add(payload: Uint8Array): void {
    this.payloadBytes += payload.length;
    this.dataFrames += 1;
    if (payload.length > 0) this.crc32 = crc32(payload, this.crc32);
  }

  /** Compares with a received end. Returns undefined if both agree, else the difference for an error's message. */
  mismatch(end: Pick<End, "payloadBytes" | "dataFrames" | "crc32">): string | undefined {
    if (end.payloadBytes !== BigInt(this.payloadBytes))
      return `${this.payloadBytes} of ${end.payloadBytes} bytes arrived`;
    if (end.dataFrames !== BigInt(this.dataFrames)) return `${this.dataFrames} of ${end.dataFrames} frames arrived`;
    if (end.crc32 >>> 0 !== this.crc32) return `the checksum of ${this.payloadBytes} bytes is different`;
    return undefined;
  }
}
