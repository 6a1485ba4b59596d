/** Looks up the addresses of a name and brings them into the order in which they are tried. */
import dns from "node:dns";
import { isIP } from "node:net";

/** One address of a host. */
export interface LookupResult {
  readonly address: string;
  readonly family: number;
}

/** Looks up all addresses of a host. */
export type Lookup = (
  host: string,
  callback: (error: Error | null, addresses: readonly LookupResult[]) => void,
) => void;

/** Asks the system, as `getaddrinfo` orders them; an IP address is its own answer and comes at once. */
export const systemLookup: Lookup = (host, callback) => {
  const family = isIP(host);
  if (family !== 0) callback(null, [{ address: host, family }]);
  else dns.lookup(host, { all: true, verbatim: true }, callback);
};

/** Returns the addresses with the families in turn, beginning with that of the first (RFC 8305 §4). */
export function interleaved(addresses: readonly LookupResult[]): LookupResult[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const mixed: LookupResult[] = [];
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    for (const address of [first[index], second[index]]) if (address !== undefined) mixed.push(address);
  }
  return mixed;
}
