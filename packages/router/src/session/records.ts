/**
 * The records of one direction of a session: the frames that are counted, checked, and sent again where they were lost.
 * DATA, HEADERS and GOAWAY are records; every other frame belongs to one attachment, and is lost with it.
 */
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

/** The remainders of the CRC-32 (ISO 3309, as of zlib) for each value of an octet. */
const remainders = Uint32Array.from({ length: 256 }, (_, octet) => {
  let remainder = octet;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

/** Carries a checksum over four octets, the highest first. A call of zlib costs several times as much. */
function crc32OfWord(word: number, crc: number): number {
  let rest = ~crc;
  for (let shift = 24; shift >= 0; shift -= 8)
    rest = (rest >>> 8) ^ (remainders[(rest ^ (word >>> shift)) & 0xff] as number);
  return ~rest >>> 0;
}

function crc32OfOctet(octet: number, crc: number): number {
  return ~((~crc >>> 8) ^ (remainders[(~crc ^ octet) & 0xff] as number)) >>> 0;
}

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
    this.crc32 = crc32OfWord(payload.length, crc32OfOctet(frameType, this.crc32));
    if (frameType === RouterFrameType.DATA) {
      // The proof reads each payload once; its checksum stands for the payload here.
      this.proof.add(payload);
      this.crc32 = crc32OfWord(this.proof.crc32, this.crc32);
    } else if (payload.length > 0) {
      this.crc32 = crc32(payload, this.crc32); // of no bytes, zlib gives 0
    }
  }
}
