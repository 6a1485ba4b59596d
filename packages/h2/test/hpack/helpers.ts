import { portableAscii } from "../../src/bytes/ascii.js";
import type { HeaderField } from "../../src/header-field.js";
import { type DecodedField, HpackDecoder } from "../../src/hpack/decoder.js";
import type { HpackEncoder } from "../../src/hpack/encoder.js";

/** Octets from hexadecimal digits; blanks between them are for people. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function newDecoder(maxTableSize = 4_096): HpackDecoder {
  return new HpackDecoder({ ascii: portableAscii, maxTableSize });
}

export function decodeHex(decoder: HpackDecoder, hex: string, maxListBytes = 65_536): DecodedField[] {
  const bytes = fromHex(hex);
  return decoder.decode(bytes, 0, bytes.length, maxListBytes);
}

/** The block of these fields, checked to stay within what the encoder had asked for. */
export function encodeBlock(encoder: HpackEncoder, fields: readonly HeaderField[]): Uint8Array {
  const room = encoder.maxEncodedLength(fields);
  const before = 3;
  const target = new Uint8Array(before + room + 5).fill(0xee);
  const end = encoder.encode(fields, target, before);
  if (end > before + room)
    throw new Error(`block of ${end - before} bytes is larger than maxEncodedLength said (${room})`);
  if (
    target.subarray(0, before).some((octet) => octet !== 0xee) ||
    target.subarray(end).some((octet) => octet !== 0xee)
  ) {
    throw new Error("the encoder wrote outside of its block");
  }
  return target.slice(before, end);
}

export function lines(fields: readonly HeaderField[]): string[] {
  return fields.map(({ name, value }) => `${name}: ${value}`);
}

export function fieldsOf(...texts: readonly string[]): HeaderField[] {
  return texts.map((text) => {
    const colon = text.indexOf(": ");
    return { name: text.slice(0, colon), value: text.slice(colon + 2) };
  });
}

/**
 * The dynamic table, newest first, asked for index by index. Usable once: it ends with an index that must be refused.
 */
export function tableOf(decoder: HpackDecoder): HeaderField[] {
  const entries: HeaderField[] = [];
  for (;;) {
    const index = 62 + entries.length;
    const block = index < 127 ? [0x80 | index] : [0xff, ...continuation(index - 127)];
    try {
      entries.push(...decoder.decode(Uint8Array.from(block), 0, block.length, Number.POSITIVE_INFINITY));
    } catch {
      return entries;
    }
  }
}

export function tableBytes(entries: readonly HeaderField[]): number {
  return entries.reduce((bytes, { name, value }) => bytes + name.length + value.length + 32, 0);
}

function continuation(rest: number): number[] {
  return rest < 128 ? [rest] : [(rest & 0x7f) | 0x80, ...continuation(rest >>> 7)];
}
