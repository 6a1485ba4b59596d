/** The grammar of addresses on the command line: targets, addresses to listen on, endpoints of routers. */
import { Buffer } from "node:buffer";
import { isIP, isIPv6 } from "node:net";
import { parseHostPort, printAddress, type SocketAddress, type TcpAddress } from "@trunkline/base";
import { maxSocketPathBytes } from "@trunkline/base/node";
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

export { isLocalAddress, printAddress, type SocketAddress } from "@trunkline/base";

/**
 * The host of a target that is only a port. The name covers IPv4 and IPv6: a service on "localhost" may be bound to
 * either.
 */
const defaultTargetHost = "localhost";
/** The host of an address to listen on that is only a port. */
const defaultListenHost = "127.0.0.1";

/** A program that is started for each connection, by the shell; its standard input and output are the connection. */
export interface ProgramTarget {
  readonly command: string;
}

/** The standard input and output of the command itself. */
export interface StandardTarget {
  readonly stdio: true;
}

/** An address of UDP, where datagrams go to or come from. */
export interface UdpAddress {
  readonly udp: TcpAddress;
}

/** The place that the connections to a name go to. */
export type Target = SocketAddress | ProgramTarget | StandardTarget | UdpAddress;

/** The address on this machine at which a name can be reached. */
export type ListenAddress = SocketAddress | UdpAddress;

/** Returns a target as the command line takes it. */
export function printTarget(target: Target): string {
  if ("stdio" in target) return standardTarget;
  if ("udp" in target) return `${udpPrefix}${printAddress(target.udp)}`;
  return "command" in target ? `${programPrefix}${target.command}` : printAddress(target);
}

const programPrefix = "exec:";
const standardTarget = "stdio:";
const udpPrefix = "udp:";

/**
 * Parses `3000`, `host:port`, `[::1]:22`, `unix:/path`, `unix-abstract:name`, `exec:command`, `stdio:`, `udp:53` or
 * `udp:host:port`. @throws CommandError that says what is wrong
 */
export function parseTarget(text: string): Target {
  if (text === standardTarget) return { stdio: true };
  if (text.startsWith(standardTarget))
    throw new CommandError(`target ${JSON.stringify(text)} has something behind stdio:`, ExitCode.usage);
  if (text.startsWith(programPrefix)) return { command: commandOf(text) };
  if (text.startsWith(udpPrefix)) return { udp: parseUdp(text, "target", 1) };
  return parse(text, {
    what: "target",
    defaultHost: defaultTargetHost,
    minPort: 1,
    example: "3000, localhost:3000, [::1]:22, unix:/path or exec:command",
  });
}

/** Parses what `parseListen` does, and `udp:53` or `udp:host:53`. @throws CommandError that says what is wrong */
export function parseForwardListen(text: string): ListenAddress {
  return text.startsWith(udpPrefix) ? { udp: parseUdp(text, "address to listen on", 0) } : parseListen(text);
}

/** A port alone is one of IPv4: UDP does not tell whether a service listens at the other address of "localhost". */
function parseUdp(text: string, what: string, minPort: 0 | 1): TcpAddress {
  const address = text.slice(udpPrefix.length);
  const grammar = { what, defaultHost: defaultListenHost, minPort, example: "udp:53, udp:host:53 or udp:[::1]:53" };
  const parsed = /^unix/.test(address) ? undefined : parse(address, grammar);
  if (parsed !== undefined && "port" in parsed) return parsed;
  throw new CommandError(`${what} ${JSON.stringify(text)} is a Unix socket behind udp:`, ExitCode.usage);
}

/**
 * Parses `8080`, `host:port` with 0 for any free port, `unix:/path` or `unix-abstract:name`. @throws CommandError that
 * says what is wrong
 */
export function parseListen(text: string): SocketAddress {
  return parse(text, {
    what: "address to listen on",
    defaultHost: defaultListenHost,
    minPort: 0,
    example: "8080, 0.0.0.0:8080 or unix:/path",
  });
}

/**
 * Parses `host:port`, `unix:/path` or `unix-abstract:name` of a router. @throws CommandError that says what is wrong
 */
export function parseEndpoint(text: string): SocketAddress {
  const [, scheme, place = ""] = /^(wss?):\/\/([^/?#]*)/.exec(text) ?? [];
  if (scheme !== undefined) {
    const parsed = parseHostPort(place);
    if (parsed !== undefined) return { host: parsed.host, port: parsed.port ?? (scheme === "wss" ? 443 : 80) };
    // What is before the host may be a secret.
    throw new CommandError(`the endpoint has no host behind ${scheme}://, as wss://host/path has`, ExitCode.usage);
  }
  return parse(text, {
    what: "endpoint",
    defaultHost: undefined,
    minPort: 1,
    example: "router.example.org:443, 127.0.0.1:7420 or unix:/path",
  });
}

/**
 * Returns an endpoint in its one form; the URL of a WebSocket stays as it is. @throws CommandError as `parseEndpoint`
 */
export function printEndpoint(text: string): string {
  const address = parseEndpoint(text);
  return isWebSocket(text) ? text : printAddress(address);
}

/** Returns true for the URL of a WebSocket: `wss://host/path` or `ws://host/path`. */
export function isWebSocket(endpoint: string): boolean {
  return /^wss?:\/\//.test(endpoint);
}

function commandOf(text: string): string {
  const command = text.slice(programPrefix.length);
  if (command.trim() === "" || command.includes("\0")) {
    const why = command.includes("\0") ? "has a zero byte in its command" : "has no command, as in exec:cat";
    throw new CommandError(`target ${JSON.stringify(text)} ${why}`, ExitCode.usage);
  }
  return command;
}

interface Grammar {
  /** The first words of the messages. */
  readonly what: string;
  /** The host of a port alone; undefined where that is not allowed. */
  readonly defaultHost: string | undefined;
  readonly minPort: 0 | 1;
  readonly example: string;
}

function parse(text: string, grammar: Grammar): SocketAddress {
  const refuse = (why: string): never => {
    throw new CommandError(`${grammar.what} ${JSON.stringify(text)} ${why}`, ExitCode.usage);
  };
  if (text === "") return refuse(`is empty; use ${grammar.example}`);
  if (text.startsWith("unix:")) return { path: socketPath(text.slice("unix:".length), refuse) };
  if (text.startsWith("unix-abstract:")) return { path: abstractPath(text.slice("unix-abstract:".length), refuse) };
  if (text.startsWith(udpPrefix)) return refuse(`is an address of UDP; use ${grammar.example}`);
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
  return checked(path, path, refuse);
}

function abstractPath(name: string, refuse: (why: string) => never): string {
  if (name === "") return refuse("has no name, as in unix-abstract:app");
  return checked(name, `\0${name}`, refuse);
}

function checked(shown: string, path: string, refuse: (why: string) => never): string {
  if (shown.includes("\0")) return refuse("has a zero byte in its path");
  const bytes = Buffer.byteLength(shown);
  if (bytes > maxSocketPathBytes)
    return refuse(
      `has a path of ${bytes} bytes, more than this system takes for a Unix socket (${maxSocketPathBytes})`,
    );
  return path;
}
