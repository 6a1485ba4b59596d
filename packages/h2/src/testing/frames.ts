/** Frames as a peer might send them, right or wrong: every octet is the test's to choose. */

import { portableAscii } from "../bytes/ascii.js";
import { ByteWriter } from "../bytes/byte-writer.js";
import { frameHeaderBytes, writeFrameHeader } from "../frame/header.js";
import { clientPreface } from "../frame/preface.js";
import { Flag, FrameType } from "../frame/types.js";
import type { HeaderField } from "../header-field.js";
import { HpackEncoder } from "../hpack/encoder.js";

export { clientPreface, Flag, FrameType };

export interface FrameParts {
  readonly type: number;
  readonly flags?: number;
  readonly streamId?: number;
  readonly payload?: Uint8Array | readonly number[];
  /** The length that the frame header names. Default: the length of the payload. */
  readonly length?: number;
}

/** Frames are written here and copied out: a block for each would cost more than all else. */
const writer = new ByteWriter();

export function rawFrame({ type, flags = 0, streamId = 0, payload = [], length }: FrameParts): Uint8Array {
  const bytes = payload instanceof Uint8Array ? payload : Uint8Array.from(payload);
  writer.reserve(frameHeaderBytes + bytes.length);
  writeFrameHeader(writer, length ?? bytes.length, type, flags, streamId);
  writer.writeBytes(bytes);
  return concatenated(writer.take());
}

export function uint32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Makes frames with a header compression state of its own: one factory for one connection. */
export class FrameFactory {
  readonly #encoder = new HpackEncoder({ ascii: portableAscii });

  settings(entries: readonly (readonly [id: number, value: number])[] = []): Uint8Array {
    const payload = entries.flatMap(([id, value]) => [id >>> 8, id & 0xff, ...uint32(value)]);
    return rawFrame({ type: FrameType.SETTINGS, payload });
  }

  settingsAck(): Uint8Array {
    return rawFrame({ type: FrameType.SETTINGS, flags: Flag.ACK });
  }

  block(fields: readonly HeaderField[]): Uint8Array {
    const target = new Uint8Array(this.#encoder.maxEncodedLength(fields));
    return target.slice(0, this.#encoder.encode(fields, target, 0));
  }

  headers(streamId: number, fields: readonly HeaderField[], flags: number = Flag.END_HEADERS): Uint8Array {
    return rawFrame({ type: FrameType.HEADERS, flags, streamId, payload: this.block(fields) });
  }

  /**
   * A section cut into frames of 16 KiB, as a peer sends one that is large. `flags` are those of HEADERS; END_HEADERS
   * goes where it belongs.
   */
  sections(streamId: number, fields: readonly HeaderField[], flags = 0): Uint8Array[] {
    const block = this.block(fields);
    const frames: Uint8Array[] = [];
    for (let at = 0; at === 0 || at < block.length; at += 16_384) {
      const type = at === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
      const end = at + 16_384 >= block.length ? Flag.END_HEADERS : 0;
      const own = at === 0 ? flags & ~Flag.END_HEADERS : 0;
      frames.push(rawFrame({ type, flags: own | end, streamId, payload: block.subarray(at, at + 16_384) }));
    }
    return frames;
  }

  continuation(streamId: number, payload: Uint8Array, flags = 0): Uint8Array {
    return rawFrame({ type: FrameType.CONTINUATION, flags, streamId, payload });
  }

  data(streamId: number, payload: Uint8Array | readonly number[], flags = 0): Uint8Array {
    return rawFrame({ type: FrameType.DATA, flags, streamId, payload });
  }

  rstStream(streamId: number, errorCode: number): Uint8Array {
    return rawFrame({ type: FrameType.RST_STREAM, streamId, payload: uint32(errorCode) });
  }

  windowUpdate(streamId: number, increment: number): Uint8Array {
    return rawFrame({ type: FrameType.WINDOW_UPDATE, streamId, payload: uint32(increment) });
  }

  ping(payload: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8], flags = 0): Uint8Array {
    return rawFrame({ type: FrameType.PING, flags, payload });
  }

  goAway(lastStreamId: number, errorCode: number): Uint8Array {
    return rawFrame({ type: FrameType.GOAWAY, payload: [...uint32(lastStreamId), ...uint32(errorCode)] });
  }
}

/** A frame that was read back. */
export interface ParsedFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** The whole frames in `bytes`, a client's preface skipped, a frame cut off at the end left out. */
export function parseFrames(bytes: Uint8Array): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  let offset =
    bytes.length >= clientPreface.length && clientPreface.every((octet, index) => bytes[index] === octet)
      ? clientPreface.length
      : 0;
  const at = (index: number): number => bytes[index] as number;
  while (offset + frameHeaderBytes <= bytes.length) {
    const length = (at(offset) << 16) | (at(offset + 1) << 8) | at(offset + 2);
    const streamId =
      ((at(offset + 5) << 24) | (at(offset + 6) << 16) | (at(offset + 7) << 8) | at(offset + 8)) & 0x7fffffff;
    const start = offset + frameHeaderBytes;
    if (start + length > bytes.length) break;
    frames.push({ type: at(offset + 3), flags: at(offset + 4), streamId, payload: bytes.slice(start, start + length) });
    offset = start + length;
  }
  return frames;
}

export function concatenated(chunks: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
