/** Changes of octets that find the edges of any format. */
import type { Random } from "../../packages/h2/test/support/random.js";

const telling = [0, 1, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const largestInput = 65_536;

export function mutated(random: Random, input: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = [...input];
  const changes = 1 + random.below(4);
  for (let change = 0; change < changes; change++) {
    const at = random.below(bytes.length + 1);
    switch (random.below(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = random.below(256);
        break;
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        break;
      case 2:
        if (at < bytes.length) bytes[at] = random.pick(telling);
        break;
      case 3:
        bytes.splice(at, 1 + random.below(8));
        break;
      case 4:
        bytes.splice(at, 0, ...random.bytes(1 + random.below(8)));
        break;
      case 5:
        bytes.splice(at, 0, ...bytes.slice(at, at + 1 + random.below(40)));
        break;
      default: {
        const from = random.below(other.length + 1);
        bytes.splice(at, random.below(20), ...other.subarray(from, from + random.below(60)));
      }
    }
  }
  return Uint8Array.from(bytes.slice(0, largestInput));
}
