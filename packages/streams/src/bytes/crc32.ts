/** CRC-32 as zlib, gzip, zip and Ethernet use it (polynomial 0xEDB88320, reflected). */

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

/** A CRC-32 over bytes that come piece by piece, for `counted`. */
export class Crc32 {
  #state = 0xffff_ffff;

  /** Adds bytes. */
  update(bytes: Uint8Array): this {
    let state = this.#state;
    for (const byte of bytes) state = (table[(state ^ byte) & 0xff] as number) ^ (state >>> 8);
    this.#state = state;
    return this;
  }

  /** The CRC of the bytes so far, from 0 to 4,294,967,295. */
  get value(): number {
    return (this.#state ^ 0xffff_ffff) >>> 0;
  }
}
