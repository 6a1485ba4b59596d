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
  /** True while no more frames must be handed on. */
  readonly stopped: boolean;
}

/**
 * Memory for frames that are cut by the end of a chunk, used again by all connections: in a bulk transfer every fourth
 * frame is cut. A payload is handed on until the callback returns, so that the frame's memory is free then.
 */
const spares: Uint8Array[] = [];
const spareBytes = frameHeaderBytes + 16_384;
const mostSpares = 8;

function memoryFor(bytes: number): Uint8Array {
  const spare = bytes > spareBytes / 4 && bytes <= spareBytes ? spares.pop() : undefined;
  return spare ?? new Uint8Array(bytes > spareBytes / 4 ? Math.max(bytes, spareBytes) : bytes);
}

function reuse(memory: Uint8Array): void {
  if (memory.length === spareBytes && spares.length < mostSpares) spares.push(memory);
}

export class FrameReader {
  readonly #sink: FrameSink;
  /** Largest payload we take: what we announced as SETTINGS_MAX_FRAME_SIZE. */
  readonly #maxFrameSize: number;
  /** A frame of `#joinedLength` octets that is cut, header included; its first `#joinedBytes` octets are here. */
  #joined: Uint8Array | undefined;
  #joinedLength = 0;
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

  /**
   * Hands on the frames in `chunk` from `from` on, until it ends or the sink stops. @returns the offset behind what was
   * taken
   * @throws H2Error FRAME_SIZE_ERROR as soon as a header announces too much (RFC 9113 §4.2)
   */
  receive(chunk: Uint8Array, from = 0): number {
    let offset = from;
    while (offset < chunk.length && !this.#sink.stopped) {
      if (this.#joined !== undefined) offset = this.#continueJoined(this.#joined, chunk, offset);
      else if (this.#headerBytes > 0) offset = this.#continueHeader(chunk, offset);
      else if (chunk.length - offset < frameHeaderBytes) {
        this.#header.set(offset === 0 ? chunk : chunk.subarray(offset));
        this.#headerBytes = chunk.length - offset;
        return chunk.length;
      } else {
        const length = this.#checkedLength(chunk, offset);
        const start = offset + frameHeaderBytes;
        if (chunk.length - start < length) {
          this.#joined = memoryFor(frameHeaderBytes + length);
          this.#joined.set(chunk.subarray(offset));
          this.#joinedLength = frameHeaderBytes + length;
          this.#joinedBytes = chunk.length - offset;
          return chunk.length;
        }
        offset = start + length;
        this.#deliver(chunk, start - frameHeaderBytes, offset);
      }
    }
    return offset;
  }

  #continueHeader(chunk: Uint8Array, offset: number): number {
    const taken = Math.min(frameHeaderBytes - this.#headerBytes, chunk.length - offset);
    this.#header.set(chunk.subarray(offset, offset + taken), this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes < frameHeaderBytes) return offset + taken;
    const length = this.#checkedLength(this.#header, 0);
    this.#headerBytes = 0;
    const joined = memoryFor(frameHeaderBytes + length);
    joined.set(this.#header);
    if (length === 0) {
      this.#deliver(joined, 0, frameHeaderBytes);
    } else {
      this.#joined = joined;
      this.#joinedLength = frameHeaderBytes + length;
      this.#joinedBytes = frameHeaderBytes;
    }
    return offset + taken;
  }

  #continueJoined(joined: Uint8Array, chunk: Uint8Array, offset: number): number {
    const taken = Math.min(this.#joinedLength - this.#joinedBytes, chunk.length - offset);
    joined.set(chunk.subarray(offset, offset + taken), this.#joinedBytes);
    this.#joinedBytes += taken;
    if (this.#joinedBytes === this.#joinedLength) {
      this.#joined = undefined;
      this.#deliver(joined, 0, this.#joinedLength);
      reuse(joined);
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
