/** The grammar of addresses on the command line: what to connect to, what to listen on, where the router is. */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** The name of this machine for itself, IPv4 and IPv6: what a service that "listens on localhost" may be bound to. */
const defaultTargetHost = "localhost";
const defaultListenHost = "127.0.0.1";

/** `sun_path` has 108 bytes on Linux and 104 on macOS, with the zero at the end. */
const maxSocketPathBytes = 103;

/** `3000`, `host:port`, `[::1]:22` or `unix:/path`. @throws CommandError saying what is wrong */
export function parseTarget(text: string): Address {
  return parse(text, {
    what: "target",
    defaultHost: defaultTargetHost,
    minPort: 1,
    example: "3000, localhost:3000, [::1]:22 or unix:/path",
  });
}

/** `8080`, `host:port` with 0 for any free port, or `unix:/path`. @throws CommandError saying what is wrong */
export function parseListen(text: string): Address {
  return parse(text, {
    what: "address to listen on",
    defaultHost: defaultListenHost,
    minPort: 0,
    example: "8080, 0.0.0.0:8080 or unix:/path",
  });
}

/** `host:port` or `unix:/path` of a router. @throws CommandError saying what is wrong */
export function parseEndpoint(text: string): Address {
  return parse(text, {
    what: "endpoint",
    defaultHost: undefined,
    minPort: 1,
    example: "router.example.org:443, 127.0.0.1:7420 or unix:/path",
  });
}

/** As it is written on the command line. */
export function printAddress(address: Address): string {
  if ("path" in address) return `unix:${address.path}`;
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True where only this machine can connect. */
export function isLocal(address: Address): boolean {
  if ("path" in address) return true;
  const { host } = address;
  return host === "localhost" || (isIPv4(host) && host.startsWith("127.")) || host === "::1";
}

interface Grammar {
  /** Begins the messages. */
  readonly what: string;
  /** For a port alone; undefined where that is not allowed. */
  readonly defaultHost: string | undefined;
  readonly minPort: 0 | 1;
  readonly example: string;
}

function parse(text: string, grammar: Grammar): Address {
  const refuse = (why: string): never => {
    throw new CommandError(`${grammar.what} ${JSON.stringify(text)} ${why}`, ExitCode.usage);
  };
  if (text === "") return refuse(`is empty; use ${grammar.example}`);
  if (text.startsWith("unix:")) return { path: socketPath(text.slice("unix:".length), refuse) };
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return refuse(`is a URL; use ${grammar.example}`);
  if (/^[./~]/.test(text)) return refuse(`looks like a path; a Unix socket is unix:${text}`);
  if (/^-?\d+$/.test(text)) {
    if (grammar.defaultHost === undefined) return refuse(`has no host; use ${grammar.example}`);
    return { host: grammar.defaultHost, port: portNumber(text, grammar.minPort, refuse) };
  }
  if (isIPv6(text)) return refuse("has no port; an IPv6 address stands in brackets: [::1]:22");
  const { host, port } = split(text, grammar, refuse);
  return { host, port: portNumber(port, grammar.minPort, refuse) };
}

function split(text: string, grammar: Grammar, refuse: (why: string) => never): { host: string; port: string } {
  if (text.startsWith("[")) {
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
    if (bracketed === null) return refuse("has no port after its brackets, as in [::1]:22");
    const [, host = "", port] = bracketed;
    if (!isIPv6(host)) return refuse(`has ${JSON.stringify(host)} in brackets, which is not an IPv6 address`);
    return port === undefined ? refuse("has no port, as in [::1]:22") : { host, port };
  }
  const colon = text.lastIndexOf(":");
  if (colon === -1) return refuse(`has no port; use ${grammar.example}`);
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (host === "") return refuse(`has no host before its port; use ${grammar.example}`);
  if (host.includes(":")) return refuse("has too many colons; an IPv6 address stands in brackets: [::1]:22");
  if (/^\d+$/.test(host)) return refuse(`has a port for its host; use ${grammar.example}`);
  if (/^[\d.]+$/.test(host) && isIP(host) === 0)
    return refuse(`has ${JSON.stringify(host)} for its host, which is not an IPv4 address`);
  if (!/^[\p{L}\p{N}_]([\p{L}\p{N}\p{M}_.-]*[\p{L}\p{N}\p{M}_.])?$/u.test(host)) {
    return refuse(`has ${JSON.stringify(host)} for its host, which is neither a name nor an address`);
  }
  return { host, port };
}

function portNumber(text: string, min: number, refuse: (why: string) => never): number {
  if (text === "") return refuse("has nothing after its colon; a port is missing");
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port >= min && port <= 65_535))
    return refuse(`has ${JSON.stringify(text)} for its port, which must be from ${min} to 65535`);
  return port;
}

function socketPath(path: string, refuse: (why: string) => never): string {
  if (path.startsWith("///")) return socketPath(path.slice(2), refuse); // as gRPC writes it
  if (path === "" || path.startsWith("//")) return refuse("has no path, as in unix:/run/app.sock");
  if (path.includes("\0")) return refuse("has a zero byte in its path");
  const bytes = Buffer.byteLength(path);
  if (bytes > maxSocketPathBytes)
    return refuse(`has a path of ${bytes} bytes, longer than a Unix socket's can be (${maxSocketPathBytes})`);
  return path;
}
