/** Resolvers: they find the addresses of a target's name. */
import {
  checkOptionNames,
  parseHostPort,
  parseUnixAddress,
  printHostPort,
  reasonText,
  type SocketAddress,
} from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import {
  checkSocketPath,
  interleaved,
  systemHostname,
  systemLookup,
  systemTextLookup,
  TransportError,
} from "#platform";
import { isConfigObject } from "./config-object.js";
import { configFromRecords, configNamePrefix } from "./dns-config.js";
import type { ServiceConfig } from "./service-config.js";

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
) => ResolverAnswer | Promise<ResolverAnswer>;

/** The answer of a resolver: the endpoints alone, or with the service config of the target. */
export type ResolverAnswer = ResolvedEndpoints | ResolvedTarget;

/** The endpoints of a target. */
export type ResolvedEndpoints = readonly (string | readonly string[])[];

/** The endpoints of a target, and its service config. */
export interface ResolvedTarget {
  readonly endpoints: ResolvedEndpoints;
  /**
   * The service config, which counts in place of the channel's own; fields in it that are not known are passed over.
   * One that cannot be counts as a failure to resolve, but where an earlier answer had a config (or none), that holds
   * on. Default: none, so that the channel's own counts.
   */
  readonly serviceConfig?: ServiceConfig | undefined;
}

/** Resolvers by the schemes of their targets. */
export type Resolvers = Readonly<Record<string, Resolver>>;

/** The port where none is given, as in gRPC. */
export const defaultPort = 443;

/** Asks the system for the addresses of a name; families take turns (RFC 8305 §4). */
export const dnsResolver: Resolver = ({ path }) => systemAddresses(path);

/** The time for the TXT records of a name: what takes longer must not hold the connection up. */
const textTimeoutMs = 5_000;

/** Returns a resolver that asks for the service config of a name, too (gRFC A2). */
export function dnsResolverWithConfig(clock: Clock): Resolver {
  const client = { hostname: systemHostname(), percentile: Math.random() * 100 };
  return async ({ path }) => {
    const { host } = parseHostPort(path) ?? { host: path };
    const [endpoints, records] = await Promise.all([systemAddresses(path), textRecords(host, clock)]);
    return { endpoints, serviceConfig: configFromRecords(records, client) as ServiceConfig | undefined };
  };
}

/** Returns the TXT records with the config of a host. A name server that fails says nothing of it, as in gRPC. */
function textRecords(host: string, clock: Clock): Promise<readonly (readonly string[])[]> {
  return new Promise((resolve) => {
    const disarm = clock.at(clock.nowMs() + textTimeoutMs, () => resolve([]), "watch");
    systemTextLookup(`${configNamePrefix}${host}`, (error, records) => {
      disarm();
      resolve(error === null ? records : []);
    });
  });
}

async function systemAddresses(path: string): Promise<string[]> {
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
}

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

/** Returns the two parts of a resolver's answer. @throws TypeError for an answer without endpoints */
export function partsOfAnswer(answer: unknown): { readonly endpoints: unknown; readonly serviceConfig: unknown } {
  if (!isConfigObject(answer)) return { endpoints: answer, serviceConfig: undefined };
  const { endpoints, serviceConfig } = answer;
  if (endpoints === undefined)
    throw new TypeError("a resolver returns an array of endpoints, or an object with endpoints");
  return { endpoints, serviceConfig };
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
