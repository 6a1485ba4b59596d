/** SETTINGS (RFC 9113 §6.5): pairs of an identifier and a value. */
import type { ByteWriter } from "../bytes/byte-writer.js";
import { ErrorCode } from "../error-code.js";
import { connectionError } from "../errors.js";
import { frameHeaderBytes, readUint16, readUint32, writeFrameHeader } from "./header.js";
import { Flag, FrameType } from "./types.js";

export const SettingId = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  /** The setting of RFC 8441 §3. */
  ENABLE_CONNECT_PROTOCOL: 0x8,
} as const;

export type SettingEntry = readonly [id: number, value: number];

const entryBytes = 6;

/**
 * @throws H2Error for a length that is not of whole entries, or more than `maxEntries` of them (CVE-2019-9515 in
 * another guise)
 */
export function readSettings(bytes: Uint8Array, start: number, end: number, maxEntries: number): SettingEntry[] {
  const length = end - start;
  if (length % entryBytes !== 0)
    throw connectionError(ErrorCode.FRAME_SIZE_ERROR, `SETTINGS of ${length} bytes is not a multiple of 6`);
  if (length > maxEntries * entryBytes) {
    throw connectionError(
      ErrorCode.ENHANCE_YOUR_CALM,
      `SETTINGS with ${length / entryBytes} entries is larger than maxSettingsEntries (${maxEntries})`,
    );
  }
  const entries: SettingEntry[] = [];
  for (let offset = start; offset < end; offset += entryBytes)
    entries.push([readUint16(bytes, offset), readUint32(bytes, offset + 2)]);
  return entries;
}

export function writeSettings(writer: ByteWriter, entries: readonly SettingEntry[]): void {
  writer.reserve(frameHeaderBytes + entries.length * entryBytes);
  writeFrameHeader(writer, entries.length * entryBytes, FrameType.SETTINGS, 0, 0);
  for (const [id, value] of entries) {
    writer.writeUint16(id);
    writer.writeUint32(value);
  }
}

export function writeSettingsAck(writer: ByteWriter): void {
  writer.reserve(frameHeaderBytes);
  writeFrameHeader(writer, 0, FrameType.SETTINGS, Flag.ACK, 0);
}
