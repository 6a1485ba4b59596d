/** The targets of channels: the names of gRPC's naming document, and given connections. */
import {
  bracketed,
  isLoopback,
  parseHostPort,
  parseUnixAddress,
  printAddress,
  printHostPort,
  type SocketAddress,
  type TcpAddress,
  withoutZone,
} from "@trunkline/base";
import { checkSocketPath } from "#platform";
import type { Carrier } from "../connection/carrier.js";
import { defaultPort, type Resolvers, type ResolverTarget } from "./resolver.js";

/** One connection that exists already; once it is gone, so is the channel. */
export interface TransportTarget {
  readonly transport: Carrier;
  /** `:authority` of the calls. Default `"localhost"`. */
  readonly authority?: string | undefined;
}

/**
 * A function of the caller's own that makes connections: through a proxy, a tunnel, a child process. It is called again
 * after each loss.
 */
export interface ConnectTarget {
  /** Makes a connection. The waiting calls fail with its error as UNAVAILABLE. */
  connect(options: { readonly signal: AbortSignal }): Promise<Carrier> | Carrier;
  /** `:authority` of the calls. Default `"localhost"`. */
  readonly authority?: string | undefined;
}

/**
 * `"dns:///host:port"`, `"host:port"`, `"ipv4:1.2.3.4:50051,1.2.3.5:50051"`, `"ipv6:[::1]:50051,…"`, `"unix:/path"`,
 * `"unix:///path"`, `"unix-abstract:name"`, `"passthrough:///host:port"` (the name is looked up with each connection),
 * a target of a resolver that was registered, or a connection that is made otherwise.
 */
export type ChannelTarget = string | TransportTarget | ConnectTarget;

/** A target that is text. */
export interface ParsedTarget {
  /** The name in messages. */
  readonly name: string;
  /** The addresses; undefined where a resolver finds them. */
  readonly addresses: readonly SocketAddress[] | undefined;
  /** The target that the resolver is asked for. */
  readonly lookup: ResolverTarget | undefined;
  /** True where the way does not leave the machine, so that TLS is not needed. */
  readonly local: boolean;
  readonly authority: string;
  /** The host that the certificate is for; undefined where that is each address itself. */
  readonly serverName: string | undefined;
}

/**
 * Parses the target of a channel.
 * @param schemes the schemes of the resolvers that were registered
 * @throws TypeError for text that is no target; SocketPathError (a RangeError) for a Unix socket's path that is longer
 * than the system takes
 */
export function parseTarget(target: string, schemes: Resolvers = {}): ParsedTarget {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(target) ?? [];
  if (Object.hasOwn(schemes, scheme)) return registeredTarget(target, scheme, rest);
  const unix = parseUnixAddress(target);
  if (unix !== undefined) {
    checkSocketPath(unix.path);
    return fixedTarget([unix], true, "localhost");
  }
  if (scheme === "ipv4" || scheme === "ipv6") return listedTarget(target, scheme, rest);
  const isNamed = scheme === "dns" || scheme === "passthrough";
  if (isNamed && /^\/\/[^/]/.test(rest)) {
    throw new TypeError(
      scheme === "dns"
        ? `target ${JSON.stringify(target)} names a DNS server, which is not supported: use "dns:///host:port"`
        : `target ${JSON.stringify(target)} has an authority: use "passthrough:///host:port"`,
    );
  }
  const parsed = parseHostPort(isNamed ? rest.replace(/^\/\/\//, "") : target);
  if (parsed === undefined) {
    throw new TypeError(
      `target ${JSON.stringify(target)} is not one: use "host:port", "dns:///host:port" or "unix:/path"`,
    );
  }
  const { host, port = defaultPort } = parsed;
  const authority = authorityOf(host, port);
  const isAddress = host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
  if (isAddress || scheme === "passthrough") return fixedTarget([{ host, port }], isLoopback(host), authority);
  return {
    name: printHostPort(host, port),
    addresses: undefined,
    lookup: { scheme: "dns", path: printHostPort(host, port) },
    local: isLoopback(host),
    authority,
    serverName: host,
  };
}

/**
 * Returns a target that was parsed as the URI of gRPC's naming document: one without a scheme is a name of DNS, and one
 * of DNS has three slashes.
 */
export function targetUri(target: string): string {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/s.exec(target) ?? [];
  if (scheme === "dns") return `dns:///${rest.replace(/^\/{3}/, "")}`;
  return scheme === "" || /^\d+$/.test(rest) ? `dns:///${target}` : target;
}

function authorityOf(host: string, port: number): string {
  // A zone means something on this machine only (RFC 6874 §3).
  const own = withoutZone(host);
  return port === defaultPort ? bracketed(own) : printHostPort(own, port);
}

function fixedTarget(addresses: readonly SocketAddress[], local: boolean, authority: string): ParsedTarget {
  const name = addresses.map(printAddress).join(",");
  return { name, addresses, lookup: undefined, local, authority, serverName: undefined };
}

/** Parses a list of IP addresses. The first is the authority, as grpc-js has it. */
function listedTarget(target: string, scheme: "ipv4" | "ipv6", list: string): ParsedTarget {
  const parts = list.replace(/^\/\/\//, "").split(",", maxListedAddresses + 1);
  if (parts.length > maxListedAddresses) throw new TypeError(`a target has more than ${maxListedAddresses} addresses`);
  const addresses = parts.map((part) => {
    const bare = scheme === "ipv6" && /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(part) ? `[${part}]` : part;
    const parsed = parseHostPort(bare);
    const isRight = scheme === "ipv4" ? /^\d{1,3}(\.\d{1,3}){3}$/ : /:/;
    if (parsed !== undefined && isRight.test(parsed.host)) {
      return { host: parsed.host, port: parsed.port ?? defaultPort };
    }
    const form = scheme === "ipv4" ? '"ipv4:1.2.3.4:50051,1.2.3.5:50051"' : '"ipv6:[::1]:50051,[::2]:50051"';
    throw new TypeError(`target ${JSON.stringify(target)} has ${JSON.stringify(part)} as an address: use ${form}`);
  });
  const [{ host, port }] = addresses as [TcpAddress];
  const isLocal = addresses.every((address) => isLoopback(address.host));
  return fixedTarget(addresses, isLocal, authorityOf(host, port));
}

/** The most addresses of one target: as many as a resolver may give by default. */
const maxListedAddresses = 1_000;

/** A target of a registered resolver. Its authority is its path, as in gRPC. */
function registeredTarget(target: string, scheme: string, rest: string): ParsedTarget {
  const path = rest.replace(/^\/{1,3}/, "");
  if (path === "") throw new TypeError(`target ${JSON.stringify(target)} has no name after its scheme`);
  const parsed = parseHostPort(path);
  return {
    name: target,
    addresses: undefined,
    lookup: { scheme, path },
    local: scheme === "dns" && parsed !== undefined && isLoopback(parsed.host),
    authority: path,
    serverName: parsed?.host ?? path,
  };
}
