/**
 * Cuts received chunks into frames. A frame that lies whole in its chunk is handed on as it lies there; only one
 * that is cut by a chunk's border is joined, in memory taken after its length was checked.
 */
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { foreignProtocol } from "./foreign.js";
import { frameHeaderBytes, readUint24, readUint31 } from "./header.js";

export interface FrameSink {
  /** The payload is `bytes[start, end)`. */
  onFrame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void;
  /** True once frames must be handed on no more. */
  readonly closed: boolean;
}

export class FrameReader {
  readonly #sink: FrameSink;
  /** Largest payload we take: what we announced as SETTINGS_MAX_FRAME_SIZE. */
  readonly #maxFrameSize: number;
  /** A frame that is cut, header included; its first `#joinedBytes` octets are here. */
  #joined: Uint8Array | undefined;
  #joinedBytes = 0;
  readonly #header = new Uint8Array(frameHeaderBytes);
  #headerBytes = 0;

  constructor(sink: FrameSink, maxFrameSize: number) {
    this.#sink = sink;
    this.#maxFrameSize = maxFrameSize;
  }

  /** True where a frame has begun and is not whole. */
  get unfinished(): boolean {
    return this.#joined !== undefined || this.#headerBytes > 0;
  }

  /** The type of the unfinished frame, if its header is whole. */
  get unfinishedType(): number | undefined {
    return this.#joined?.[3];
  }

  /** The number of octets of the unfinished frame that have come. */
  get unfinishedBytes(): number {
    return this.#joined === undefined ? this.#headerBytes : this.#joinedBytes;
  }

  /** @throws H2Error FRAME_SIZE_ERROR as soon as a header announces too much (RFC 9113 §4.2). */
  receive(chunk: Uint8Array, from = 0): void {
    let offset = from;
    while (offset < chunk.length && !this.#sink.closed) {
      if (this.#joined !== undefined) offset = this.#continueJoined(this.#joined, chunk, offset);
      else if (this.#headerBytes > 0) offset = this.#continueHeader(chunk, offset);
      else if (chunk.length - offset < frameHeaderBytes) {
        this.#header.set(offset === 0 ? chunk : chunk.subarray(offset));
        this.#headerBytes = chunk.length - offset;
        return;
      } else {
        const length = this.#checkedLength(chunk, offset);
        const start = offset + frameHeaderBytes;
        if (chunk.length - start < length) {
          this.#joined = new Uint8Array(frameHeaderBytes + length);
          this.#joined.set(chunk.subarray(offset));
          this.#joinedBytes = chunk.length - offset;
          return;
        }
        offset = start + length;
        this.#deliver(chunk, start - frameHeaderBytes, offset);
      }
    }
  }

  #continueHeader(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(frameHeaderBytes - this.#headerBytes, chunk.length - offset);
    this.#header.set(chunk.subarray(offset, offset + taken), this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes < frameHeaderBytes) return offset + taken;
    const length = this.#checkedLength(this.#header, 0);
    this.#headerBytes = 0;
    const joined = new Uint8Array(frameHeaderBytes + length);
    joined.set(this.#header);
    if (length === 0) {
      this.#deliver(joined, 0, frameHeaderBytes);
    } else {
      this.#joined = joined;
      this.#joinedBytes = frameHeaderBytes;
    }
    return offset + taken;
  }

  #continueJoined(joined: Uint8Array, chunk: Uint8Array, offset: number): number {
    const taken = Math.min(joined.length - this.#joinedBytes, chunk.length - offset);
    joined.set(chunk.subarray(offset, offset + taken), this.#joinedBytes);
    this.#joinedBytes += taken;
    if (this.#joinedBytes === joined.length) {
      this.#joined = undefined;
      this.#deliver(joined, 0, joined.length);
    }
    return offset + taken;
  }

  #checkedLength(bytes: Uint8Array, offset: number): number {
    const length = readUint24(bytes, offset);
    if (length > this.#maxFrameSize) {
      const foreign = foreignProtocol(bytes, offset);
      const text =
        foreign === undefined
          ? `frame of ${length} bytes is larger than maxFrameSize (${this.#maxFrameSize})`
          : `the peer does not speak HTTP/2 but ${foreign}`;
      throw connectionError(ErrorCode.FRAME_SIZE_ERROR, text);
    }
    return length;
  }

  #deliver(bytes: Uint8Array, headerAt: number, end: number): void {
    const type = bytes[headerAt + 3] as number;
    const flags = bytes[headerAt + 4] as number;
    this.#sink.onFrame(type, flags, readUint31(bytes, headerAt + 5), bytes, headerAt + frameHeaderBytes, end);
  }
}
