/** Addresses of sockets and how they are written. This file must not know how a socket is opened. */

/** An address of TCP. */
export interface TcpAddress {
  /** A name or an IP address; an IPv6 address may have a zone (`fe80::1%eth0`). */
  readonly host: string;
  readonly port: number;
}

/** An address of a Unix socket. */
export interface UnixAddress {
  /** The file of the socket. A path that begins with a zero byte is a name in Linux's abstract namespace. */
  readonly path: string;
}

/** An address that a socket connects to or listens on. */
export type SocketAddress = TcpAddress | UnixAddress;

/** Returns the address as text: `host:port`, `[::1]:port`, `unix:/path` or `unix-abstract:name`. */
export function printAddress(address: SocketAddress): string {
  if (!("path" in address)) return printHostPort(address.host, address.port);
  const { path } = address;
  return path.startsWith("\0") ? `unix-abstract:${path.slice(1)}` : `unix:${path}`;
}

/** Returns `host:port`, with brackets around an IPv6 address. */
export function printHostPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

/** Returns `host`, in brackets if it is an IPv6 address. */
export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Returns an IPv6 address without its zone, which means something on this machine only; other hosts stay as they are.
 */
export function withoutZone(host: string): string {
  return host.includes(":") ? host.replace(/%.*$/s, "") : host;
}

/**
 * Parses `unix:path`, `unix:/path`, `unix:///path` and `unix-abstract:name`, as gRPC's naming document has them.
 * @returns undefined for any other text
 * @throws TypeError when the path or the name is missing or holds a zero byte
 */
export function parseUnixAddress(text: string): UnixAddress | undefined {
  const scheme = /^unix(-abstract)?:/.exec(text);
  if (scheme === null) return undefined;
  const rest = text.slice(scheme[0].length);
  const refuse = (what: string): TypeError => new TypeError(`${JSON.stringify(text)} ${what}`);
  if (rest.includes("\0")) throw refuse("has a zero byte in its path");
  if (scheme[1] !== undefined) {
    if (rest === "") throw refuse('has no name: use "unix-abstract:name"');
    return { path: `\0${rest}` };
  }
  const path = rest.startsWith("//") ? rest.slice(2) : rest;
  if (path === "" || (rest.startsWith("//") && !path.startsWith("/"))) {
    throw refuse('has no path: use "unix:path", "unix:/path" or "unix:///path"');
  }
  return { path };
}

/** A host, and a port where one was given. */
export interface ParsedHost {
  readonly host: string;
  readonly port: number | undefined;
}

const hostPort = /^(?:\[([0-9a-fA-F:.]+(?:%[^%\s[\]/]+)?)\]|([^:/[\]\s%]+))(?::([0-9]{1,5}))?$/;

/**
 * Parses `host`, `host:port`, `[::1]`, `[::1]:port` and `[fe80::1%eth0]:port`. A zone may be written as URIs have it,
 * after `%25` (RFC 6874 §2).
 * @returns undefined for any other text
 */
export function parseHostPort(text: string): ParsedHost | undefined {
  const match = hostPort.exec(text.replace(/^\[([^%\]]+)%25(?=[^\]])/, "[$1%"));
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  return host === undefined || (port !== undefined && port > 65_535) ? undefined : { host, port };
}

/** Returns true for a host that never leaves this machine: `localhost` and the addresses of loopback. */
export function isLoopback(host: string): boolean {
  const address = withoutZone(host);
  return address === "localhost" || address === "::1" || /^(::ffff:)?127(\.[0-9]{1,3}){3}$/i.test(address);
}

/** Returns true for an address that only this machine can connect to: a Unix socket or loopback. */
export function isLocalAddress(address: SocketAddress): boolean {
  return "path" in address || isLoopback(address.host);
}
