/** Resolvers: they find the addresses of a target's name. */
import {
  checkOptionNames,
  parseHostPort,
  parseUnixAddress,
  printHostPort,
  reasonText,
  type SocketAddress,
} from "@trunkline/base";
import { checkSocketPath, interleaved, systemLookup, TransportError } from "#platform";

/** The target that a resolver is asked for. */
export interface ResolverTarget {
  /** The part before the first colon: `"etcd"` of `"etcd:///greeter"`. */
  readonly scheme: string;
  /** The part after that, without up to three slashes: `"greeter"`. */
  readonly path: string;
}

/**
 * Returns the endpoints of a target, in the order in which they are tried: each is an address (`"host:port"`,
 * `"[::1]:port"`, `"unix:/path"`) or a list of the addresses of one server. It is asked before a connection is made,
 * after failures and from time to time, and never again before it has answered. An error that it throws counts as a
 * failure to connect where no earlier answer is known.
 */
export type Resolver = (
  target: ResolverTarget,
  options: { readonly signal: AbortSignal },
) => ResolvedEndpoints | Promise<ResolvedEndpoints>;

/** The answer of a resolver. */
export type ResolvedEndpoints = readonly (string | readonly string[])[];

/** Resolvers by the schemes of their targets. */
export type Resolvers = Readonly<Record<string, Resolver>>;

/** The port where none is given, as in gRPC. */
export const defaultPort = 443;

/** Asks the system for the addresses of a name; families take turns (RFC 8305 §4). */
export const dnsResolver: Resolver = async ({ path }) => {
  const { host, port = defaultPort } = parseHostPort(path) ?? { host: path };
  try {
    const found = await new Promise<Parameters<Parameters<typeof systemLookup>[1]>[1]>((resolve, reject) =>
      systemLookup(host, (error, addresses) => (error === null ? resolve(addresses) : reject(error))),
    );
    return interleaved(found).map(({ address }) => printHostPort(address, port));
  } catch (error) {
    const text = `cannot connect to ${printHostPort(host, port)}: ${reasonText(error)}`;
    throw new TransportError("CONNECTION_FAILED", text, { cause: error as Error });
  }
};

/** Checks the resolvers that were registered. @throws TypeError that names the scheme */
export function checkedResolvers(resolvers: Resolvers | undefined): Resolvers {
  if (resolvers === undefined) return {};
  checkOptionNames("resolvers", resolvers, new Set(Object.keys(resolvers)));
  for (const [scheme, resolver] of Object.entries(resolvers)) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme))
      throw new TypeError(`resolvers: ${JSON.stringify(scheme)} is no scheme of a target`);
    if (typeof resolver !== "function") throw new TypeError(`resolvers.${scheme} must be a function`);
  }
  return resolvers;
}

/** Parses an address. @throws TypeError for text that is none */
export function parseAddress(text: string): SocketAddress {
  const unix = parseUnixAddress(text);
  if (unix !== undefined) {
    checkSocketPath(unix.path);
    return unix;
  }
  const parsed = parseHostPort(text);
  if (parsed === undefined)
    throw new TypeError(`address ${JSON.stringify(text)} is not one: use "host:port" or "unix:/path"`);
  return { host: parsed.host, port: parsed.port ?? defaultPort };
}

/**
 * Checks the answer of a resolver: its endpoints, each once, up to `maxAddresses` addresses in all. Further ones are
 * left out, and not looked at. @throws TypeError for an answer that is none
 */
export function checkedEndpoints(answer: unknown, maxAddresses: number): SocketAddress[][] {
  if (!Array.isArray(answer)) throw new TypeError(`a resolver returns an array of endpoints, not ${String(answer)}`);
  const endpoints = new Map<string, SocketAddress[]>();
  let left = maxAddresses;
  for (const each of answer as readonly unknown[]) {
    if (left <= 0) break;
    const texts: readonly unknown[] = Array.isArray(each) ? each.slice(0, left) : [each];
    left -= texts.length;
    const addresses = texts.map((text) => {
      if (typeof text === "string") return parseAddress(text);
      throw new TypeError(`an endpoint is an address or an array of addresses, not ${String(text)}`);
    });
    if (addresses.length > 0) endpoints.set(texts.join(" "), addresses);
  }
  return [...endpoints.values()];
}
