/** The bodies and fields that the peers exchange. The program in `../go` makes the same. */
import { createHash } from "node:crypto";

export const largeBodyBytes = 16 * 2 ** 20 + 1;
/** Requests while connections are ended in order, and how many of them end one. */
export const loadRequests = 2_000;
export const requestsPerDrain = 100;
export const requestsInFlight = 50;

/** A body without a short period. */
export function pattern(bytes) {
  const body = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at++) body[at] = (at * 31 + (at >>> 8) * 17) & 0xff;
  return body;
}

export function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** 40,000 bytes of fields: three frames. Of half of them Huffman code makes less, of the others it would make more. */
export function largeFields() {
  const letters = "etaoinshrdlu";
  const others = "{}<>\\^~|`";
  return Array.from({ length: 10 }, (_, field) => {
    const alphabet = field % 2 === 0 ? letters : others;
    let value = "";
    for (let at = 0; at < 4_000; at++) value += alphabet[(at * 7 + field + (at >>> 4)) % alphabet.length];
    return { name: `x-large-${field}`, value };
  });
}

/** Returns the value of a response's `x-fields`, which sums up the large fields of its request. */
export function digestOfFields(fields) {
  const large = fields
    .filter(({ name }) => name.startsWith("x-large-"))
    .map(({ name, value }) => `${name}: ${value}\n`);
  return digest(large.sort().join(""));
}

/** @throws {Error} saying `otherwise` */
export function expect(isSo, otherwise) {
  if (!isSo) throw new Error(otherwise);
}
