/** The CRC of bzip2: the polynomial of Ethernet, the most significant bit first. */

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1;
  return value;
});

/** Returns the state after more bytes. The first state is -1, and the complement of the last one is the CRC. */
export function updateBlockCrc(state: number, bytes: Uint8Array): number {
  for (const byte of bytes) state = (state << 8) ^ (table[(state >>> 24) ^ byte] as number);
  return state;
}

/** Returns the CRC of a stream after one more block. */
export function combineCrc(streamCrc: number, blockCrc: number): number {
  return ((streamCrc << 1) | (streamCrc >>> 31)) ^ blockCrc;
}
