/**
 * Output, written in place into blocks and handed out as views. A block belongs to the writer until its bytes
 * are taken; taken bytes are never written again, so a transport may keep the views as long as it likes.
 *
 * Large payloads are not copied into blocks but handed out as they are: their owner must not change them until it is
 * told that they were written.
 */

/** Idle connections stay small: the first block is this big, and each new one twice the last. */
const firstBlockBytes = 1_024;
/** The size past which a larger block measured no faster. */
const largestBlockBytes = 65_536;
/**
 * The size from which on a piece of its own in a gathering write costs less than a copy and the block that it fills.
 */
const byReferenceBytes = 4_096;

export class ByteWriter {
  /** The block being filled; valid from `offset` on for as many bytes as were reserved. */
  block: Uint8Array = new Uint8Array(0);
  offset = 0;
  /** The offset of the bytes that have not been taken. */
  #start = 0;
  #full: Uint8Array[] = [];
  #fullBytes = 0;
  #nextBlockBytes = firstBlockBytes;
  /** The callbacks of those who wait until what is here was written, and of those who wait for what was taken last. */
  #waiting: (() => void)[] | undefined = undefined;
  #waitingForTaken: (() => void)[] | undefined = undefined;

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

  /**
   * Writes bytes that need not stay in one piece with what is around them, large ones by reference. Reserves for
   * itself.
   */
  writePayload(bytes: Uint8Array): void {
    if (bytes.length < byReferenceBytes) {
      this.reserve(bytes.length);
      this.writeBytes(bytes);
      return;
    }
    this.#finishBlock();
    this.#full.push(bytes);
    this.#fullBytes += bytes.length;
  }

  /** Calls back once all bytes that are here now were written to the transport. */
  afterWrite(onWritten: () => void): void {
    this.#waiting ??= [];
    this.#waiting.push(onWritten);
  }

  /** Returns what to call once the bytes that were taken last have been written. */
  takeCallbacks(): readonly (() => void)[] | undefined {
    const taken = this.#waitingForTaken;
    this.#waitingForTaken = undefined;
    return taken;
  }

  /** All bytes written since the last call, as few pieces; empty when there are none. */
  take(): Uint8Array[] {
    this.#finishBlock();
    const taken = this.#full;
    this.#waitingForTaken = this.#waiting;
    this.#waiting = undefined;
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
