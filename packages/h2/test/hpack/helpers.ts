import { Buffer } from "node:buffer";
import type { HeaderField } from "../../src/header-field.js";
import type { HpackDecoder } from "../../src/hpack/decoder.js";
import type { HpackEncoder } from "../../src/hpack/encoder.js";

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** `"name: value"` as a field; a pseudo-header keeps its first colon. */
export function fields(texts: readonly string[]): HeaderField[] {
  return texts.map((line) => {
    const colon = line.indexOf(":", 1);
    return { name: line.slice(0, colon), value: line.slice(colon + 2) };
  });
}

export function lines(list: readonly HeaderField[]): string[] {
  return list.map(({ name, value }) => `${name}: ${value}`);
}

/** Through an encoder and a decoder that belong together. */
export function roundTrip(encoder: HpackEncoder, decoder: HpackDecoder, list: readonly HeaderField[]): HeaderField[] {
  const target = new Uint8Array(encoder.maxEncodedLength(list) + 7);
  const end = encoder.encode(list, target, 7);
  return decoder.decode(target, 7, end, Number.POSITIVE_INFINITY).map(({ name, value }) => ({ name, value }));
}
