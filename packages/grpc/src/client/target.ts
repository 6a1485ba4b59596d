/** The targets of channels: the names of gRPC's naming document that need no resolver, and given connections. */
import {
  bracketed,
  isLoopback,
  parseHostPort,
  parseUnixAddress,
  printHostPort,
  type SocketAddress,
  withoutZone,
} from "@trunkline/base";
import { checkSocketPath } from "#platform";
import type { Carrier } from "../connection/carrier.js";

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
 * `"dns:///host:port"`, `"host:port"`, `"unix:/path"`, `"unix:///path"`, `"unix-abstract:name"`, or a connection that
 * is made otherwise.
 */
export type ChannelTarget = string | TransportTarget | ConnectTarget;

/** A target that is an address. */
export interface AddressTarget {
  readonly socket: SocketAddress;
  /** True where the way does not leave the machine, so that TLS is not needed. */
  readonly local: boolean;
  readonly authority: string;
}

/** The port where none is given, as in gRPC. */
const defaultPort = 443;

/**
 * Parses the target of a channel.
 * @throws TypeError for text that is no target; SocketPathError (a RangeError) for a Unix socket's path that is longer
 * than the system takes
 */
export function parseTarget(target: string): AddressTarget {
  const unix = parseUnixAddress(target);
  if (unix !== undefined) {
    checkSocketPath(unix.path);
    return { socket: unix, local: true, authority: "localhost" };
  }
  let name = target;
  if (target.startsWith("dns:")) {
    name = target.slice("dns:".length);
    if (name.startsWith("//") && !name.startsWith("///")) {
      throw new TypeError(
        `target ${JSON.stringify(target)} names a DNS server, which is not supported: use "dns:///host:port"`,
      );
    }
    if (name.startsWith("///")) name = name.slice("///".length);
  }
  const parsed = parseHostPort(name);
  if (parsed === undefined) {
    throw new TypeError(
      `target ${JSON.stringify(target)} is not one: use "host:port", "dns:///host:port" or "unix:/path"`,
    );
  }
  const { host, port = defaultPort } = parsed;
  // A zone means something on this machine only (RFC 6874 §3).
  const authorityHost = withoutZone(host);
  return {
    socket: { host, port },
    local: isLoopback(host),
    authority: port === defaultPort ? bracketed(authorityHost) : printHostPort(authorityHost, port),
  };
}
