/**
 * Output, written in place into blocks and handed out as views. A block belongs to the writer until its bytes
 * are taken; taken bytes are never written again, so a transport may keep the views as long as it likes.
 */

/** Idle connections stay small: the first block is this big, and each new one twice the last. */
const firstBlockBytes = 1_024;
/** Past this a larger block measured no faster. */
const largestBlockBytes = 65_536;

export class ByteWriter {
  /** The block being filled; valid from `offset` on for as many bytes as were reserved. */
  block: Uint8Array = new Uint8Array(0);
  offset = 0;
  /** Where the bytes begin that have not been taken. */
  #start = 0;
  #full: Uint8Array[] = [];
  #fullBytes = 0;
  #nextBlockBytes = firstBlockBytes;

  /** Bytes written and not taken. */
  get length(): number {
    return this.#fullBytes + this.offset - this.#start;
  }

  /** Makes room for `bytes` in one piece at `block[offset]`. */
  reserve(bytes: number): void {
    if (this.block.length - this.offset >= bytes) return;
    this.#finishBlock();
    this.block = new Uint8Array(Math.max(bytes, this.#nextBlockBytes));
    this.#nextBlockBytes = Math.min(this.#nextBlockBytes * 2, largestBlockBytes);
    this.offset = 0;
    this.#start = 0;
  }

  writeByte(value: number): void {
    this.block[this.offset++] = value;
  }

  writeUint16(value: number): void {
    this.block[this.offset++] = value >>> 8;
    this.block[this.offset++] = value;
  }

  writeUint32(value: number): void {
    this.block[this.offset++] = value >>> 24;
    this.block[this.offset++] = value >>> 16;
    this.block[this.offset++] = value >>> 8;
    this.block[this.offset++] = value;
  }

  writeBytes(bytes: Uint8Array): void {
    this.block.set(bytes, this.offset);
    this.offset += bytes.length;
  }

  /** All bytes written since the last call, as few pieces; empty when there are none. */
  take(): Uint8Array[] {
    this.#finishBlock();
    const taken = this.#full;
    if (taken.length > 0) {
      this.#full = [];
      this.#fullBytes = 0;
    }
    return taken;
  }

  #finishBlock(): void {
    if (this.offset === this.#start) return;
    this.#full.push(this.block.subarray(this.#start, this.offset));
    this.#fullBytes += this.offset - this.#start;
    this.#start = this.offset;
  }
}
