/** Keys: their form (gRPC over HTTP/2, `Header-Name`), the suffix of those that hold bytes, and the reserved ones. */
import { MetadataError } from "./errors.js";

/** Returns true for a key whose values are bytes. The key must be in lower case. */
export function isBinaryKey(key: string): boolean {
  return key.endsWith("-bin");
}

/**
 * The lower-case forms of keys that were found well formed. Programs use few; the bound holds for those that make keys
 * up.
 */
const checked: Map<string, string> = new Map();
const maxChecked = 256;

/** Returns the lower-case form of a key that a user gave. @throws MetadataError when it is malformed or reserved */
export function checkedKey(key: string): string {
  const known = checked.get(key);
  if (known !== undefined) return known;
  const lower = check(key);
  if (checked.size < maxChecked) checked.set(key, lower);
  return lower;
}

function check(key: string): string {
  if (typeof key !== "string") {
    throw new MetadataError(`a metadata key must be a string, but is ${typeof key}`, {
      key: String(key),
      code: "METADATA_KEY",
    });
  }
  const lower = key.toLowerCase();
  // Tested before lower-casing, which would turn U+212A (the Kelvin sign) into "k".
  if (!/^[0-9A-Za-z_.-]+$/.test(key)) {
    const reason = reservedKeyReason(lower) ?? "a key is one or more of the characters 0-9 a-z _ . -";
    throw new MetadataError(`metadata key ${JSON.stringify(key)} is not allowed: ${reason}`, {
      key,
      code: "METADATA_KEY",
    });
  }
  const reason = reservedKeyReason(lower);
  if (reason !== undefined)
    throw new MetadataError(`metadata key "${lower}" is reserved: ${reason}`, { key, code: "METADATA_KEY" });
  return lower;
}

const connectionSpecific = "it is about the connection and may not appear in HTTP/2 (RFC 9113 §8.2.2)";
const reserved: ReadonlyMap<string, string> = new Map([
  ["connection", connectionSpecific],
  ["keep-alive", connectionSpecific],
  ["proxy-connection", connectionSpecific],
  ["transfer-encoding", connectionSpecific],
  ["upgrade", connectionSpecific],
  ["http2-settings", connectionSpecific],
  ["host", "the authority of a call is an option of its channel"],
  ["te", "gRPC sets it itself"],
  ["content-type", "gRPC sets it itself"],
  ["content-length", "a call has no length known beforehand"],
  ["trailer", "gRPC sends its trailers without announcing them"],
  ["user-agent", "it is an option of the channel"],
]);

/** Returns true for a key in the form that it has on the wire: lower case, of the characters that a key may have. */
export function isWireKey(key: string): boolean {
  return /^[0-9a-z_.-]+$/.test(key);
}

/**
 * Returns the reason why users may not set `key` (in lower case, as on the wire), or `undefined` if they may. A runtime
 * also uses it to keep its own fields out of the metadata that it shows.
 */
export function reservedKeyReason(key: string): string | undefined {
  if (key.startsWith("grpc-")) return 'keys that start with "grpc-" belong to gRPC itself';
  if (key.startsWith(":")) return "pseudo-header fields belong to HTTP/2 (RFC 9113 §8.3)";
  return reserved.get(key);
}
