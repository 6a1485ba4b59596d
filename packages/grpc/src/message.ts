/**
 * Length-prefixed messages (gRPC over HTTP/2, `Length-Prefixed-Message`): one byte of flags, four bytes of length, the message.
 *
 * Views given to `push` belong to the caller's chunk; a message that came whole is a view into it, one that came in pieces is put
 * together in memory of its own, which grows with what has come, never with what was announced.
 */
import { Buffer } from "node:buffer";

export const prefixBytes = 5;

/** The prefix and the message, as the one logical write that they are. */
export function frameMessage(body: Uint8Array): Uint8Array[] {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  const { length } = body;
  prefix[0] = 0;
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
  return length === 0 ? [prefix] : [prefix, body];
}

/** The length in a prefix at `offset`. */
export function messageLength(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset + 1] as number) * 0x1000000 +
    (((bytes[offset + 2] as number) << 16) | ((bytes[offset + 3] as number) << 8) | (bytes[offset + 4] as number))
  );
}

/** A piece at least this long is kept as the view that it is; shorter ones are copied together, or each would keep its chunk alive. */
const keptPieceBytes = 4_096;
/** What short pieces are copied into. */
const blockBytes = 4_096;

/** One message, or its prefix, of which the rest is still to come. */
export class PartialMessage {
  /** The prefix once it is whole. */
  readonly #prefix: Uint8Array = new Uint8Array(prefixBytes);
  #prefixFilled = 0;
  #length = 0;
  readonly #pieces: Uint8Array[] = [];
  /** Bytes in `#pieces` and, after them, in `#block`. */
  #filled = 0;
  #block: Uint8Array | undefined;
  #blockFilled = 0;
  /** Bytes of it that have come and are not acknowledged. */
  unacknowledged = 0;

  get flags(): number {
    return this.#prefix[0] as number;
  }

  get length(): number {
    return this.#length;
  }

  get prefixComplete(): boolean {
    return this.#prefixFilled === prefixBytes;
  }

  get complete(): boolean {
    return this.prefixComplete && this.#filled === this.#length;
  }

  /** Takes what belongs to the prefix; gives the offset of what follows. */
  pushPrefix(data: Uint8Array, offset: number): number {
    let at = offset;
    while (this.#prefixFilled < prefixBytes && at < data.length) this.#prefix[this.#prefixFilled++] = data[at++] as number;
    if (this.prefixComplete) this.#length = messageLength(this.#prefix, 0);
    this.unacknowledged += at - offset;
    return at;
  }

  /** Takes what belongs to the message; gives the offset of what follows. */
  push(data: Uint8Array, offset: number): number {
    const end = Math.min(data.length, offset + this.#length - this.#filled);
    const bytes = end - offset;
    if (bytes >= keptPieceBytes) {
      this.#closeBlock();
      this.#pieces.push(data.subarray(offset, end));
    } else {
      this.#copy(data, offset, end);
    }
    this.#filled += bytes;
    this.unacknowledged += bytes;
    return end;
  }

  #copy(data: Uint8Array, offset: number, end: number): void {
    let at = offset;
    while (at < end) {
      if (this.#block === undefined) {
        this.#block = new Uint8Array(Math.min(blockBytes, this.#length));
        this.#blockFilled = 0;
      }
      const bytes = Math.min(end - at, this.#block.length - this.#blockFilled);
      this.#block.set(data.subarray(at, at + bytes), this.#blockFilled);
      this.#blockFilled += bytes;
      at += bytes;
      if (this.#blockFilled === this.#block.length) this.#closeBlock();
    }
  }

  #closeBlock(): void {
    if (this.#block === undefined) return;
    this.#pieces.push(this.#block.subarray(0, this.#blockFilled));
    this.#block = undefined;
  }

  /** The message, once it is complete. */
  join(): Uint8Array {
    this.#closeBlock();
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only !== undefined) return only;
    const message = new Uint8Array(this.#length);
    let offset = 0;
    for (const piece of this.#pieces) {
      message.set(piece, offset);
      offset += piece.length;
    }
    return message;
  }
}
