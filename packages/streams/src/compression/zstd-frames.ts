/**
 * The borders of zstd frames (RFC 8878 §3.1), by which a frame that is cut off differs from one that is complete:
 * Node's decoder takes either as an end. It follows the lengths in the frames and decodes nothing; input that is no
 * frame is left to the decoder.
 */

const magic = 0xfd2f_b528;
/** The first of sixteen magic numbers of frames that hold no data of the format. */
const skippableMagic = 0x184d_2a50;

type Part = "magic" | "descriptor" | "blockHeader" | "skippableLength" | "skip";

/** Follows frames through a stream of bytes. */
export class ZstdFrames {
  #part: Part = "magic";
  /** The part that comes after the bytes that are skipped. */
  #then: Part = "magic";
  #skipBytes = 0;
  /** The little-endian number that is being read, and the number of its bytes that are here. */
  #value = 0;
  #valueBytes = 0;
  #hasChecksum = false;
  #lost = false;

  /** True between two frames, and where the input is no frame, so that it cannot be told. */
  get atBorder(): boolean {
    return this.#lost || (this.#part === "magic" && this.#valueBytes === 0);
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    for (let offset = 0; offset < chunk.length && !this.#lost; ) {
      if (this.#part === "skip") {
        const skipped = Math.min(this.#skipBytes, chunk.length - offset);
        offset += skipped;
        this.#skipBytes -= skipped;
        if (this.#skipBytes === 0) this.#part = this.#then;
        continue;
      }
      this.#value += (chunk[offset++] as number) * 2 ** (8 * this.#valueBytes++);
      if (this.#valueBytes < numberBytes[this.#part]) continue;
      const value = this.#value;
      this.#value = 0;
      this.#valueBytes = 0;
      this.#take(this.#part, value);
    }
  }

  #take(part: Exclude<Part, "skip">, value: number): void {
    if (part === "magic") {
      if (value === magic) this.#part = "descriptor";
      else if (value - (value % 16) === skippableMagic) this.#part = "skippableLength";
      else this.#lost = true;
    } else if (part === "skippableLength") {
      this.#skip(value, "magic");
    } else if (part === "descriptor") {
      const singleSegment = (value & 0x20) !== 0;
      this.#hasChecksum = (value & 0x04) !== 0;
      const window = singleSegment ? 0 : 1;
      const dictionary = [0, 1, 2, 4][value & 3] as number;
      const contentSize = [singleSegment ? 1 : 0, 2, 4, 8][value >>> 6] as number;
      this.#skip(window + dictionary + contentSize, "blockHeader");
    } else {
      const isLast = (value & 1) !== 0;
      const type = (value >>> 1) & 3;
      const length = type === 1 ? 1 : value >>> 3; // a run has one byte of data
      if (!isLast) this.#skip(length, "blockHeader");
      else this.#skip(length + (this.#hasChecksum ? 4 : 0), "magic");
    }
  }

  #skip(bytes: number, then: Part): void {
    this.#skipBytes = bytes;
    this.#then = then;
    this.#part = bytes === 0 ? then : "skip";
  }
}

const numberBytes: Readonly<Record<Exclude<Part, "skip">, number>> = {
  magic: 4,
  descriptor: 1,
  blockHeader: 3,
  skippableLength: 4,
};
