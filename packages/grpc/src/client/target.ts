/** Where a channel goes to: the names of gRPC's naming document that need no resolver, and given connections. */
import type { Duplex } from "node:stream";
import type { SocketTarget } from "@trunkline/h2/node";
import { bracketed, hostAndPort, isLoopback, parseHostPort, unixPath } from "../connection/address.js";

/** One connection that exists already; once it is gone, so is the channel. */
export interface TransportTarget {
  readonly transport: Duplex;
  /** `:authority` of the calls. Default `"localhost"`. */
  readonly authority?: string | undefined;
}

/** A way of one's own to make connections: through a proxy, a tunnel, a child process. Called again after each loss. */
export interface ConnectTarget {
  /** What it rejects with, the waiting calls fail with as UNAVAILABLE. */
  connect(options: { readonly signal: AbortSignal }): Promise<Duplex> | Duplex;
  /** `:authority` of the calls. Default `"localhost"`. */
  readonly authority?: string | undefined;
}

/** `"dns:///host:port"`, `"host:port"`, `"unix:/path"`, `"unix:///path"`, or a connection that is made otherwise. */
export type ChannelTarget = string | TransportTarget | ConnectTarget;

export interface SocketAddress {
  readonly socket: SocketTarget;
  /** Nobody else is on the way: TLS is not needed. */
  readonly local: boolean;
  readonly authority: string;
}

/** What gRPC takes where no port is given. */
const defaultPort = 443;

/** @throws TypeError saying what is wrong */
export function parseTarget(target: string): SocketAddress {
  const path = unixPath(target);
  if (path !== undefined) return { socket: { path }, local: true, authority: "localhost" };
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
  return {
    socket: { host, port },
    local: isLoopback(host),
    authority: port === defaultPort ? bracketed(host) : hostAndPort(host, port),
  };
}
