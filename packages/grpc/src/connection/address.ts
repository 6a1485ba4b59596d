/** Addresses as text: what a channel goes to and a server listens on. */
import type { SocketTarget } from "@trunkline/h2/node";

/** The path of `unix:path`, `unix:/path` and `unix:///path`; undefined for other addresses. @throws TypeError when there is none */
export function unixPath(address: string): string | undefined {
  if (!address.startsWith("unix:")) return undefined;
  const absolute = address.startsWith("unix://");
  const path = address.slice(absolute ? "unix://".length : "unix:".length);
  if (path === "" || (absolute && !path.startsWith("/"))) {
    throw new TypeError(`${JSON.stringify(address)} has no path: use "unix:path", "unix:/path" or "unix:///path"`);
  }
  return path;
}

/** `host`, `host:port`, `[::1]` or `[::1]:port`; undefined for anything else. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/[\]\s]+))(?::([0-9]{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  return host === undefined || (port !== undefined && port > 65_535) ? undefined : { host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostAndPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`;
}

export function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** True for names and addresses that never leave the machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^(::ffff:)?127(\.[0-9]{1,3}){3}$/i.test(host);
}

/** How a socket's target is written. */
export function printTarget(target: SocketTarget): string {
  return "path" in target ? `unix:${target.path}` : hostAndPort(target.host, target.port);
}
