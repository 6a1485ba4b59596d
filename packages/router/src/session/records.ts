/**
 * The records of one direction of a session: the frames that are counted, checked, and sent again where they were lost.
 * DATA, HEADERS and GOAWAY are records; every other frame belongs to one attachment, and is lost with it.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { type Frame, RouterFrameType } from "../stream/frame.js";
import { Proof } from "../stream/proof.js";

/** The cost of a record beside its payload: what it takes in memory, so that empty ones are not free. */
export const recordOverheadBytes = 64;

export function isRecord(frameType: number): boolean {
  return (
    frameType === RouterFrameType.DATA || frameType === RouterFrameType.HEADERS || frameType === RouterFrameType.GOAWAY
  );
}

/** Returns what a record counts for credit and in buffers, in bytes. */
export function costOf({ payload }: Frame): number {
  return payload.length + recordOverheadBytes;
}

/** The type (1 byte), the length (4), and for DATA the checksum of all payloads so far (4). */
const header = Buffer.alloc(9);

/**
 * The count and the checksum over the records of one direction from its first on. Two sides whose counts and checksums
 * are equal have the same records.
 */
export class RecordCount {
  records = 0;
  /** The cost of all records. */
  cost = 0;
  crc32 = 0;
  /** The proof over the payloads of DATA, of which the End of this direction is made. */
  readonly proof: Proof = new Proof();

  add(frame: Frame): void {
    const { frameType, payload } = frame;
    this.records += 1;
    this.cost += costOf(frame);
    header[0] = frameType;
    header.writeUInt32BE(payload.length, 1);
    if (frameType === RouterFrameType.DATA) {
      // The proof reads each payload once; its checksum stands for the payload here.
      this.proof.add(payload);
      header.writeUInt32BE(this.proof.crc32, 5);
      this.crc32 = crc32(header, this.crc32);
    } else {
      this.crc32 = crc32(header.subarray(0, 5), this.crc32);
      if (payload.length > 0) this.crc32 = crc32(payload, this.crc32); // of no bytes, zlib gives 0
    }
  }
}
