/** The CRC of bzip2: that of Ethernet, most significant bit first. */

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  return value;
});

/** The state after `bytes`; begins with -1, and its complement is the CRC. */
export function updateBlockCrc(state: number, bytes: Uint8Array): number {
  for (const byte of bytes) state = (state << 8) ^ (table[(state >>> 24) ^ byte] as number);
  return state;
}

/** The CRC of a stream, to which a block is added. */
export function combineCrc(streamCrc: number, blockCrc: number): number {
  return ((streamCrc << 1) | (streamCrc >>> 31)) ^ blockCrc;
}
